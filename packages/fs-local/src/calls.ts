import fs, { type BigIntStats, type Dir, type Dirent, type Stats, type StatsFs } from "node:fs";
import { promisify } from "node:util";
import type { HostPath } from "./containment.ts";
import { inBurst, step, type Steps } from "./steps.ts";

/*
 * The calls that steps are made of. Raw descriptors and the callback functions only: a `FileHandle` of the promises API
 * that is lost closes itself at some later garbage collection.
 */

type Calls<Args extends readonly unknown[], T> = (...args: Args) => Steps<T>;

const openLater = promisify(fs.open);
const lstatLater = promisify<HostPath, Stats>(fs.lstat);
const opendirLater = promisify<HostPath, fs.OpenDirOptions, Dir>(fs.opendir);
// Entries come as bytes.
const asBytes = { encoding: "buffer" as BufferEncoding, bufferSize: 256 };
const exactly = { bigint: true } as const;
const missingIsNone = { throwIfNoEntry: false } as const;

export const open: Calls<[path: HostPath, flags: number, mode?: number], number> = step(fs.openSync, openLater);
export const close: Calls<[fd: number], void> = step(fs.closeSync, promisify(fs.close));
export const fstat: Calls<[fd: number], Stats> = step(
  (fd: number) => fs.fstatSync(fd),
  promisify<number, Stats>(fs.fstat),
);

/** Of the entry itself; `undefined` where there is none. */
export const lstat: Calls<[path: HostPath], Stats | undefined> = step(
  (path: HostPath) => fs.lstatSync(path, missingIsNone),
  (path: HostPath) => lstatLater(path).catch(absent),
);

/** Of many entries at once, which overlap where each is a round trip. */
export const lstatAll: Calls<[paths: readonly HostPath[]], (Stats | undefined)[]> = function* (paths) {
  if (inBurst()) return paths.map((path) => fs.lstatSync(path, missingIsNone));
  return (yield paths.map((path) => ({
    now: () => fs.lstatSync(path, missingIsNone),
    later: () => lstatLater(path).catch(absent),
  }))) as (Stats | undefined)[];
};

/** With exact inode numbers, which may exceed 2^53. */
export const statExactly: Calls<[path: HostPath], BigIntStats> = step(
  (path: HostPath) => fs.statSync(path, exactly),
  promisify((path: HostPath, done: (error: Error | null, stats: BigIntStats) => void) => fs.stat(path, exactly, done)),
);
export const fstatExactly: Calls<[fd: number], BigIntStats> = step(
  (fd: number) => fs.fstatSync(fd, exactly),
  promisify((fd: number, done: (error: Error | null, stats: BigIntStats) => void) => fs.fstat(fd, exactly, done)),
);

export const statfs: Calls<[path: HostPath], StatsFs> = step(
  (path: HostPath) => fs.statfsSync(path),
  promisify<HostPath, StatsFs>(fs.statfs),
);
export const access: Calls<[path: HostPath, mode: number], void> = step(
  fs.accessSync,
  promisify<HostPath, number>(fs.access),
);
export const readlink: Calls<[path: HostPath], Buffer> = step(
  (path: HostPath) => fs.readlinkSync(path, "buffer"),
  promisify((path: HostPath, done: (error: Error | null, target: Buffer) => void) => fs.readlink(path, "buffer", done)),
);
export const readText: Calls<[path: HostPath], string> = step(
  (path: HostPath) => fs.readFileSync(path, "latin1"),
  promisify((path: HostPath, done: (error: Error | null, text: string) => void) => fs.readFile(path, "latin1", done)),
);
export const realpath: Calls<[path: HostPath], string> = step(
  (path: HostPath) => fs.realpathSync.native(path),
  promisify<HostPath, string>(fs.realpath.native),
);

