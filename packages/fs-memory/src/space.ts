import { SftpError } from "@sluice/core";

/** What a tree holds, counted against what it may hold. Whoever keeps something takes first and gives back afterwards. */
export class Space {
  readonly maxBytes: number;
  readonly maxFiles: number;
  #bytes = 0;
  #files = 0;

  constructor(maxBytes: number, maxFiles: number) {
    this.maxBytes = maxBytes;
    this.maxFiles = maxFiles;
  }

  get freeBytes(): number {
    return this.maxBytes - this.#bytes;
  }

  get freeFiles(): number {
    return this.maxFiles - this.#files;
  }

  /** @throws SftpError `noSpace`, with nothing taken. */
  takeBytes(bytes: number): void {
    if (bytes > this.freeBytes)
      throw new SftpError("noSpace", undefined, { detail: "maxBytes of fs-memory is reached" });
    this.#bytes += bytes;
  }

  giveBytes(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** @throws SftpError `noSpace`, with nothing taken. */
  takeFile(): void {
    if (this.freeFiles < 1) throw new SftpError("noSpace", undefined, { detail: "maxFiles of fs-memory is reached" });
    this.#files += 1;
  }

  giveFile(): void {
    this.#files -= 1;
  }
}
