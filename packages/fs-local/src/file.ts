import { constants } from "node:fs";
import {
  fromNodeError,
  SftpError,
  type Attributes,
  type CloseOutcome,
  type FileHandle,
  type OpenFlags,
  type Stats,
} from "@sluice/core";
import { change, statsOf } from "./attributes.ts";
import * as calls from "./calls.ts";
import { clone } from "./clone.ts";
import { entryPath, type Directory } from "./containment.ts";
import { burstBytes, flush, readAt, readNow, writeAt, writeNow } from "./data.ts";
import { requireOneName } from "./hardlinks.ts";
import { settable } from "./policy.ts";
import { Prefix } from "./prefix.ts";
import type { Steps } from "./steps.ts";
import type { Tree } from "./tree.ts";
import { commit, commitNew, discard, type Upload } from "./upload.ts";

const copyChunkBytes = 512 * 1024;

/** An open file of this machine. */
export class LocalFile implements FileHandle {
  readonly #tree: Tree;
  readonly #fd: number;
  readonly #flags: OpenFlags;
  readonly #upload: Upload | undefined;
  /** The folder in which the file was made under its own name, where that name has to be written out. */
  readonly #folder: Directory | undefined;
  /** Of an upload that is kept when it is cut off. */
  readonly #prefix: Prefix | undefined;
  #closed = false;
  /** The first write that failed. A file that lacks it must not be reported complete. */
  #failure: { readonly error: unknown } | undefined;

