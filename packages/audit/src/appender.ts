import { constants, closeSync, fchmodSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";

/** The bytes of one file, written whole or not at all. */
export class Appender {
  readonly fd: number;
  #size: number;
  #dirty = false;

  private constructor(fd: number, size: number) {
    this.fd = fd;
    this.#size = size;
  }

  /** Opens a file for appending, by this user alone. A link in its place is refused. */
  static open(path: string, create: "new" | "existing"): Appender {
    const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW;
    const fd = openSync(path, create === "new" ? flags | constants.O_CREAT | constants.O_EXCL : flags, 0o600);
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) throw new Error("it is no regular file");
      if ((stats.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
      return new Appender(fd, stats.size);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Bytes that are whole. */
  get size(): number {
    return this.#size;
  }

  /** After what was cut off from outside. */
  set size(bytes: number) {
    this.#size = bytes;
  }

  /** Whether somebody else has written to the file, or cut it. */
  get disturbed(): boolean {
    return !this.#dirty && fstatSync(this.fd).size !== this.#size;
  }

  /** Writes all, or leaves the file as it was. @throws Error of the system */
  write(bytes: Uint8Array): void {
    if (this.#dirty) this.#cut();
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.fd, bytes, written);
      this.#size += bytes.length;
    } catch (error) {
      this.#dirty = true;
      try {
        this.#cut();
      } catch {
        // It stays to be done before the next write.
      }
      throw error;
    }
  }

  /** A full disk takes half a line: the next one must not be glued to it. */
  #cut(): void {
    ftruncateSync(this.fd, this.#size);
    this.#dirty = false;
  }

  close(): void {
    closeSync(this.fd);
  }
}
