import { setImmediate } from "node:timers/promises";
import {
  SftpError,
  type Attributes,
  type CloseOutcome,
  type FileHandle,
  type OpenFlags,
  type Stats,
} from "@sluice/core";
import { Directory, type File } from "./inode.ts";
import type { Owners } from "./owners.ts";

/** Bytes that `copyTo` moves before it lets other requests run. */
const copyBytes = 262_144;

/** The name that an upload is for. */
export interface Destination {
  readonly directory: Directory;
  readonly name: string;
}

/** An open file. With a destination it is an upload, and its name is settled by `close`. */
export class MemoryFileHandle implements FileHandle {
  readonly #file: File;
  readonly #flags: OpenFlags;
  readonly #owners: Owners;
  readonly #destination: Destination | undefined;

  constructor(file: File, flags: OpenFlags, owners: Owners, destination?: Destination) {
    this.#file = file;
    this.#flags = flags;
    this.#owners = owners;
    this.#destination = destination;
    file.opens += 1;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    if (!this.#flags.read) throw new SftpError("permissionDenied", "The file is not open for reading");
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
  async copyTo(target: FileHandle, position: number, length: number, targetPosition: number): Promise<void> {
    const end = length === 0 ? this.#file.size : Math.min(position + length, this.#file.size);
    if (this.#sameFile(target) && targetPosition < end && position < targetPosition + end - position) {
      throw new SftpError("invalidParameter", "A file cannot be copied onto the part that is being copied");
    }
    const buffer = new Uint8Array(copyBytes);
    for (let done = 0; position + done < end;) {
      const bytes = await this.read(buffer.subarray(0, Math.min(copyBytes, end - position - done)), position + done);
      if (bytes === 0) return;
      await target.write(buffer.subarray(0, bytes), targetPosition + done);
      done += bytes;
      await setImmediate();
    }
  }

  async close(outcome: CloseOutcome): Promise<void> {
    try {
      if (this.#destination !== undefined) {
        if (outcome === "completed") publish(this.#file, this.#destination);
        else discard(this.#file, this.#destination);
      }
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

/**
 * Gives a completed upload its name. A new file has it already, unless somebody removed or replaced the file meanwhile: then this
 * upload was completed last, and the last one wins.
 */
function publish(file: File, { directory, name }: Destination): void {
  if (file.links > 0) return;
  if (directory.links === 0) throw new SftpError("noSuchFile", "The directory was removed during the upload");
  if (directory.entries.get(name) instanceof Directory) throw new SftpError("isADirectory");
  directory.put(name, file);
}

/** Takes its name from an aborted upload of a new file. A replacement never had it. */
function discard(file: File, { directory, name }: Destination): void {
  if (directory.entries.get(name) === file && !file.shared) directory.drop(name);
}
