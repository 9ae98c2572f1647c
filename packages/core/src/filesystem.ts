import type { Logger } from "./log.ts";
import type { SftpPath } from "./path.ts";
import type { Session } from "./session.ts";

/** What a directory entry can be (draft-ietf-secsh-filexfer-13, section 7.2). */
export type FileType =
  | "file"
  | "directory"
  | "symlink"
  | "special"
  | "unknown"
  | "socket"
  | "characterDevice"
  | "blockDevice"
  | "fifo";

/** One access control entry (draft-ietf-secsh-filexfer-13, section 7.8). */
export interface AclEntry {
  readonly type: number;
  readonly flags: number;
  readonly mask: number;
  readonly who: string;
}

/** An access control list, with the v6 flags word where there is one. */
export interface Acl {
  readonly flags?: number;
  readonly entries: readonly AclEntry[];
}

/** What a client may set. Absent fields are left alone. Times are milliseconds since 1970, UTC; fractions are kept. */
export interface Attributes {
  readonly size?: number;
  /** Permission bits, `0o7777` at most; never the file type. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly owner?: string;
  readonly group?: string;
  readonly atimeMs?: number;
  readonly mtimeMs?: number;
  readonly birthtimeMs?: number;
  readonly acl?: Acl;
  readonly extended?: ReadonlyMap<string, Uint8Array>;
}

/** What a file system reports. An object store knows three of these; that is enough. */
export interface Stats extends Attributes {
  readonly type: FileType;
  readonly size: number;
  readonly mtimeMs: number;
  /** Number of hard links. */
  readonly linkCount?: number;
}

/** How a file is to be opened. */
export interface OpenFlags {
  readonly read: boolean;
  readonly write: boolean;
  /** Every write goes to the end of the file, whatever its position. */
  readonly append: boolean;
  /** Make the file if there is none. */
  readonly create: boolean;
  /** Empty the file if there is one. */
  readonly truncate: boolean;
  /** With `create`: refuse with `alreadyExists` if there is anything by that name, a dangling link included. */
  readonly exclusive: boolean;
}

/** One name in a directory. */
export interface DirectoryEntry {
  /** The bare name, byte-preserving as in `SftpPath`. Never `.`, `..` or with a `/`. */
  readonly name: string;
  /** Of the entry itself: a symbolic link is not followed. */
  readonly stats: Stats;
}

/** Sizes of a file system, in the meaning of POSIX `statvfs`. */
export interface FileSystemStats {
  /** Block size for I/O, in bytes. */
  readonly blockSize: number;
  /** Unit of `blocks`, `freeBlocks` and `availableBlocks`, in bytes. */
  readonly fragmentSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  /** Free blocks that this user may take. */
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly availableFiles: number;
  readonly readOnly: boolean;
  /** Longest name, in bytes. */
  readonly maxNameLength: number;
}

/** What a byte-range lock keeps others from doing (draft-ietf-secsh-filexfer-13, section 8.4). */
export interface LockMask {
  readonly read: boolean;
  readonly write: boolean;
  readonly delete: boolean;
  readonly advisory: boolean;
}

/**
 * How a file ends. `completed`: the client closed it and nobody objected. `aborted`: the client vanished; an upload should not be
 * taken for a whole one. `refused`: a middleware refused the open or the close; what was uploaded must not be kept.
 */
export type CloseOutcome = "completed" | "aborted" | "refused";

/**
 * A tree of files. Three methods are required; an optional one that is absent answers `unsupported`.
 *
 * Refuse by throwing an `SftpError`; errors of `node:fs` are translated by core, anything else is answered `failure`.
 * Calls may overlap: `read` and `write` of one session run concurrently, and sessions do not wait for each other.
 */
export interface FileSystem {
  /** Opens a regular file. `attributes` are of the file to make: a size is a hint, a mode is used when the file is new. */
  open(path: SftpPath, flags: OpenFlags, attributes: Attributes): Promise<FileHandle>;
  /** Entries in batches and any order, without `.` and `..`. Iteration stops early when the client closes. */
  list(path: SftpPath): AsyncIterable<readonly DirectoryEntry[]>;
  stat(path: SftpPath, options: { readonly follow: boolean }): Promise<Stats>;
  setAttributes?(path: SftpPath, attributes: Attributes, options: { readonly follow: boolean }): Promise<void>;
  /** Removes a file or a link; a directory is refused. */
  remove?(path: SftpPath): Promise<void>;
  /** Without `overwrite` an existing target is refused with `alreadyExists`; with it, the exchange is atomic. */
  rename?(from: SftpPath, to: SftpPath, options: { readonly overwrite: boolean }): Promise<void>;
  mkdir?(path: SftpPath, attributes: Attributes): Promise<void>;
  /** Removes an empty directory. */
  rmdir?(path: SftpPath): Promise<void>;
  /** The target as it was stored. */
  readlink?(path: SftpPath): Promise<string>;
  /** Makes the link `path` that points to `target`. */
  symlink?(path: SftpPath, target: string): Promise<void>;
  /** Makes `path` a second name of `existing`. */
  link?(path: SftpPath, existing: SftpPath): Promise<void>;
  /** The path with its links resolved; a missing last name is not an error. Absent: the path as it is. */
  realpath?(path: SftpPath): Promise<SftpPath>;
  statfs?(path: SftpPath): Promise<FileSystemStats>;
  /** The names of users and groups by number, for listings; an unknown one is `undefined`. */
  ownerNames?(uids: readonly number[], gids: readonly number[]): Promise<OwnerNames>;
  /** Called once: when the session whose source function made it ends, or with the server when all sessions share it. */
  close?(): Promise<void>;
}

/** Names in the order of the numbers that were asked for. */
export interface OwnerNames {
  readonly users: readonly (string | undefined)[];
  readonly groups: readonly (string | undefined)[];
}

/** An open file. Calls may overlap, but `close` comes after all others have settled. */
export interface FileHandle {
  /**
   * Fills `buffer` from `position`; resolves to the bytes read, 0 at end of file. Fewer than asked means end of file.
   *
   * Core refuses clients that read a file which they have not opened for reading. The handle itself reads what it has written however
   * it was opened, so that a middleware can look at an upload before it is committed. Only where the storage lets this process write
   * to a file and not read it may it be refused, with `permissionDenied`.
   */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes all of `data` or rejects. `data` is only valid until the promise settles. */
  write(data: Uint8Array, position: number): Promise<void>;
  stat(): Promise<Stats>;
  setAttributes?(attributes: Attributes): Promise<void>;
  /** Resolves when what was written will survive a power cut. */
  sync?(): Promise<void>;
  /**
   * Copies on the storage's side where it can (reflink, server-side copy); resolves to the bytes copied. A `length` of 0 means to
   * the end of the file. Rejects soon after `signal` is aborted, which it is when the session ends.
   */
  copyTo?(
    target: FileHandle,
    position: number,
    length: number,
    targetPosition: number,
    signal?: AbortSignal,
  ): Promise<number>;
  lock?(position: number, length: number, mask: LockMask): Promise<void>;
  unlock?(position: number, length: number): Promise<void>;
  /** Called exactly once, whatever happened. A rejection is what the client reads about its upload. */
  close(outcome: CloseOutcome): Promise<void>;
}

/** What is mounted: one file system for everybody, or a function that gives each session a view of its own, such as per-user roots. */
export type FileSystemSource = FileSystem | SessionSource;

/** Makes each session's file system. A plain function will do; one that works beside the sessions has a beginning and an end. */
export interface SessionSource {
  (session: SessionIdentity): FileSystem | Promise<FileSystem>;
  /** Called once, before the server serves anybody. A rejection keeps it from starting; what takes long goes on in the background. */
  start?(log: Logger): void | Promise<void>;
  /** Called once, when the server closes and all sessions have ended, whether or not it was started. */
  close?(): void | Promise<void>;
}

/** What is known of a session before it has a file system. */
export type SessionIdentity = Omit<Session, "fs" | "files">;
