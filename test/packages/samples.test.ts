import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const under = (folder: string, name: RegExp): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => name.test(path) && !path.includes("node_modules"))
    .map((path) => join(root, folder, path));
const pages = [
  join(root, "README.md"),
  ...under("docs", /\.md$/),
  ...under("packages", /^[^/]+\/README\.md$/),
  ...under("examples", /^[^/]+\/README\.md$/),
];

/** The programs of a page: what is in TypeScript and begins with its imports. */
function programsOf(page: string): string[] {
  const blocks = readFileSync(page, "utf8").matchAll(/^```ts\n(.*?)^```$/gms);
  return [...blocks].map(([, code = ""]) => code).filter((code) => /^import /m.test(code));
}

test("every program in the documentation is one that the compiler takes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-samples-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const paths = { "sluice-blocked-names": [join(root, "examples/plugin-hello/src/index.ts")] };
  const compilerOptions = { composite: false, noEmit: true, isolatedDeclarations: false, noUnusedLocals: false, paths };
  const extended = { extends: join(root, "tsconfig.base.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(extended));
  const programs = pages.flatMap((page) =>
    programsOf(page).map((code, i) => ({ page: relative(root, page), code, i })),
  );
  for (const { page, code, i } of programs) {
    writeFileSync(join(folder, `${page.replaceAll("/", "-")}-${i + 1}.ts`), code);
  }
  expect(programs.length).toBeGreaterThan(20);
  const compiled = promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["-p", folder]);
  expect(
    await compiled.then(
      () => "",
      ({ stdout }: { stdout: string }) => stdout,
    ),
  ).toBe("");
});

test("what a program of a package imports is in the line that installs the package, or comes with it", () => {
  for (const page of pages.filter((path) => path.startsWith(join(root, "packages")))) {
    const manifest = JSON.parse(readFileSync(join(dirname(page), "package.json"), "utf8")) as Record<string, object>;
    const installed = /^npm install (.*)$/m.exec(readFileSync(page, "utf8"))?.[1]?.split(/\s+/) ?? [];
    const had = [...installed, ...Object.keys(manifest["dependencies"] ?? {})];
    const imported = programsOf(page).flatMap((code) => [...code.matchAll(/from "((?:@[^/"]+\/)?[^/".:][^/"]*)/g)]);
    const wanted = imported.map(([, name = ""]) => name).filter((name) => !name.startsWith("node:"));
    expect(had, relative(root, page)).toEqual(expect.arrayContaining(wanted));
  }
});

test("every link in the documentation leads to a file, and to a heading where it names one", () => {
  const broken = pages.flatMap((page) => {
    const links = readFileSync(page, "utf8")
      .replaceAll(/^```.*?^```$/gms, "")
      .matchAll(/\]\(([^)\s]*)\)/g);
    return [...links].map(([, link = ""]) => link).filter((link) => !/^https?:/.test(link) && !leads(page, link));
  });
  expect(broken).toEqual([]);
});

function leads(page: string, link: string): boolean {
  const [path = "", heading] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(target)) return false;
  return heading === undefined || headingsOf(target).includes(heading);
}

/** The headings of a page as GitHub names them in links. */
function headingsOf(page: string): string[] {
  const file = page.endsWith(".md") ? page : join(page, "README.md");
  return [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => {
    return title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  });
}
