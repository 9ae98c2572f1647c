import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { namesBeside, rotatedFiles } from "./catalog.ts";

/** What becomes of rotated files. */
export interface ArchiveOptions {
  readonly compress: boolean;
  /** How many are kept. */
  readonly maxFiles: number;
  /** For how long they are kept after their last record, in milliseconds. */
  readonly maxAgeMs: number;
}

/** Files that were removed because of their age or number. */
export interface Retired {
  readonly files: readonly string[];
  /** The last record that is gone. */
  readonly upTo: number;
}

/** Compresses rotated files in the background, and removes those that are too old or too many. */
export class Archive {
  readonly #file: string;
  readonly #options: ArchiveOptions;
  readonly #abort = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(file: string, options: ArchiveOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** Looks after the files that there are. */
  tidy(failed: (error: unknown) => void): void {
    this.#work = this.#work.then(() => this.#tidy()).catch(failed);
  }

  /** Removes what is too old or too many. `live` is the first record of the live file. */
  retire(live: number, now: number): Retired | undefined {
    const { maxFiles, maxAgeMs } = this.#options;
    const files = rotatedFiles(this.#file);
    const tooMany = Math.max(0, files.length - maxFiles);
    let count = tooMany;
    while (count < files.length && now - lastChange(files[count]?.path ?? "") > maxAgeMs) count += 1;
    const gone = files.slice(0, count);
    if (gone.length === 0) return undefined;
    for (const { path } of gone) rmSync(path, { force: true });
    return { files: gone.map(({ path }) => basename(path)), upTo: (files[count]?.first ?? live) - 1 };
  }

  /** Resolves when nothing is under way any more; what was is begun anew at the next start. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#work;
  }

  async #tidy(): Promise<void> {
    const names = namesBeside(this.#file);
    const compressed = new Set(names.filter((name) => name.compressed).map((name) => name.first));
    for (const { path, first, temporary, compressed: done } of names) {
      // Left by a process that was killed while it compressed, or right after.
      if (temporary || (!done && compressed.has(first))) rmSync(path, { force: true });
    }
    if (!this.#options.compress) return;
    for (const { path, compressed: done } of rotatedFiles(this.#file)) {
      if (!done && !this.#abort.signal.aborted) await this.#compress(path);
    }
  }

  async #compress(path: string): Promise<void> {
    const part = `${path}.gz.part`;
    try {
      await pipeline(createReadStream(path), createGzip(), createWriteStream(part, { mode: 0o600 }), {
        signal: this.#abort.signal,
      });
      const handle = await open(part, "r+");
      try {
        // The age of a file is that of its last record.
        const { mtime, atime } = statSync(path);
        await handle.utimes(atime, mtime);
        await handle.sync();
      } finally {
        await handle.close();
      }
      renameSync(part, `${path}.gz`);
      rmSync(path);
    } catch (error) {
      rmSync(part, { force: true });
      const gone = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!this.#abort.signal.aborted && !gone) throw error;
    }
  }
}

function lastChange(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return Infinity;
  }
}
