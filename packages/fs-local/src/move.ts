import { constants } from "node:fs";
import * as calls from "./calls.ts";
import type { HostPath } from "./containment.ts";
import type { Steps } from "./steps.ts";

// `link(2)`: not allowed for this kind of file or by this kind of file system (FAT, some FUSE), or no more links left.
const noLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/**
 * Renames a file so that an existing target is refused atomically with `EEXIST`. Linux has `renameat2` for this; Node does
 * not, so the new name is made first by a call that fails if there is one: a second link, or else an empty placeholder.
 */
export function* moveNew(from: HostPath, to: HostPath): Steps<void> {
  try {
    yield* calls.link(from, to);
  } catch (error) {
    if (!noLinks.has(calls.errnoOf(error) ?? "")) throw error;
    yield* moveOntoPlaceholder(from, to);
    return;
  }
  try {
    yield* calls.unlink(from);
  } catch (error) {
    yield* calls.unlink(to);
    throw error;
  }
}

function* moveOntoPlaceholder(from: HostPath, to: HostPath): Steps<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  yield* calls.close(yield* calls.open(to, flags, 0o600));
  try {
    yield* calls.rename(from, to);
  } catch (error) {
    yield* calls.unlink(to);
    throw error;
  }
}

/** The same for a directory. The placeholder is an empty directory, which `rename(2)` replaces, and only if it is empty. */
export function* moveNewDirectory(from: HostPath, to: HostPath): Steps<void> {
  yield* calls.mkdir(to, 0o700);
  try {
    yield* calls.rename(from, to);
  } catch (error) {
    yield* calls.rmdir(to);
    throw error;
  }
}
