import { randomFillSync } from "node:crypto";
import { SftpError } from "./errors.ts";
import type { OpenFiles } from "./open-files.ts";
import type { OpenDirectory, OpenFile } from "./session.ts";

/** Bytes of a handle: too many to guess, and different in every session. */
const handleBytes = 16;
const batch = 64;

/** What a client holds open, by the random handles that it was given. */
export class Handles {
  readonly #limit: number;
  readonly #all: OpenFiles;
  readonly #open = new Map<string, OpenFile | OpenDirectory>();
  /** What has been given a handle, until it is closed: longer than the handle is good. */
  readonly #unclosed = new Set<OpenFile | OpenDirectory>();
  #random: Buffer = Buffer.alloc(0);
  #used = 0;
  #reserved = 0;

  /**
   * @param limit how many a session may hold
   * @param all counts them for the whole server
   */
  constructor(limit: number, all: OpenFiles) {
    this.#limit = limit;
    this.#all = all;
  }

  /** Open files and directories. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes a place for something that is about to be opened. @throws SftpError `failure` when all are taken. */
  reserve(): void {
    if (this.#open.size + this.#reserved >= this.#limit) throw new SftpError("failure", "Too many open handles");
    if (!this.#all.take()) {
      throw new SftpError("failure", "The server has too many files open; try again later", {
        detail: "limits.openFiles",
      });
    }
    this.#reserved += 1;
  }

  /** Gives a reserved place back. */
  unreserve(): void {
    this.#reserved -= 1;
    this.#all.give();
  }

  /** Gives out a handle, in a reserved place. */
  add(open: OpenFile | OpenDirectory): Buffer {
    this.#reserved -= 1;
    if (this.#used === this.#random.length) {
      this.#random = randomFillSync(Buffer.allocUnsafe(handleBytes * batch));
      this.#used = 0;
    }
    const handle = this.#random.subarray(this.#used, this.#used + handleBytes);
    this.#used += handleBytes;
    this.#open.set(handle.toString("latin1"), open);
    this.#unclosed.add(open);
    return handle;
  }

  /** To be called when something is closed, whether it had a handle or not. */
  closed(open: OpenFile | OpenDirectory): void {
    if (this.#unclosed.delete(open)) this.#all.give();
  }

  /** @throws SftpError `invalidHandle` for a forged, foreign or closed handle. */
  get(handle: Buffer): OpenFile | OpenDirectory {
    const open = handle.length === handleBytes ? this.#open.get(handle.toString("latin1")) : undefined;
    if (open === undefined) throw new SftpError("invalidHandle");
    return open;
  }

  /** @throws SftpError `invalidHandle`, also for the handle of a directory. */
  file(handle: Buffer): OpenFile {
    const open = this.get(handle);
    if (open.kind !== "file") throw new SftpError("invalidHandle");
    return open;
  }

  /** @throws SftpError `invalidHandle`, also for the handle of a file. */
  directory(handle: Buffer): OpenDirectory {
    const open = this.get(handle);
    if (open.kind !== "directory") throw new SftpError("invalidHandle");
    return open;
  }

  /** Takes a handle back: nothing that arrives later finds it. @throws SftpError `invalidHandle` */
  remove(handle: Buffer): OpenFile | OpenDirectory {
    const open = this.get(handle);
    this.#open.delete(handle.toString("latin1"));
    return open;
  }

  /** Takes all handles back. */
  removeAll(): (OpenFile | OpenDirectory)[] {
    const all = [...this.#open.values()];
    this.#open.clear();
    return all;
  }

  *files(): Generator<OpenFile> {
    for (const open of this.#open.values()) if (open.kind === "file") yield open;
  }
}
