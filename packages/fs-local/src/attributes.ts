import { constants, type Stats as NodeStats } from "node:fs";
import { SftpError, type Attributes, type FileType, type Stats } from "@sluice/core";
import * as calls from "./calls.ts";
import type { HostPath } from "./containment.ts";
import { permitted } from "./policy.ts";
import type { Steps } from "./steps.ts";
import type { Tree } from "./tree.ts";

/** What the disk says, in the words of SFTP. */
export function statsOf(stats: NodeStats): Stats {
  const { size, uid, gid, nlink: linkCount } = stats;
  const type = typeOf(stats);
  const mode = stats.mode & 0o7777;
  const atimeMs = toMicrosecond(stats.atimeMs);
  const mtimeMs = toMicrosecond(stats.mtimeMs);
  // 0 is how a file system says that it does not keep the time of creation.
  if (stats.birthtimeMs <= 0) return { type, size, mode, uid, gid, atimeMs, mtimeMs, linkCount };
  // Written out twice: each copy made by spreading is of a kind of its own to V8, and reading it costs more than the look at the disk.
  const birthtimeMs = toMicrosecond(stats.birthtimeMs);
  return { type, size, mode, uid, gid, atimeMs, mtimeMs, linkCount, birthtimeMs };
}

/**
 * Newer versions of Node store the nanoseconds of the double that `secondsOf` gives them, a part of a microsecond more than was asked. The microsecond is what a double of
 * milliseconds can tell anyway.
 */
function toMicrosecond(timeMs: number): number {
  const whole = Math.floor(timeMs);
  // The fraction by itself: in a product with the whole, it would be rounded.
  const micros = Math.floor((timeMs - whole) * 1000 + 0.25);
  return whole + micros / 1000;
}

function typeOf(stats: NodeStats): FileType {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket()) return "socket";
  if (stats.isCharacterDevice()) return "characterDevice";
  if (stats.isBlockDevice()) return "blockDevice";
  return "unknown";
}

/** The bits that a new file gets: what was asked, never set-user-id, set-group-id or sticky, less the umask. */
export function newFileMode(asked: number | undefined, tree: Modes): number {
  return given(asked, 0o666, tree) & tree.fileMask & ~tree.umask;
}

/** The same for a new directory. */
export function newDirectoryMode(asked: number | undefined, tree: Modes): number {
  return given(asked, 0o777, tree) & tree.directoryMask & ~tree.umask;
}

/** What decides on the bits of what is new. */
type Modes = Pick<Tree, "umask" | "fileMask" | "directoryMask" | "setstat">;

/** Every upload comes with a mode: where modes are not for clients to set, that one is left out rather than refused. */
function given(asked: number | undefined, usual: number, { setstat }: Modes): number {
  return setstat.mode === "apply" ? (asked ?? usual) & 0o777 : usual;
}

/**
 * Changes a file or directory that is held: by an open descriptor, or by a path that leads to nothing else. `stats` are what
 * it has now. Times come last, because a change of size would move them.
 */
export function* change(target: number | HostPath, stats: NodeStats, asked: Attributes, tree: Tree): Steps<void> {
  // Who may open a device or a socket is not for clients to say.
  if (!stats.isFile() && !stats.isDirectory()) throw new SftpError("failure", "Not a regular file");
  const attributes = permitted(stats, asked, tree.setstat);
  const open = typeof target === "number";
  if (attributes.size !== undefined) {
    if (stats.isDirectory()) throw new SftpError("isADirectory");
    yield* open ? calls.ftruncate(target, attributes.size) : truncate(target, attributes.size);
  }
  if (changesOwner(stats, attributes)) {
    const { uid = stats.uid, gid = stats.gid } = attributes;
    yield* open ? calls.fchown(target, uid, gid) : calls.chown(target, uid, gid);
  }
  if (attributes.mode !== undefined) {
    // A folder's set-group-id and sticky bits say how it is shared; clients can neither grant them nor take them away.
    const kept = stats.isDirectory() ? stats.mode & 0o7000 : 0;
    const mode = (attributes.mode & (stats.isDirectory() ? tree.directoryMask : tree.fileMask)) | kept;
    yield* open ? calls.fchmod(target, mode) : calls.chmod(target, mode);
  }
  const times = timesOf(stats, attributes);
  if (times !== undefined) {
    yield* open ? calls.futimes(target, ...times) : calls.utimes(target, ...times);
  }
}

/** Node's own `truncate` opens for reading too, which not every file that may be written to allows. */
function* truncate(path: HostPath, size: number): Steps<void> {
  const fd = yield* calls.open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    yield* calls.ftruncate(fd, size);
  } finally {
    yield* calls.close(fd);
  }
}

/** Changes a symbolic link itself. It has no bits of its own on Linux, so a mode is left out rather than refused. */
export function* changeLink(path: HostPath, stats: NodeStats, asked: Attributes, tree: Tree): Steps<void> {
  const { mode: _, ...settable } = asked;
  if (settable.size !== undefined) throw new SftpError("invalidParameter", "A symbolic link has no size to set");
  const attributes = permitted(stats, settable, tree.setstat);
  if (changesOwner(stats, attributes)) {
    yield* calls.lchown(path, attributes.uid ?? stats.uid, attributes.gid ?? stats.gid);
  }
  const times = timesOf(stats, attributes);
  if (times !== undefined) yield* calls.lutimes(path, ...times);
}

/** Clients that copy send the owner back as they found it: then there is nothing to do, and nothing to be refused. */
function changesOwner(stats: NodeStats, { uid = stats.uid, gid = stats.gid }: Attributes): boolean {
  return uid !== stats.uid || gid !== stats.gid;
}

function timesOf(
  stats: NodeStats,
  attributes: Attributes,
): [atime: number | string, mtime: number | string] | undefined {
  const { atimeMs, mtimeMs } = attributes;
  if (atimeMs === undefined && mtimeMs === undefined) return undefined;
  return [secondsOf(atimeMs ?? stats.atimeMs), secondsOf(mtimeMs ?? stats.mtimeMs)];
}

/**
 * A time as Node takes it: seconds in a double, which libuv cuts off at the microsecond or, in newer versions, the
 * nanosecond. The nearest double may fall just short of the time that is meant and would come back one unit nearer to zero,
 * so the next one is taken. Numbers below zero Node replaces by the present, but not their digits.
 */
export function secondsOf(timeMs: number): number | string {
  const micros = Math.round(Math.abs(timeMs) * 1000);
  const nearest = micros / 1e6;
  const whole = Math.floor(nearest);
  const short = (nearest - whole) * 1e6 < micros - whole * 1e6;
  const seconds = short ? nearest + (nearest * Number.EPSILON) / 2 : nearest;
  return timeMs < 0 ? `-${seconds}` : seconds;
}
