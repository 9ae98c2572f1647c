import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { createJiti, type Jiti } from "jiti";
import { Failure, firstLine, reasonOf } from "../failure.ts";

// Without caches: a module cache would hand an edited file's old content to a reload, and the file cache lies in a directory that
// other users of the machine can write to.
const jiti: Jiti = createJiti(import.meta.url, { moduleCache: false, fsCache: false });

/**
 * Runs the text of a TypeScript or JavaScript configuration and returns its default export.
 *
 * @throws Failure that says why it does not load
 */
export async function loadModule(path: string, text: string, shown: string): Promise<unknown> {
  const module = await run(path, text).catch((error: unknown) => {
    throw new Failure(describeLoadError(error, path, shown), error);
  });
  if (!("default" in module)) {
    throw new Failure(`${shown}: has no default export; write "export default defineConfig({ … })"`);
  }
  return module["default"];
}

/** Imports a file, TypeScript or JavaScript, as it is now. */
export async function importFile(path: string): Promise<Record<string, unknown>> {
  return run(path, await readFile(path, "utf8"));
}

// `import` would leave JavaScript to node, which never reads a module twice.
async function run(path: string, text: string): Promise<Record<string, unknown>> {
  const evaluated = jiti.evalModule(text, { id: path, filename: path, ext: ".ts", async: true, forceTranspile: true });
  return (await evaluated) as Record<string, unknown>;
}

/** Where an import by that name leads to from a directory; `undefined` when it leads nowhere. */
export function resolveImport(name: string, directory: string): string | undefined {
  return jiti.esmResolve(name, {
    try: true,
    parentURL: pathToFileURL(`${directory}/`),
    conditions: [...conditionsOfNode(), "node", "import"],
  });
}

/** Conditions that node itself was started with, so that all packages are resolved by the same ones. */
function conditionsOfNode(): string[] {
  const given = [...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(/\s+/)];
  return given.flatMap((option, i) => {
    if (option.startsWith("--conditions=")) return [option.slice("--conditions=".length)];
    return option === "-C" || option === "--conditions" ? given.slice(i + 1, i + 2) : [];
  });
}

/** Why a module does not load, in one line that begins with what it is shown as. */
export function describeLoadError(error: unknown, path: string | undefined, shown: string): string {
  const { code, path: missing } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" && missing !== undefined && missing === path) return `${shown}: ${reasonOf(error)}`;
  // The transpiler's own message: "ParseError: what \n /path/file.ts:line:column".
  const message = error instanceof Error ? error.message : String(error);
  const parse = /^ParseError: (.*?)\s*\n\s*(.*):(\d+):(\d+)$/s.exec(message);
  if (parse === null) return `${shown}: cannot be loaded: ${firstLine(error)}`;
  const [, what, file, line, column] = parse;
  return `${file === path ? shown : file}:${line}:${column}: ${what}`;
}
