import { SftpError, type SftpPath } from "@sluice/core";
import * as calls from "./calls.ts";
import { hold } from "./containment.ts";
import { requireHardLinks } from "./hardlinks.ts";
import { moveNew, moveNewDirectory } from "./move.ts";
import { forget } from "./recent.ts";
import type { Steps } from "./steps.ts";
import type { Tree } from "./tree.ts";
import { discard, type Upload } from "./upload.ts";
import { present, requireFreeName, requireName, walk, type Place } from "./walk.ts";

/** Removes a file or a link. */
export function* remove(tree: Tree, path: SftpPath): Steps<void> {
  yield* walk(tree, path, false, (place) => unlink(tree, place), "leave");
}

function* unlink(tree: Tree, place: Place): Steps<void> {
  requireName(place);
  try {
    yield* calls.unlink(place.slot);
  } catch (error) {
    const errno = calls.errnoOf(error);
    // POSIX has EPERM for a directory; Linux says EISDIR.
    if (errno === "EPERM" && (yield* calls.lstat(place.slot))?.isDirectory() === true)
      throw new SftpError("isADirectory");
    const upload = errno === "ENOENT" ? yield* tree.uploads.find(place.directory, place.name) : undefined;
    if (upload === undefined) throw error;
    yield* discard(upload);
  }
}

/** Gives something another name; a link itself, not what it leads to. */
export function* rename(tree: Tree, from: SftpPath, to: SftpPath, overwrite: boolean): Steps<void> {
  requireFreeName(to);
  yield* walk(tree, from, false, function* (source) {
    requireName(source);
    const stats = present(source);
    yield* walk(tree, to, false, function* (target) {
      requireName(target);
      if (!overwrite && target.upload !== undefined) throw new SftpError("alreadyExists");
      if (stats.isDirectory()) forget();
      if (source.upload !== undefined) yield* publish(tree, source.upload, source, target, overwrite);
      else if (overwrite) yield* calls.rename(source.slot, target.slot);
      else if (stats.isDirectory()) yield* moveNewDirectory(source.slot, target.slot);
      else yield* moveNew(source.slot, target.slot);
      if (target.upload !== undefined && target.upload !== source.upload) yield* discard(target.upload);
    });
  });
}

/** A client that renames what it has not closed says that it is ready to be seen; what it still writes goes there. */
function* publish(tree: Tree, upload: Upload, source: Place, target: Place, overwrite: boolean): Steps<void> {
  if (overwrite) yield* calls.rename(source.entry, target.slot);
  else yield* moveNew(source.entry, target.slot);
  upload.pending = false;
  // A durable close writes out the directory that has the name now.
  const left = upload.directory;
  upload.directory = hold(target.directory);
  yield* tree.containment.leave(left);
}

/** Makes `path` a second name of `existing`; of a link itself, not of what it leads to. */
export function* link(tree: Tree, path: SftpPath, existing: SftpPath): Steps<void> {
  requireHardLinks(tree);
  requireFreeName(path);
  yield* walk(tree, existing, false, function* (source) {
    if (present(source).isDirectory()) throw new SftpError("isADirectory");
    yield* walk(tree, path, false, function* (target) {
      requireName(target);
      yield* calls.link(source.entry, target.entry);
    });
  });
}
