import { statSync } from "node:fs";
import { rotatedFiles } from "./catalog.ts";
import { unseal } from "./line.ts";
import { readLines, type Line } from "./lines.ts";

/** A file of a log, to be read. */
export interface SourceFile {
  readonly path: string;
  readonly compressed: boolean;
  /** The log's own name, where a server may be writing: it can be another file by the time it is read. @default false */
  readonly live?: boolean;
  /** `seq` of its first record, where its name says so. */
  readonly first?: number | undefined;
}

/** The files of a log, oldest first: the rotated ones and the one that is written. A path of a rotated file is that file alone. */
export function filesOf(path: string): readonly SourceFile[] {
  const found = statSync(path, { throwIfNoEntry: false });
  const live = found === undefined ? [] : [{ path, compressed: path.endsWith(".gz"), live: true }];
  return [...rotatedFiles(path), ...live];
}

/** A line, and the file that it is in. */
export interface FileLine extends Line {
  readonly file: SourceFile;
  /** Why nothing more of the file can be read. */
  readonly problem?: string;
}

/**
 * The lines of a log's files, in turn. A log may be rotated after its files were listed: what was written then stands in files that are not among
 * them, and is read before the live one, which by then begins after it.
 *
 * @param start the first of the files that is wanted
 */
export async function* linesOf(files: readonly SourceFile[], start = 0): AsyncGenerator<FileLine> {
  const listed = new Set(files.map(({ first }) => first));
  for (const file of files.slice(start)) {
    for await (const line of readable(file)) {
      if (file.live === true && line.number === 1) yield* linesOf(missed(file.path, line, listed));
      yield line;
    }
  }
}

function missed(live: string, { bytes, whole }: Line, listed: ReadonlySet<number | undefined>): readonly SourceFile[] {
  const first = whole ? unseal(bytes).record?.seq : undefined;
  if (first === undefined) return [];
  return rotatedFiles(live).filter((file) => file.first < first && !listed.has(file.first));
}

async function* readable(file: SourceFile): AsyncGenerator<FileLine> {
  let [number, end] = [0, 0];
  try {
    for await (const line of readLines(file)) {
      ({ number, end } = line);
      yield { ...line, file };
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_") !== true) throw error;
    const problem = `the compressed file is damaged: ${message}`;
    yield { number: number + 1, bytes: Buffer.alloc(0), end, whole: false, file, problem };
  }
}
