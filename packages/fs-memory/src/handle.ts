import { setImmediate } from "node:timers/promises";
import {
  SftpError,
  type Attributes,
  type CloseOutcome,
  type FileHandle,
  type OpenFlags,
  type Stats,
} from "@sluice/core";
import type { File } from "./inode.ts";
import type { Owners } from "./owners.ts";
import type { Upload } from "./upload.ts";

/** Bytes that `copyTo` moves before it lets other requests run. */
const copyBytes = 262_144;

/** An open file. */
export class MemoryFileHandle implements FileHandle {
  readonly #file: File;
  readonly #flags: OpenFlags;
  readonly #owners: Owners;
  readonly #upload: Upload | undefined;

  constructor(file: File, flags: OpenFlags, owners: Owners, upload?: Upload) {
    this.#file = file;
    this.#flags = flags;
    this.#owners = owners;
    this.#upload = upload;
    file.opens += 1;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    return this.#file.read(buffer, position);
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    this.#checkWritable();
    this.#file.write(data, this.#flags.append ? this.#file.size : position);
  }

  async stat(): Promise<Stats> {
    return this.#file.stats();
  }

  async setAttributes(attributes: Attributes): Promise<void> {
    if (attributes.size !== undefined) this.#checkWritable();
    this.#file.set(this.#owners.byNumber(attributes));
  }

  /** Does nothing, as on every file system in memory: waiting would make nothing here safer. */
  async sync(): Promise<void> {}

  /** Copies by way of the target's own `write`, so that its limits and flags hold. */
  async copyTo(
    target: FileHandle,
    position: number,
    length: number,
    targetPosition: number,
    signal?: AbortSignal,
  ): Promise<number> {
    const end = length === 0 ? this.#file.size : Math.min(position + length, this.#file.size);
    if (this.#sameFile(target) && targetPosition < end && position < targetPosition + end - position) {
      throw new SftpError("invalidParameter", "A file cannot be copied onto the part that is being copied");
    }
    const buffer = new Uint8Array(copyBytes);
    let done = 0;
    while (position + done < end) {
      if (signal?.aborted === true) throw new SftpError("connectionLost");
      const bytes = await this.read(buffer.subarray(0, Math.min(copyBytes, end - position - done)), position + done);
      if (bytes === 0) break;
      await target.write(buffer.subarray(0, bytes), targetPosition + done);
      done += bytes;
      await setImmediate();
    }
    return done;
  }

  async close(outcome: CloseOutcome): Promise<void> {
    try {
      this.#upload?.settle(outcome);
    } finally {
      this.#file.opens -= 1;
      this.#file.release();
    }
  }

  #checkWritable(): void {
    if (!this.#flags.write) throw new SftpError("permissionDenied", "The file is not open for writing");
  }

  #sameFile(other: FileHandle): boolean {
    return #file in other && other.#file === this.#file;
  }
}