  constructor(tree: Tree, fd: number, flags: OpenFlags, upload?: Upload, folder?: Directory) {
    this.#tree = tree;
    this.#fd = fd;
    this.#flags = flags;
    this.#upload = upload;
    this.#folder = folder;
    this.#prefix = tree.keepPartial && upload?.replaces === false ? new Prefix() : undefined;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    this.#requireOpen();
    let done = 0;
    try {
      if (this.#tree.driver.bursts && position < burstBytes) {
        done = readNow(this.#fd, buffer, position);
        // On a local disk, fewer bytes than there was room for are the last ones.
        if (done < Math.min(buffer.length, burstBytes)) return done;
      }
      while (done < buffer.length) {
        const at = done;
        const count = await this.#tree.driver.io(() => readAt(this.#fd, buffer, at, buffer.length - at, position + at));
        if (count === 0) break;
        done += count;
      }
      return done;
    } catch (error) {
      const refusal = fromNodeError(error);
      if (!SftpError.is(refusal) || refusal.status !== "invalidHandle") throw refusal;
      // The descriptor is good: it was opened without reading.
      throw new SftpError("permissionDenied", "The file may be written to and not read", { cause: error });
    }
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    this.#requireWritable();
    const { driver } = this.#tree;
    // Linux appends whatever the position; other systems only do without one.
    const start = this.#flags.append ? null : position;
    let done = 0;
    try {
      if (driver.bursts && start !== null && position + data.length <= burstBytes) {
        done = writeNow(this.#fd, data, start);
        this.#prefix?.add(start, done);
      }
      while (done < data.length) {
        const at = done;
        const where = start === null ? null : start + at;
        const count = await driver.io(() => writeAt(this.#fd, data, at, where));
        if (count === 0) throw new SftpError("failure", "The disk took no data");
        this.#prefix?.add(where ?? this.#prefix.end, count);
        done += count;
      }
    } catch (error) {
      const refusal = fromNodeError(error);
      this.#failure ??= { error: refusal };
      throw refusal;
    }
  }

  async stat(): Promise<Stats> {
    this.#requireOpen();
    return statsOf(await this.#tree.driver.run(() => calls.fstat(this.#fd)));
  }

  async setAttributes(attributes: Attributes): Promise<void> {
    this.#requireOpen();
    const tree = this.#tree;
    const changes = await tree.owners.resolve(settable(attributes, tree.setstat));
    if (changes.size !== undefined) this.#requireWritable();
    const fd = this.#fd;
    await tree.driver.run(function* () {
      const stats = yield* calls.fstat(fd);
      requireOneName(tree, stats);
      yield* change(fd, stats, changes, tree);
    });
    if (changes.size !== undefined && tree.setstat.size === "apply") this.#prefix?.cut(changes.size);
  }

  /** For an upload that is not committed this covers its data; its name will last once it is closed. */
  async sync(): Promise<void> {
    this.#requireOpen();
    await this.#flush();
  }

  async copyTo(
    target: FileHandle,
    position: number,
    length: number,
    targetPosition: number,
    signal?: AbortSignal,
  ): Promise<number> {
    this.#requireOpen();
    const from = await this.#identify();
    // The end is taken once: a copy to the end of the same file would otherwise chase its own tail.
    const available = Math.max(0, from.size - position);
    const total = length === 0 ? available : Math.min(length, available);
    if (target instanceof LocalFile) {
      const to = await target.#identify();
      const whole = total > 0 && total === from.size && targetPosition === 0;
      const cloned = whole && signal?.aborted !== true ? await this.#cloneTo(target) : undefined;
      if (cloned !== undefined) return cloned;
      const start = target.#flags.append ? to.size : targetPosition;
      if (from.key === to.key && start < position + total && position < start + total) {
        throw new SftpError("invalidParameter", "The ranges overlap");
      }
    }
    const buffer = Buffer.allocUnsafeSlow(Math.min(copyChunkBytes, total));
    let done = 0;
    while (done < total) {
      if (signal?.aborted === true) throw new SftpError("connectionLost");
      const count = await this.read(buffer.subarray(0, Math.min(buffer.length, total - done)), position + done);
      if (count === 0) break;
      await target.write(buffer.subarray(0, count), targetPosition + done);
      done += count;
    }
    return done;
  }

  /** Of an upload nobody else knows, so that nobody else can be writing to it. */
  async #cloneTo(target: LocalFile): Promise<number | undefined> {
    if (target.#upload?.pending !== true || !target.#flags.write) return undefined;
    const cloned = await clone(this.#tree, this.#fd, target.#fd);
    if (cloned !== undefined) target.#prefix?.add(0, cloned);
    return cloned;
  }

  async close(outcome: CloseOutcome): Promise<void> {
    this.#requireOpen();
    this.#closed = true;
    if (this.#tree.durable) await this.#endDurably(outcome);
    else await this.#tree.driver.run(() => this.#end(outcome));
    if (outcome === "completed" && this.#failure !== undefined) throw this.#failure.error;
  }

  *#end(outcome: CloseOutcome): Steps<void> {
    yield* this.#giveBack(outcome);
    if (this.#upload === undefined) return;
    try {
      yield* this.#settle(this.#upload, outcome);
    } finally {
      yield* this.#release(this.#upload);
    }
  }

  async #endDurably(outcome: CloseOutcome): Promise<void> {
    const { driver, keepPartial } = this.#tree;
    const completed = outcome === "completed";
    const upload = this.#upload;
    if (completed && (this.#flags.write || upload !== undefined)) await this.#note(this.#flush());
    await driver.run(() => this.#giveBack(outcome));
    if (this.#folder !== undefined) await this.#note(this.#leaveFolder(this.#folder, completed));
    if (upload === undefined) return;
    try {
      await driver.run(() => this.#settle(upload, outcome));
      // What is kept has to have its name for good before it is resumed and completed.
      const stays = completed || (outcome === "aborted" && keepPartial);
      if (stays && this.#failure === undefined) await this.#syncDirectory(upload.directory);
    } finally {
      await driver.run(() => this.#release(upload));
    }
  }

  *#giveBack(outcome: CloseOutcome): Steps<void> {
    if (outcome === "aborted" && this.#upload?.pending === true) yield* this.#noted(this.#cutToPrefix());
    // Before the commit, because a network file system may only now say that there was no space.
    yield* this.#noted(calls.close(this.#fd));
  }

  *#noted(work: Steps<void>): Steps<void> {
    try {
      yield* work;
    } catch (error) {
      this.#failure ??= { error: fromNodeError(error) };
    }
  }

  /** A client that goes on where the file ends takes everything before for written. */
  *#cutToPrefix(): Steps<void> {
    const { end } = this.#prefix ?? {};
    if (end !== undefined && (yield* calls.fstat(this.#fd)).size > end) yield* calls.ftruncate(this.#fd, end);
  }

  *#settle(upload: Upload, outcome: CloseOutcome): Steps<void> {
    if (this.#failure !== undefined) yield* discard(upload);
    else if (outcome === "completed") yield* commit(upload);
    else if (outcome === "aborted" && this.#tree.keepPartial) yield* commitNew(upload);
    else yield* discard(upload);
  }

  *#release(upload: Upload): Steps<void> {
    this.#tree.uploads.delete(upload);
    yield* this.#tree.containment.leave(upload.directory);
  }

  async #leaveFolder(folder: Directory, completed: boolean): Promise<void> {
    try {
      if (completed) await this.#syncDirectory(folder);
    } finally {
      await this.#tree.driver.run(() => this.#tree.containment.leave(folder));
    }
  }

  /** A new name lasts when its directory has been written out. */
  async #syncDirectory(directory: Directory): Promise<void> {
    if (process.platform === "win32") return;
    const { driver } = this.#tree;
    const fd = await driver.run(() =>
      calls.open(entryPath(directory, "."), constants.O_RDONLY | constants.O_DIRECTORY),
    );
    try {
      await driver.io(() => flush(fd));
    } finally {
      await driver.run(() => calls.close(fd));
    }
  }

  async #flush(): Promise<void> {
    await this.#tree.driver.io(() => flush(this.#fd));
  }

  async #note(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  async #identify(): Promise<{ readonly key: string; readonly size: number }> {
    this.#requireOpen();
    const { dev, ino, size } = await this.#tree.driver.run(() => calls.fstat(this.#fd));
    return { key: `${dev}:${ino}`, size };
  }

  #requireOpen(): void {
    // The number of a closed descriptor may by now be somebody else's file.
    if (this.#closed) throw new SftpError("invalidHandle");
  }

  #requireWritable(): void {
    this.#requireOpen();
    if (!this.#flags.write) throw new SftpError("permissionDenied", "The file is not open for writing");
  }
}

/** The access that flags need, in the words of `open(2)`: what is written can be read too, by middleware. */
export function accessOf(flags: OpenFlags): number {
  const access = flags.write ? constants.O_RDWR : constants.O_RDONLY;
  return flags.append ? access | constants.O_APPEND : access;
}

/** For files that this process may write to and not read: without reading. */
export function writingOnly(access: number): number {
  return (access & ~constants.O_RDWR) | constants.O_WRONLY;
}
