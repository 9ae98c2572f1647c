import { filesOf, readRecords, type SourceFile } from "@sluice/audit";
import { statSync } from "node:fs";
import { Failure, reasonOf } from "../failure.ts";

/** The files that are named, and the rotated ones beside each unless `only` these are wanted: each once, oldest first. */
export async function filesNamed(names: readonly string[], only: boolean): Promise<readonly SourceFile[]> {
  const found = new Map<string, { readonly file: SourceFile; readonly first: number }>();
  for (const name of names) {
    const files = only ? [{ path: name, compressed: name.endsWith(".gz") }] : filesOf(name);
    if (files.length === 0 || only) mustBeFile(name);
    for (const file of files) {
      if (!found.has(file.path)) found.set(file.path, { file, first: await firstOf(file) });
    }
  }
  return [...found.values()].sort((a, b) => a.first - b.first).map(({ file }) => file);
}

function mustBeFile(name: string): void {
  try {
    if (statSync(name).isDirectory()) throw new Failure(`${name}: is a directory; name the audit log in it`);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${name}: ${reasonOf(error)}`, error);
  }
}

/** The number of the first record that can be read: damaged files stay in the order that they were named in. */
async function firstOf(file: SourceFile): Promise<number> {
  try {
    for await (const { record } of readRecords(file)) return record.seq;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!code.startsWith("Z_")) throw new Failure(`${file.path}: ${reasonOf(error)}`, error);
  }
  return 0;
}
