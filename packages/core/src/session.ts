import type { Connection, User } from "./connection.ts";
import type { CloseOutcome, DirectoryEntry, FileHandle, FileSystem, OpenFlags } from "./filesystem.ts";
import type { Logger } from "./log.ts";
import type { SftpPath } from "./path.ts";
import { State } from "./token.ts";

/** The SFTP protocol versions, by draft: 3 = filexfer-02, 4 = -04, 5 = -05, 6 = -13. */
export type SftpVersion = 3 | 4 | 5 | 6;

/** One SFTP channel. A connection may have several at once. */
export interface Session {
  /** Unique in this process; in every log line of the session. */
  readonly id: string;
  readonly connection: Connection;
  /** The version negotiated by INIT. */
  readonly version: SftpVersion;
  readonly user: User;
  /** What this session sees: all mounts, as one tree. */
  readonly fs: FileSystem;
  /** The files open now. */
  readonly files: Iterable<OpenFile>;
  readonly openedAt: Date;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
  readonly state: State;
  readonly log: Logger;
  /** Ends the session; open files close as `aborted`. */
  end(reason: string): void;
}

/** A file that a client holds open. */
export interface OpenFile {
  readonly kind: "file";
  readonly path: SftpPath;
  readonly flags: OpenFlags;
  readonly handle: FileHandle;
  /** Bytes sent to the client so far. */
  bytesRead: number;
  /** Bytes stored so far. */
  bytesWritten: number;
  readonly openedAt: Date;
  readonly state: State;
}

/** A directory that a client is listing. */
export interface OpenDirectory {
  readonly kind: "directory";
  readonly path: SftpPath;
  readonly batches: AsyncIterator<readonly DirectoryEntry[]>;
  readonly openedAt: Date;
  readonly state: State;
}

/**
 * The open file for a handle: what a middleware assigns to `ctx.result` when it answers `open` itself.
 *
 * @example
 * server.use("open", async (ctx, next) => {
 *   if (ctx.request.path !== "/motd") return next();
 *   ctx.result = fileOf(ctx.request.path, ctx.request.flags, handleOf("hello\n"));
 * });
 */
export function fileOf(path: SftpPath, flags: OpenFlags, handle: FileHandle): OpenFile {
  return { kind: "file", path, flags, handle, bytesRead: 0, bytesWritten: 0, openedAt: new Date(), state: new State() };
}

/** The open directory for a list of entries: what a middleware assigns to `ctx.result` when it answers `opendir` itself. */
export function directoryOf(
  path: SftpPath,
  entries: AsyncIterable<readonly DirectoryEntry[]> | readonly DirectoryEntry[],
): OpenDirectory {
  const batches = Array.isArray(entries)
    ? once(entries as readonly DirectoryEntry[])
    : (entries as AsyncIterable<readonly DirectoryEntry[]>)[Symbol.asyncIterator]();
  return { kind: "directory", path, batches, openedAt: new Date(), state: new State() };
}

async function* once(entries: readonly DirectoryEntry[]): AsyncGenerator<readonly DirectoryEntry[]> {
  if (entries.length > 0) yield entries;
}

const released = new WeakSet<OpenFile | OpenDirectory>();

/** Gives back what an open file or directory holds in the backend: once, whoever asks and however often. */
export async function release(open: OpenFile | OpenDirectory, outcome: CloseOutcome): Promise<void> {
  if (released.has(open)) return;
  released.add(open);
  if (open.kind === "file") await open.handle.close(outcome);
  else await open.batches.return?.();
}
