import { bytesFromText, SftpError, textFromBytes, type SftpPath } from "@sluice/core";
import * as calls from "./calls.ts";
import type { HostPath } from "./containment.ts";
import type { Steps } from "./steps.ts";
import type { Tree } from "./tree.ts";
import { present, requireFreeName, requireName, walk } from "./walk.ts";

const maxTargetBytes = 4095;

/** The target as it was stored, which is how it is resolved here: an absolute one starts at the root of this tree. */
export function* readlink(tree: Tree, path: SftpPath): Steps<string> {
  requireLinks(tree);
  return yield* walk(tree, path, false, function* (place) {
    if (!present(place).isSymbolicLink()) throw new SftpError("invalidParameter", "Not a symbolic link");
    return textFromBytes(yield* calls.readlink(place.entry));
  });
}

/** Stores the target as it is given. It need not exist, and where it leads is decided whenever it is followed. */
export function* symlink(tree: Tree, path: SftpPath, target: string): Steps<void> {
  requireLinks(tree);
  requireFreeName(path);
  const stored = storable(target);
  yield* walk(tree, path, false, function* (place) {
    requireName(place);
    yield* calls.symlink(stored, place.entry);
  });
}

function requireLinks(tree: Tree): void {
  if (tree.symlinks === "deny") throw new SftpError("permissionDenied", "Symbolic links are not allowed here");
}

function storable(target: string): HostPath {
  const bytes = bytesFromText(target);
  if (bytes.length === 0 || bytes.includes(0)) throw new SftpError("invalidParameter", "Not a link target");
  if (bytes.length > maxTargetBytes) throw new SftpError("invalidFilename", "Link target too long");
  return bytes;
}
