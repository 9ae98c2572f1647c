import { constants } from "node:fs";
import { maxNameBytes, type FileSystemStats, type SftpPath } from "@sluice/core";
import * as calls from "./calls.ts";
import type { HostPath } from "./containment.ts";
import type { Steps } from "./steps.ts";
import type { Tree } from "./tree.ts";
import { present, walk } from "./walk.ts";

/** The sizes of the file system that a path is on. */
export function* statfs(tree: Tree, path: SftpPath): Steps<FileSystemStats> {
  return yield* walk(tree, path, true, function* (place) {
    present(place);
    const pin = yield* tree.containment.pin(place.directory, place.upload?.temporary ?? place.name);
    try {
      const { bsize, blocks, bfree, bavail, files, ffree } = yield* calls.statfs(pin.path);
      return {
        blockSize: bsize,
        // Node does not tell `f_frsize` apart; on Linux the two are the same on all common file systems.
        fragmentSize: bsize,
        blocks,
        freeBlocks: bfree,
        availableBlocks: bavail,
        files,
        freeFiles: ffree,
        availableFiles: ffree,
        readOnly: yield* isReadOnly(pin.path),
        maxNameLength: maxNameBytes,
      };
    } finally {
      yield* tree.containment.unpin(pin);
    }
  });
}

/** Node's `statfs` leaves the mount's flags out, but asking for write access tells. */
function* isReadOnly(path: HostPath): Steps<boolean> {
  try {
    yield* calls.access(path, constants.W_OK);
    return false;
  } catch (error) {
    return calls.errnoOf(error) === "EROFS";
  }
}
