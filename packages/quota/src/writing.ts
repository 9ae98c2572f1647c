import {
  parentOf,
  SftpError,
  type Context,
  type Logger,
  type Next,
  type OpenDirectory,
  type OpenFile,
  type PluginHost,
  type Store,
} from "@sluice/core";
import { amountAt, followed, located, type Files, type OpenEntry } from "./files.ts";
import type { Ledger } from "./ledger.ts";
import { noLongerMissing, orMissing } from "./incomplete.ts";
import { minus, none, type Amount } from "./record.ts";
import type { Journal } from "./journal.ts";
import { reserveAll, settleAll } from "./reservation.ts";
import type { Subject, Subjects } from "./subjects.ts";
import { Upload, UploadOf } from "./upload.ts";

/** What all parts of the accounting share. */
export interface Books {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly files: Files;
  readonly subjects: Subjects;
  readonly journal: Journal;
  readonly chunk: number;
  readonly log: Logger;
}

/** Counts what is written to open files. */
export function countWriting(host: PluginHost, books: Books): void {
  host.use("open", (ctx, next) => opened(ctx, next, books));
  host.use("write", async (ctx, next) => {
    const { file, position, data } = ctx.request;
    const upload = file.state.get(UploadOf);
    // Writing nothing lets no file grow, wherever it is written.
    if (upload !== undefined && data.length > 0) {
      const { append } = file.flags;
      const end = append ? upload.append(data.length) : position + data.length;
      const room = upload.room(end);
      if (room !== undefined) await orMissing(file.state, append ? undefined : { start: position, end }, room);
    }
    await next();
    noLongerMissing(file.state, { start: position, end: position + data.length });
  });
  host.use("copy", async (ctx, next) => {
    const { from, position, length, to, toPosition } = ctx.request;
    const upload = to.state.get(UploadOf);
    if (upload !== undefined) {
      const { size } = await from.handle.stat();
      const bytes = Math.max(Math.min(length === 0 ? Infinity : length, size - position), 0);
      const room = upload.room(to.flags.append ? upload.append(bytes) : toPosition + bytes);
      if (room !== undefined) await orMissing(to.state, undefined, room);
    }
    await next();
  });
  host.use("setstat", (ctx, next) => changed(ctx, next, books));
  host.use("close", (ctx, next) => closed(ctx, ctx.request.file, next, books));
  // What a middleware further out has refused never comes in here, or is not told: nothing may stay reserved for it.
  host.after("close", (ctx) => void closed(ctx, ctx.request.file, nothing, books));
}

async function opened(ctx: Context<"open">, next: Next, books: Books): Promise<void> {
  const { path: asked, flags, attributes } = ctx.request;
  if (!flags.write && !flags.append && !flags.create && !flags.truncate) return next();
  const { user, session } = ctx;
  const path = await followed(session, asked);
  const subjects = books.subjects.of(user, path);
  if (subjects.length === 0) return next();
  const place = books.subjects.placeOf(user, path);
  await books.files.alone([{ path, place }], async () => {
    const counted = books.files.at(place)?.counted ?? (await amountAt(session.fs, path));
    // What an upload replaces stays until the upload is complete, so it is no room for what comes.
    const size = flags.truncate ? 0 : counted.bytes;
    const least = { bytes: Math.max((attributes.size ?? 0) - size, 0), files: counted.files === 0 ? 1 : 0 };
    const bytes = await reserveAll(books.ledger, subjects, least, 0, books.log);
    const held = { bytes, files: least.files };
    const entry = books.files.enter(
      path,
      place,
      counted,
      subjects.map(({ key }) => key),
    );
    await books.journal.tell();
    try {
      await next();
    } finally {
      // One that is open, though refused by somebody further in, is closed as every other.
      if (ctx.result === undefined) {
        books.files.leave(entry);
        await settleAll(books.ledger, subjects, none, held);
        await books.journal.tell();
      } else {
        ctx.result.state.set(UploadOf, new Upload(books, { entry, subjects, size, held }));
      }
    }
  });
}

const nothing: Next = () => Promise.resolve();

async function closed(ctx: Context, file: OpenFile | OpenDirectory, next: Next, books: Books): Promise<void> {
  const upload = file.kind === "file" ? file.state.get(UploadOf) : undefined;
  if (upload === undefined) return next();
  file.state.delete(UploadOf);
  await books.files.aloneWith(upload.entry, (entry) =>
    settling(ctx, books, entry, upload.subjects, () => upload.held, next),
  );
}

/** Has a change made, brings the books into line with what is there then, whether it succeeded or not, and leaves the file. */
async function settling(
  { user, session, log }: Context,
  { ledger, files, subjects, journal }: Books,
  entry: OpenEntry,
  holders: readonly Subject[],
  held: () => Amount,
  next: Next,
): Promise<void> {
  // It may have been moved to where others answer for it.
  const owners = subjects.of(user, entry.path);
  await journal.around(owners, [{ folder: parentOf(entry.path), deep: false }], async () => {
    try {
      await next();
    } finally {
      let change = none;
      try {
        const now = await amountAt(session.fs, entry.path);
        change = minus(now, entry.counted);
        entry.counted = now;
      } catch (error) {
        log.error({ err: error, path: entry.path }, "What was written could not be counted; run a recount");
      }
      if (sameKeys(owners, holders)) {
        await settleAll(ledger, owners, change, held());
      } else {
        await settleAll(ledger, owners, change, none);
        await settleAll(ledger, holders, none, held());
      }
      files.leave(entry);
    }
  });
}

function sameKeys(a: readonly Subject[], b: readonly Subject[]): boolean {
  return a.length === b.length && a.every(({ key }, i) => key === b[i]?.key);
}

/** Only a new size matters. */
async function changed(ctx: Context<"setstat">, next: Next, books: Books): Promise<void> {
  const { path: asked, file, attributes, follow } = ctx.request;
  const { size } = attributes;
  if (size === undefined) return next();
  if (!Number.isSafeInteger(size)) throw new SftpError("invalidParameter");
  const upload = file?.state.get(UploadOf);
  if (upload !== undefined) {
    await upload.room(size);
    return next();
  }
  const { user, session } = ctx;
  const path = await (follow ? followed : located)(session, asked);
  const subjects = books.subjects.of(user, path);
  if (subjects.length === 0) return next();
  const place = books.subjects.placeOf(user, path);
  await books.files.alone([{ path, place }], async () => {
    const counted = books.files.at(place)?.counted ?? (await amountAt(session.fs, path));
    const entry = books.files.enter(
      path,
      place,
      counted,
      subjects.map(({ key }) => key),
    );
    const least = { bytes: Math.max(size - entry.counted.bytes, 0), files: 0 };
    let bytes: number;
    try {
      bytes = await reserveAll(books.ledger, subjects, least, 0, books.log);
    } catch (error) {
      books.files.leave(entry);
      await books.journal.tell();
      throw error;
    }
    await settling(ctx, books, entry, subjects, () => ({ bytes, files: 0 }), next);
  });
}
