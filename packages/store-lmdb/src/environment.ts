import { statSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";

/** A tree of bytes by bytes. */
export type Database = RootDatabase<Buffer, Buffer>;

/** The address space that is set aside for the file; LMDB asks for more when it is used up. */
const mapBytes = 256 * 1024 * 1024;

interface Opened {
  readonly db: Database;
  users: number;
}

const opened = new Map<string, Opened>();
const closing = new Map<string, Promise<void>>();

/** An LMDB file that this process has open. */
export interface Environment {
  readonly db: Database;
  close(): Promise<void>;
}

/**
 * Opens a file, once in this process however many ask for it: a second opening of its own takes the first one's read transactions away and
 * its file locks with them.
 */
export async function openEnvironment(file: string): Promise<Environment> {
  const { dev, ino } = statSync(file, { bigint: true });
  const key = `${dev}:${ino}`;
  await closing.get(key);
  let shared = opened.get(key);
  if (shared === undefined) {
    // A commit is on the disk before it is told; with overlapping syncs it would be only in memory.
    const db: Database = open({
      path: file,
      noSubdir: true,
      overlappingSync: false,
      mapSize: mapBytes,
      encoding: "binary",
      keyEncoding: "binary",
    });
    shared = { db, users: 0 };
    opened.set(key, shared);
  }
  const mine = shared;
  mine.users += 1;
  let closed: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    mine.users -= 1;
    if (mine.users > 0) return;
    opened.delete(key);
    const ended = mine.db.close().finally(() => closing.delete(key));
    closing.set(key, ended);
    await ended;
  };
  return { db: mine.db, close: () => (closed ??= release()) };
}
