import { SftpError, textFromBytes, type Attributes, type SftpPath } from "@sluice/core";
import { newDirectoryMode } from "./attributes.ts";
import * as calls from "./calls.ts";
import { entryPath, type Directory } from "./containment.ts";
import { forget } from "./recent.ts";
import type { Steps } from "./steps.ts";
import { isAbandoned } from "./temporary.ts";
import type { Tree } from "./tree.ts";
import { present, requireFreeName, requireName, walk } from "./walk.ts";

export function* mkdir(tree: Tree, path: SftpPath, attributes: Attributes): Steps<void> {
  requireFreeName(path);
  const mode = newDirectoryMode(attributes.mode, tree);
  yield* walk(tree, path, false, function* (place) {
    if (place.stats !== undefined) throw new SftpError("alreadyExists");
    yield* calls.mkdir(place.slot, mode);
    const pin = yield* tree.containment.pin(place.directory, place.name);
    try {
      // The process's own umask may have taken bits away. Set-group-id comes from the parent: that is how a folder is shared.
      const { mode: made } = pin.stats;
      if (pin.stats.isDirectory() && (made & 0o777) !== mode) yield* calls.chmod(pin.path, (made & 0o7000) | mode);
    } finally {
      yield* tree.containment.unpin(pin);
    }
  });
}

/** Removes an empty directory: one with nothing that a client could see, and nothing that an upload is still writing. */
export function* rmdir(tree: Tree, path: SftpPath): Steps<void> {
  yield* walk(tree, path, false, function* (place) {
    requireName(place);
    if (!present(place).isDirectory()) throw new SftpError("notADirectory");
    forget();
    try {
      yield* calls.rmdir(place.slot);
    } catch (error) {
      if (calls.errnoOf(error) !== "ENOTEMPTY") throw error;
      const directory = yield* tree.containment.enter(place.directory, place.name);
      if (directory === undefined) throw error;
      try {
        if (!(yield* removeAbandoned(directory))) throw error;
      } finally {
        yield* tree.containment.leave(directory);
      }
      yield* calls.rmdir(place.slot);
    }
  });
}

/** Removes temporaries of dead processes, if the directory has nothing else. */
function* removeAbandoned(directory: Directory): Steps<boolean> {
  const abandoned: string[] = [];
  const dir = yield* calls.opendir(entryPath(directory, "."));
  try {
    for (;;) {
      const bytes = yield* calls.readdir(dir);
      if (bytes === undefined) break;
      const name = textFromBytes(bytes);
      const stats = yield* calls.lstat(entryPath(directory, name));
      // What has vanished may come back, and is not a leftover then.
      if (stats === undefined) continue;
      if (!isAbandoned(name, stats.ctimeMs)) return false;
      abandoned.push(name);
    }
  } finally {
    yield* calls.closedir(dir);
  }
  for (const name of abandoned) yield* calls.unlink(entryPath(directory, name));
  return true;
}