export const opendir: Calls<[path: HostPath], Dir> = step(
  (path: HostPath) => fs.opendirSync(pathAsBytes(path) as unknown as string, asBytes),
  (path: HostPath) => opendirLater(pathAsBytes(path), asBytes),
);
/** The bytes of the next name, or `undefined` at the end. */
export const readdir: Calls<[dir: Dir], Buffer | undefined> = step(
  (dir: Dir) => dir.readSync()?.name as Buffer | undefined,
  async (dir: Dir) => (await dir.read())?.name as Buffer | undefined,
);
/** The next entry, its name in bytes, with what kind of thing it is; `undefined` at the end. */
export const readEntry: Calls<[dir: Dir], Dirent | undefined> = step(
  (dir: Dir) => dir.readSync() ?? undefined,
  async (dir: Dir) => (await dir.read()) ?? undefined,
);
export const closedir: Calls<[dir: Dir], void> = step(
  (dir: Dir) => dir.closeSync(),
  (dir: Dir) => dir.close(),
);

export const mkdir: Calls<[path: HostPath, mode: number], void> = step(
  (path: HostPath, mode: number) => fs.mkdirSync(path, mode),
  promisify<HostPath, number>(fs.mkdir),
);
/** With its parents. */
export const mkdirs: Calls<[path: HostPath, mode: number], void> = step(
  (path: HostPath, mode: number) => {
    fs.mkdirSync(path, { mode, recursive: true });
  },
  promisify((path: HostPath, mode: number, done: (error: Error | null) => void) =>
    fs.mkdir(path, { mode, recursive: true }, (error) => done(error)),
  ),
);
export const rmdir: Calls<[path: HostPath], void> = step(
  (path: HostPath) => fs.rmdirSync(path),
  promisify<HostPath>(fs.rmdir),
);
export const unlink: Calls<[path: HostPath], void> = step(fs.unlinkSync, promisify(fs.unlink));
export const rename: Calls<[from: HostPath, to: HostPath], void> = step(fs.renameSync, promisify(fs.rename));
export const link: Calls<[existing: HostPath, path: HostPath], void> = step(fs.linkSync, promisify(fs.link));
export const symlink: Calls<[target: HostPath, path: HostPath], void> = step(
  (target: HostPath, path: HostPath) => fs.symlinkSync(target, path),
  promisify<HostPath, HostPath>(fs.symlink),
);

type Seconds = number | string;
export const chmod: Calls<[path: HostPath, mode: number], void> = step(fs.chmodSync, promisify(fs.chmod));
export const fchmod: Calls<[fd: number, mode: number], void> = step(fs.fchmodSync, promisify(fs.fchmod));
export const chown: Calls<[path: HostPath, uid: number, gid: number], void> = step(fs.chownSync, promisify(fs.chown));
export const fchown: Calls<[fd: number, uid: number, gid: number], void> = step(fs.fchownSync, promisify(fs.fchown));
export const lchown: Calls<[path: HostPath, uid: number, gid: number], void> = step(
  fs.lchownSync,
  promisify(fs.lchown),
);
export const utimes: Calls<[path: HostPath, atime: Seconds, mtime: Seconds], void> = step(
  fs.utimesSync,
  promisify(fs.utimes),
);
export const futimes: Calls<[fd: number, atime: Seconds, mtime: Seconds], void> = step(
  fs.futimesSync,
  promisify(fs.futimes),
);
export const lutimes: Calls<[path: HostPath, atime: Seconds, mtime: Seconds], void> = step(
  fs.lutimesSync,
  promisify(fs.lutimes),
);
export const ftruncate: Calls<[fd: number, size: number], void> = step(
  (fd: number, size: number) => fs.ftruncateSync(fd, size),
  promisify<number, number>(fs.ftruncate),
);

// Where the disk does not tell what an entry is, Node joins the directory's path and the name: both have to be bytes.
function pathAsBytes(path: HostPath): Buffer {
  return typeof path === "string" ? Buffer.from(path) : path;
}

/** The errno of what `node:fs` threw. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

function absent(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
}
