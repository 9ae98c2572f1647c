import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

/** What one export of code names. */
interface Entry {
  readonly types: string;
  readonly default: string;
}

/** What is read of a `package.json`. */
interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | Entry>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, "../..");
const folders = readdirSync(join(root, "packages")).filter((name) =>
  existsSync(join(root, "packages", name, "package.json")),
);

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8")) as Manifest;
}

/** What a program imports, by itself and by the files of its package that it imports. */
function importsFrom(file: string, seen = new Set<string>()): Set<string> {
  const outside = new Set<string>();
  if (seen.has(file)) return outside;
  seen.add(file);
  const code = readFileSync(file, "utf8").replaceAll(/\/\*.*?\*\//gs, "");
  for (const [, name = ""] of code.matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)) {
    if (!name.startsWith(".")) outside.add(name);
    else
      for (const each of importsFrom(join(dirname(file), name.replace(/(?:\.d)?\.[jt]s$/, ".d.ts")), seen))
        outside.add(each);
  }
  return outside;
}

function packageOf(name: string): string {
  return name.split("/", name.startsWith("@") ? 2 : 1).join("/");
}

test.each(folders)("the declarations of %s name only packages that come with it and bring their types", (folder) => {
  const { exports, dependencies, peerDependencies } = manifestOf(folder);
  const known = { ...dependencies, ...peerDependencies };
  for (const { types } of Object.values(exports).filter((entry) => typeof entry !== "string")) {
    for (const name of importsFrom(join(root, "packages", folder, types))) {
      if (name.startsWith("node:")) continue;
      expect(known).toHaveProperty([packageOf(name)]);
      expect(existsSync(join(root, "node_modules/@types", packageOf(name))), `${name} has no types of its own`).toBe(
        false,
      );
    }
  }
});

test("what is published has a page to read, what its exports name, and no tests", () => {
  const workspaces = folders.flatMap((folder) => ["-w", `packages/${folder}`]);
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts", ...workspaces];
  const printed = execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const packs = JSON.parse(printed) as readonly {
    readonly name: string;
    readonly files: { readonly path: string }[];
  }[];
  expect(packs.map(({ name }) => name).sort()).toEqual(folders.map((folder) => manifestOf(folder).name).sort());
  for (const { name, files } of packs) {
    const paths = files.map(({ path }) => path);
    const { exports } = manifestOf(name.split("/")[1]!);
    const named = Object.values(exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : [entry.types, entry.default],
    );
    expect(paths).toEqual(expect.arrayContaining(["README.md", ...named.map((path) => path.replace(/^\.\//, ""))]));
    expect(paths.filter((path) => /\.test|test-d|tsbuildinfo|(^|\/)test\//.test(path))).toEqual([]);
  }
});
