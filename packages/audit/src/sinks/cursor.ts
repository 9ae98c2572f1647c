import { rotatedFiles, type LogFile } from "../catalog.ts";
import { unseal } from "../line.ts";
import { readLines, type Line } from "../lines.ts";
import type { LogPosition } from "../log.ts";
import type { Position } from "./position.ts";
import type { Entry } from "./sink.ts";

const maxEntries = 500;
const maxBytes = 512 * 1024;

/** Records that come next, and where they leave the reader. */
export interface Batch {
  readonly entries: readonly Entry[];
  readonly position: Position;
  /** Records that are not there any more: retention was faster. */
  readonly skipped: number;
}

/** Reads a log while it is written, from file to file. */
export class Cursor {
  readonly #file: string;
  readonly #log: { readonly position: LogPosition };
  #position: Position;
  #open: { readonly first: number; readonly lines: AsyncGenerator<Line> } | undefined;

  constructor(file: string, log: { readonly position: LogPosition }, start: Position) {
    this.#file = file;
    this.#log = log;
    this.#position = start;
  }

  /** Records that have been written and not been read. */
  get behind(): number {
    return Math.max(0, this.#log.position.seq - this.#position.seq);
  }

  /** What comes next; nothing where there is none. */
  async next(): Promise<Batch | undefined> {
    const entries: Entry[] = [];
    let bytes = 0;
    let skipped = 0;
    let { seq, first, offset } = this.#position;
    let misses = 0;
    while (entries.length < maxEntries && bytes < maxBytes && seq < this.#log.position.seq) {
      const opened = (this.#open ??= this.#find(seq + 1, first, offset));
      if (opened.first !== first) [first, offset] = [opened.first, 0];
      const line = await this.#line(opened.lines);
      const record = line?.whole === true ? unseal(line.bytes).record : undefined;
      if (line !== undefined && record !== undefined && record.seq <= seq) {
        offset = line.end;
        continue;
      }
      // A file was renamed, compressed or removed while it was looked for: look again, and at last take what there is.
      if (line === undefined || record === undefined || (record.seq !== seq + 1 && misses < 3)) {
        this.#open = undefined;
        await opened.lines.return(undefined);
        misses += 1;
        if (misses <= 3) continue;
        const next = record === undefined ? this.#firstAfter(seq) : record.seq;
        if (next === undefined) break;
        skipped += next - seq - 1;
        seq = next - 1;
        misses = 0;
        continue;
      }
      if (record.seq > seq + 1) skipped += record.seq - seq - 1;
      misses = 0;
      seq = record.seq;
      offset = line.end;
      bytes += line.bytes.length;
      entries.push({ record, line: line.bytes.toString("utf8") });
    }
    if (entries.length === 0 && skipped === 0) return undefined;
    this.#position = { seq, first, offset };
    return { entries, position: this.#position, skipped };
  }

  async close(): Promise<void> {
    await this.#open?.lines.return(undefined);
    this.#open = undefined;
  }

  #find(
    wanted: number,
    first: number,
    offset: number,
  ): { readonly first: number; readonly lines: AsyncGenerator<Line> } {
    const files = this.#files();
    const file = files.findLast((candidate) => candidate.first <= wanted) ?? files[0];
    if (file === undefined) throw new Error("the log has no file");
    return { first: file.first, lines: readLines(file, file.first === first ? offset : 0) };
  }

  #firstAfter(seq: number): number | undefined {
    return this.#files().find((file) => file.first > seq + 1)?.first;
  }

  #files(): readonly (LogFile & { readonly first: number })[] {
    const live = { path: this.#file, first: this.#log.position.first, compressed: false };
    return [...rotatedFiles(this.#file).filter((file) => file.first < live.first), live];
  }

  async #line(lines: AsyncGenerator<Line>): Promise<Line | undefined> {
    try {
      const next = await lines.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}
