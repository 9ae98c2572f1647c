import type {
  Attributes,
  CloseOutcome,
  DirectoryEntry,
  FileSystemStats,
  LockMask,
  OpenFlags,
  Stats,
} from "./filesystem.ts";
import type { ErrorStatus } from "./errors.ts";
import type { Logger } from "./log.ts";
import type { OpenDirectory, OpenFile, Session } from "./session.ts";
import type { SftpPath } from "./path.ts";
import type { State } from "./token.ts";
import type { User } from "./connection.ts";

/** The shape of one operation: what is asked, and what is answered. */
export interface Operation<Asked, Answered = void> {
  readonly request: Readonly<Asked>;
  readonly result: Answered;
}

/** What a client can ask for, by meaning rather than by packet. */
export interface Operations {
  open: Operation<{ path: SftpPath; flags: OpenFlags; attributes: Attributes }, OpenFile>;
  /** The result is borrowed: valid until the promise settles. Empty at end of file. */
  read: Operation<{ file: OpenFile; position: number; length: number }, Uint8Array>;
  /** `data` is borrowed: valid until the promise settles. */
  write: Operation<{ file: OpenFile; position: number; data: Uint8Array }>;
  sync: Operation<{ file: OpenFile }>;
  /** Server-side copy; a `length` of 0 means to the end of the file. */
  copy: Operation<{ from: OpenFile; position: number; length: number; to: OpenFile; toPosition: number }>;
  lock: Operation<{ file: OpenFile; position: number; length: number; mask: LockMask }>;
  unlock: Operation<{ file: OpenFile; position: number; length: number }>;
  /** Also raised, as `aborted`, for every file still open when a session ends; as `refused`, for one whose `open` was refused after the file system had opened it. */
  close: Operation<{ file: OpenFile | OpenDirectory; outcome: CloseOutcome }>;

  opendir: Operation<{ path: SftpPath }, OpenDirectory>;
  /** Empty when there are no more entries. */
  readdir: Operation<{ directory: OpenDirectory }, readonly DirectoryEntry[]>;
  mkdir: Operation<{ path: SftpPath; attributes: Attributes }>;
  rmdir: Operation<{ path: SftpPath }>;

  /** By path, or by an open `file` whose path this is. */
  stat: Operation<{ path: SftpPath; file?: OpenFile; follow: boolean }, Stats>;
  setstat: Operation<{ path: SftpPath; file?: OpenFile; follow: boolean; attributes: Attributes }>;
  statfs: Operation<{ path: SftpPath }, FileSystemStats>;

  remove: Operation<{ path: SftpPath }>;
  rename: Operation<{ from: SftpPath; to: SftpPath; overwrite: boolean }>;
  readlink: Operation<{ path: SftpPath }, string>;
  symlink: Operation<{ path: SftpPath; target: string }>;
  /** A hard link. */
  link: Operation<{ path: SftpPath; existing: SftpPath }>;
  realpath: Operation<{ path: SftpPath }, SftpPath>;

  /** A registered extension that means none of the above. */
  extended: Operation<{ name: string; data: Uint8Array }, Uint8Array | undefined>;
}

/** The name of an operation. */
export type OperationName = keyof Operations;
/** What an operation asks for. */
export type Request<K extends OperationName> = Operations[K]["request"];
/** What an operation answers. */
export type Result<K extends OperationName> = Operations[K]["result"];

/** One request in flight. */
export interface OperationContext<K extends OperationName> {
  readonly op: K;
  /** What will be served. Differs from `original` only where a `divert` changed it. */
  readonly request: Request<K>;
  /** What the client asked. */
  readonly original: Request<K>;
  /** Set by whoever answers: the file system, or a middleware that did not call `next`. */
  result: Result<K> | undefined;
  readonly user: User;
  readonly session: Session;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
  /** For this request only: what one step leaves for a later one. */
  readonly state: State;
  readonly log: Logger;
}

/** A union over `K`, so that `switch (ctx.op)` narrows `ctx.request` and `ctx.result`. */
export type Context<K extends OperationName = OperationName> = { [P in K]: OperationContext<P> }[K];

/** Serves the request below; called once and awaited. */
export type Next = () => Promise<void>;

/** Before `await next()` is the way in, after it the way out. Throw an `SftpError` to refuse. */
export type Middleware<K extends OperationName = OperationName> = (ctx: Context<K>, next: Next) => Promise<void>;

/** Runs on the way in only. Synchronous guards cost no promise. */
export type Guard<K extends OperationName = OperationName> = (ctx: Context<K>) => void | Promise<void>;

/** Returns what to change in the request, or nothing. Runs before every guard, so guards judge what will be served. */
export type Diversion<K extends OperationName = OperationName> = (
  ctx: Context<K>,
) => Partial<Request<K>> | void | Promise<Partial<Request<K>> | void>;

/** Runs once the answer is decided, whatever it is. Cannot change it. */
export type Observer<K extends OperationName = OperationName> = (ctx: Context<K>, outcome: Outcome) => void;

/** How a request ended. */
export type Outcome =
  | { readonly status: "ok" | "eof"; readonly durationMs: number; readonly error?: never }
  | { readonly status: ErrorStatus; readonly durationMs: number; readonly error: unknown };

/** Every path an operation touches, so that a permission check cannot forget `rename`'s second one. */
export function pathsOf(ctx: Context): readonly SftpPath[] {
  switch (ctx.op) {
    case "rename":
      return [ctx.request.from, ctx.request.to];
    case "link":
      return [ctx.request.existing, ctx.request.path];
    case "copy":
      return [ctx.request.from.path, ctx.request.to.path];
    case "read":
    case "write":
    case "sync":
    case "lock":
    case "unlock":
    case "close":
      return [ctx.request.file.path];
    case "readdir":
      return [ctx.request.directory.path];
    case "extended":
      return [];
    default:
      return [ctx.request.path];
  }
}

/** Every operation, for plugins that cover all of them. */
export const operationNames: readonly OperationName[] = [
  "open",
  "read",
  "write",
  "sync",
  "copy",
  "lock",
  "unlock",
  "close",
  "opendir",
  "readdir",
  "mkdir",
  "rmdir",
  "stat",
  "setstat",
  "statfs",
  "remove",
  "rename",
  "readlink",
  "symlink",
  "link",
  "realpath",
  "extended",
];
