import type { DirectoryEntry } from "../filesystem.ts";
import type { Run } from "../pipeline.ts";
import type { OpenDirectory } from "../session.ts";

/** Where a listing stands: what the backend has given and no client has seen. */
interface Cursor {
  batch: readonly DirectoryEntry[];
  at: number;
  done: boolean;
  consumed: number;
  /** The next batch, asked for while the client still takes the last one. */
  coming: Promise<IteratorResult<readonly DirectoryEntry[]>> | undefined;
}
const cursors = new WeakMap<OpenDirectory, Cursor>();

/** Replies stay small enough for every client: sshfs drops the connection at 128 KiB. */
const replyBytes = 64 * 1024;
/** Of a name in a reply, beside the name itself in its two places. */
const entryBytes = 120;

function cursorOf(directory: OpenDirectory): Cursor {
  let cursor = cursors.get(directory);
  if (cursor === undefined)
    cursors.set(directory, (cursor = { batch: [], at: 0, done: false, consumed: 0, coming: undefined }));
  return cursor;
}

async function fill(directory: OpenDirectory, cursor: Cursor): Promise<void> {
  while (!cursor.done && cursor.at >= cursor.batch.length) {
    const next = await (cursor.coming ?? directory.batches.next());
    cursor.coming = undefined;
    if (next.done === true) cursor.done = true;
    else {
      cursor.batch = next.value;
      cursor.at = 0;
    }
  }
}

/** Asks the backend for the first entries. */
export async function prefetch(directory: OpenDirectory): Promise<void> {
  await fill(directory, cursorOf(directory));
}

/** How many entries of a listing have been answered so far. */
export function consumed(directory: OpenDirectory): number {
  return cursors.get(directory)?.consumed ?? 0;
}

/** Serves READDIR: up to `limit` entries, as many as fit into a reply. */
export function readdir(limit: number): Run<"readdir"> {
  return async (ctx) => {
    const { directory } = ctx.request;
    const cursor = cursorOf(directory);
    await fill(directory, cursor);
    const start = cursor.at;
    let room = replyBytes;
    while (cursor.at < cursor.batch.length && cursor.at - start < limit && room > 0) {
      room -= entryBytes + 4 * (cursor.batch[cursor.at]?.name.length ?? 0);
      cursor.at += 1;
    }
    cursor.consumed += cursor.at - start;
    ctx.result = cursor.batch.slice(start, cursor.at);
    if (cursor.at >= cursor.batch.length) askAhead(directory, cursor);
  };
}

/** Clients ask for one reply at a time: the storage works while the last one is on its way. */
function askAhead(directory: OpenDirectory, cursor: Cursor): void {
  if (cursor.done || cursor.coming !== undefined) return;
  cursor.coming = directory.batches.next();
  // Whoever asks next hears of a failure; nobody does if the client closes before.
  cursor.coming.catch(() => undefined);
}
