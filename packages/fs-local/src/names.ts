import fs, { type Dir } from "node:fs";
import { textFromBytes } from "@sluice/core";
import { entryPath, type Directory, type HostPath } from "./containment.ts";

/** Names that are read from the kernel at once. */
const bufferSize = 256;

/** A name, and the path by which the kernel reaches what has it. */
export interface Found {
  readonly name: string;
  readonly path: HostPath;
}

/**
 * The names of a directory, read one after the other in a burst.
 *
 * They come from Node as text of one character for each byte: a buffer for each of a million names is memory outside of V8's heap, which it
 * gives back late. Where the disk does not tell what an entry is, Node looks at each, by a path made of the directory's and the name,
 * which would be a wrong one for such text. The directory's is given in bytes, so that Node refuses to make that path: then the names are read in bytes.
 */
export class Names {
  readonly #directory: Directory;
  readonly #path: Buffer;
  readonly #prefix: string | undefined;
  #dir: Dir;
  #inBytes = false;
  #read = 0;

  constructor(directory: Directory) {
    this.#directory = directory;
    const path = entryPath(directory, ".");
    this.#prefix = typeof path === "string" ? `${directory.base}/` : undefined;
    this.#path = typeof path === "string" ? Buffer.from(path) : path;
    this.#dir = this.#open("latin1");
  }

  /** The next name; `undefined` at the end. */
  next(): Found | undefined {
    const text = this.#inBytes ? this.#nextBytes() : this.#nextText();
    if (text === undefined) return undefined;
    this.#read += 1;
    if (isAscii(text)) {
      return { name: text, path: this.#prefix === undefined ? entryPath(this.#directory, text) : this.#prefix + text };
    }
    const name = textFromBytes(Buffer.from(text, "latin1"));
    return { name, path: entryPath(this.#directory, name) };
  }

  close(): void {
    this.#dir.closeSync();
  }

  #nextText(): string | undefined {
    try {
      return this.#dir.readSync()?.name;
    } catch {
      // Whatever else it may have been, reading once more will tell.
      const dir = this.#open("buffer" as BufferEncoding);
      this.close();
      this.#dir = dir;
      this.#inBytes = true;
      // The same directory gives the same names first.
      for (let i = 0; i < this.#read; i++) this.#dir.readSync();
      return this.#nextBytes();
    }
  }

  #nextBytes(): string | undefined {
    return (this.#dir.readSync()?.name as Buffer | undefined)?.toString("latin1");
  }

  #open(encoding: BufferEncoding): Dir {
    return fs.opendirSync(this.#path, { encoding, bufferSize });
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
