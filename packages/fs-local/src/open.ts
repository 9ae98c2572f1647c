import { constants, type Stats } from "node:fs";
import { SftpError, type Attributes, type OpenFlags, type SftpPath } from "@sluice/core";
import { newFileMode } from "./attributes.ts";
import * as calls from "./calls.ts";
import { hold } from "./containment.ts";
import { accessOf, LocalFile, writingOnly } from "./file.ts";
import { requireOneName } from "./hardlinks.ts";
import type { Steps } from "./steps.ts";
import { temporaryName } from "./temporary.ts";
import type { Tree } from "./tree.ts";
import { discard, temporaryPath, uploadKey, type Upload } from "./upload.ts";
import { requireFreeName, walk, type Place } from "./walk.ts";

// A name that appears and vanishes while it is opened gets a few more tries.
const maxTries = 3;

/**
 * Opens a regular file.
 *
 * With `atomic`, what makes a file or empties one is an upload: it is written beside the target and takes its name when it
 * is complete. What changes a part of an existing file works on that file.
 */
export function* open(tree: Tree, path: SftpPath, asked: OpenFlags, attributes: Attributes): Steps<LocalFile> {
  // Appending and emptying are ways of writing, whether the client said so or not.
  const flags = asked.append || asked.truncate ? { ...asked, write: true } : asked;
  if (flags.create) requireFreeName(path);
  for (let tries = 1; ; tries++) {
    try {
      const follow = !(flags.create && flags.exclusive);
      return yield* walk(
        tree,
        path,
        follow,
        (place) => openPlace(tree, place, flags, attributes),
        flags.create ? "look" : "pin",
      );
    } catch (error) {
      if (flags.exclusive || tries === maxTries || calls.errnoOf(error) !== "EEXIST") throw error;
    }
  }
}

function* openPlace(tree: Tree, place: Place, flags: OpenFlags, attributes: Attributes): Steps<LocalFile> {
  const { stats } = place;
  if (stats === undefined) {
    if (!flags.create) throw new SftpError("noSuchFile");
    return tree.atomic
      ? yield* startUpload(tree, place, flags, attributes, undefined)
      : yield* create(tree, place, flags, attributes);
  }
  if (flags.create && flags.exclusive) throw new SftpError("alreadyExists");
  requireRegular(stats);
  if (!flags.truncate) return new LocalFile(tree, yield* openExisting(tree, place, flags), flags);
  if (tree.atomic) {
    // The folder's permissions alone would let a file be replaced that nobody may write to.
    yield* calls.close(yield* openExisting(tree, place, { ...flags, read: false }, false));
    return yield* startUpload(tree, place, flags, attributes, stats);
  }
  const fd = yield* openExisting(tree, place, flags);
  try {
    yield* calls.ftruncate(fd, 0);
  } catch (error) {
    yield* calls.close(fd);
    throw error;
  }
  return new LocalFile(tree, fd, flags);
}

/** Pinned and looked at first, so that nothing but a regular file is ever opened: not even to find out what it is. */
function* openExisting(tree: Tree, place: Place, flags: OpenFlags, changes: boolean = flags.write): Steps<number> {
  const pin = place.pin ?? (yield* tree.containment.pin(place.directory, place.upload?.temporary ?? place.name));
  try {
    requireRegular(pin.stats);
    if (changes) requireOneName(tree, pin.stats);
    const safe = constants.O_NONBLOCK | constants.O_NOCTTY | tree.containment.pinFlags;
    const access = accessOf(flags) | safe;
    try {
      return yield* calls.open(pin.path, access);
    } catch (error) {
      if (!flags.write || flags.read || calls.errnoOf(error) !== "EACCES") throw error;
      return yield* calls.open(pin.path, writingOnly(access));
    }
  } finally {
    if (pin !== place.pin) yield* tree.containment.unpin(pin);
  }
}

function requireRegular(stats: Stats): void {
  if (stats.isDirectory()) throw new SftpError("isADirectory");
  if (stats.isSymbolicLink()) throw new SftpError("linkLoop");
  if (!stats.isFile()) throw new SftpError("failure", "Not a regular file");
}

const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Makes the file under its own name. */
function* create(tree: Tree, place: Place, flags: OpenFlags, attributes: Attributes): Steps<LocalFile> {
  const fd = yield* calls.open(place.slot, accessOf(flags) | createFlags, 0o600);
  try {
    // By `fchmod`, because the process's own umask would take bits away as well.
    yield* calls.fchmod(fd, newFileMode(attributes.mode, tree));
    const folder = tree.durable ? hold(place.directory) : undefined;
    return new LocalFile(tree, fd, flags, undefined, folder);
  } catch (error) {
    yield* calls.close(fd);
    throw error;
  }
}

function* startUpload(
  tree: Tree,
  place: Place,
  flags: OpenFlags,
  attributes: Attributes,
  replaced: Stats | undefined,
): Steps<LocalFile> {
  const directory = hold(place.directory);
  try {
    const upload: Upload = {
      directory,
      key: yield* uploadKey(directory, place.name),
      name: place.name,
      temporary: temporaryName(),
      exclusive: flags.create && flags.exclusive,
      replaces: replaced !== undefined,
      pending: true,
    };
    tree.uploads.add(upload);
    try {
      const fd = yield* openTemporary(tree, upload, flags, attributes, replaced);
      return new LocalFile(tree, fd, flags, upload);
    } catch (error) {
      tree.uploads.delete(upload);
      throw error;
    }
  } catch (error) {
    yield* tree.containment.leave(directory);
    throw error;
  }
}

function* openTemporary(
  tree: Tree,
  upload: Upload,
  flags: OpenFlags,
  attributes: Attributes,
  replaced: Stats | undefined,
): Steps<number> {
  const fd = yield* calls.open(temporaryPath(upload), accessOf(flags) | createFlags, 0o600);
  try {
    if (replaced === undefined) yield* calls.fchmod(fd, newFileMode(attributes.mode, tree));
    else yield* resemble(fd, replaced);
    return fd;
  } catch (error) {
    yield* calls.close(fd);
    yield* discard(upload);
    throw error;
  }
}

/** Gives a replacement the owner, where this process may, and the permissions of what it replaces. */
function* resemble(fd: number, replaced: Stats): Steps<void> {
  const { uid, gid } = yield* calls.fstat(fd);
  if (uid !== replaced.uid || gid !== replaced.gid) {
    try {
      yield* calls.fchown(fd, replaced.uid, replaced.gid);
    } catch (error) {
      if (calls.errnoOf(error) !== "EPERM") throw error;
    }
  }
  yield* calls.fchmod(fd, replaced.mode & 0o777);
}
