import { constants, readlinkSync } from "node:fs";
import { SftpError } from "@sluice/core";
import * as calls from "./calls.ts";
import { directoryAt, entryPath, type Containment, type Directory, type Pin } from "./containment.ts";
import type { Steps } from "./steps.ts";

/** Linux `open(2)`: a descriptor that stands for a place and opens nothing. Node does not name it; libuv passes it on. */
export const O_PATH = 0o10000000;

/** Steps into nothing but a directory itself. */
export const enterFlags: number = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The directory behind a descriptor, addressed so that the kernel starts at the descriptor and resolves one name. */
export function descriptorDirectory(fd: number): Directory {
  return directoryAt(descriptorPath(fd), fd);
}

let ownDescriptors: string | undefined;

/** The path of what a descriptor stands for. */
export function descriptorPath(fd: number): string {
  // What `/proc/self` leads to, read once: that link takes a fifth of the time of every call. By the number that this mount of
  // `/proc` knows the process by, which in a namespace of its own need not be `process.pid`.
  ownDescriptors ??= `/proc/${readlinkSync("/proc/self")}/fd`;
  return `${ownDescriptors}/${fd}`;
}

/**
 * Containment by walking directory descriptors, for Linux.
 *
 * `/proc/<own number>/fd/N/name` is what `openat(N, "name")` would be if Node had it: with `O_NOFOLLOW` the kernel resolves exactly
 * one component, relative to a directory that is held open, so that whoever renames directories and links meanwhile cannot
 * make it lead elsewhere. `..`, an empty name and a name with a slash are never passed: each of them escapes.
 */
export class DescriptorContainment implements Containment {
  readonly pinFlags = 0;
  readonly #mount: string | undefined;

  /** @param mount the mount that must not be left; any may be entered without it. */
  constructor(mount?: string) {
    this.#mount = mount;
  }

  *enter(parent: Directory, name: string): Steps<Directory | undefined> {
    let fd: number;
    try {
      fd = yield* calls.open(entryPath(parent, name), enterFlags);
    } catch (error) {
      const errno = calls.errnoOf(error);
      if (errno === "ENOTDIR" || errno === "ELOOP") return undefined;
      throw error;
    }
    yield* this.#checkMount(fd);
    return descriptorDirectory(fd);
  }

  *leave(directory: Directory): Steps<void> {
    directory.holders -= 1;
    if (directory.holders === 0 && directory.fd !== undefined) yield* letGo(directory.fd);
  }

  *pin(parent: Directory, name: string): Steps<Pin> {
    const fd = yield* calls.open(entryPath(parent, name), O_PATH | constants.O_NOFOLLOW);
    yield* this.#checkMount(fd);
    try {
      // Through its descriptor the path leads to this very file, whatever has become of the name.
      return { path: descriptorPath(fd), stats: yield* calls.fstat(fd), fd };
    } catch (error) {
      yield* calls.close(fd);
      throw error;
    }
  }

  *unpin(pin: Pin): Steps<void> {
    if (pin.fd !== undefined) yield* letGo(pin.fd);
  }

  allows(): boolean {
    return true;
  }

  *#checkMount(fd: number): Steps<void> {
    if (this.#mount === undefined) return;
    let mount: string | undefined;
    try {
      mount = yield* mountOf(fd);
    } finally {
      if (mount !== this.#mount) yield* calls.close(fd);
    }
    if (mount !== this.#mount) {
      throw new SftpError("permissionDenied", "That is another file system", { detail: `mount ${mount ?? "unknown"}` });
    }
  }
}

/** Gives back a descriptor that nothing was written through: should that fail, what was done with it is done all the same. */
function* letGo(fd: number): Steps<void> {
  try {
    yield* calls.close(fd);
  } catch {
    // The descriptor is gone in any case, as close(2) says.
  }
}

/** The number of the mount that a descriptor is on. It tells bind mounts apart too, which the device number does not. */
export function* mountOf(fd: number): Steps<string | undefined> {
  const info = yield* calls.readText(`/proc/self/fdinfo/${fd}`);
  return /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
}
