import type { Stats } from "node:fs";
import * as calls from "./calls.ts";
import { shareContent } from "./data.ts";
import { descriptorPath } from "./descriptors.ts";
import type { Steps } from "./steps.ts";
import type { Tree } from "./tree.ts";

/**
 * Makes an empty file that only its own session knows share the content of a whole one, where the file system can (a reflink: btrfs,
 * XFS, newer NFS), so that nothing is copied and nothing takes space twice.
 *
 * Node does that by path only; by the paths of the two descriptors it concerns these very files. For a moment it gives the copy the
 * permissions of the original, so an original that allows anybody more than the copy will is not shared.
 *
 * @returns how many bytes the copy has; `undefined` where it has to be made some other way.
 */
export async function clone({ driver, root }: Tree, from: number, to: number): Promise<number | undefined> {
  if (root.fd === undefined) return undefined;
  const original = await driver.run(() => calls.fstat(from));
  const copy = await driver.run(() => calls.fstat(to));
  if (copy.size > 0 || (original.mode & ~copy.mode & 0o7777) !== 0) return undefined;
  try {
    await driver.io(() => shareContent(descriptorPath(from), descriptorPath(to)));
    return (await driver.run(() => calls.fstat(to))).size;
  } catch {
    // What is wrong with either file, reading and writing will tell.
    return undefined;
  } finally {
    await driver.run(() => restoreMode(to, copy));
  }
}

function* restoreMode(fd: number, { mode }: Stats): Steps<void> {
  const now = yield* calls.fstat(fd);
  if ((now.mode & 0o7777) !== (mode & 0o7777)) yield* calls.fchmod(fd, mode & 0o7777);
}
