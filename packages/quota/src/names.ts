import {
  isWithin,
  parentOf,
  SftpError,
  sftpPath,
  type Context,
  type Next,
  type PluginHost,
  type SftpPath,
} from "@sluice/core";
import { amountAt, located } from "./files.ts";
import { none, type Amount } from "./record.ts";
import type { Place } from "./places.ts";
import { Changes } from "./reservation.ts";
import { walk } from "./tally.ts";
import type { Books } from "./writing.ts";

/** Most entries of a folder that is moved from one limit to another: they are counted while the client waits. */
const maxMoved = 100_000;
const oneName: Amount = { bytes: 0, files: 1 };

/** Counts names that come and go. */
export function countNames(host: PluginHost, books: Books): void {
  host.use(["remove", "rmdir"], (ctx, next) => removed(ctx, next, books));
  host.use(["mkdir", "symlink"], (ctx, next) => added(ctx, next, books, ctx.request.path));
  // Each name of a file counts its size, so that it can be deleted by either.
  host.use("link", (ctx, next) => added(ctx, next, books, ctx.request.path, ctx.request.existing));
  host.use("rename", (ctx, next) => renamed(ctx, next, books));
}

async function added(ctx: Context, next: Next, books: Books, asked: SftpPath, other?: SftpPath): Promise<void> {
  const path = await located(ctx.session, asked);
  const existing = other === undefined ? undefined : await located(ctx.session, other);
  const subjects = books.subjects.of(ctx.user, path);
  if (subjects.length === 0) return next();
  const at = [path, ...(existing === undefined ? [] : [existing])].map((each) => ({
    path: each,
    place: books.subjects.placeOf(ctx.user, each),
  }));
  await books.files.alone(at, async () => {
    const changes = new Changes();
    changes.add(subjects, existing === undefined ? oneName : await amountAt(ctx.session.fs, existing));
    await books.journal.around(subjects, [{ folder: parentOf(path), deep: false }], () =>
      changes.around(books.ledger, books.log, next),
    );
  });
}

async function removed(ctx: Context<"remove" | "rmdir">, next: Next, books: Books): Promise<void> {
  const path = await located(ctx.session, ctx.request.path);
  const subjects = books.subjects.of(ctx.user, path);
  if (subjects.length === 0) return next();
  const place = books.subjects.placeOf(ctx.user, path);
  await books.files.alone([{ path, place }], async () => {
    const entry = books.files.at(place);
    const counted = entry?.counted ?? (await amountAt(ctx.session.fs, path));
    const changes = new Changes();
    changes.take(subjects, counted);
    await books.journal.around(subjects, [{ folder: parentOf(path), deep: false }], async () => {
      await changes.around(books.ledger, books.log, next);
      if (entry !== undefined) entry.counted = none;
    });
  });
}

async function renamed(ctx: Context<"rename">, next: Next, books: Books): Promise<void> {
  const { subjects, files, journal, ledger, log } = books;
  const { user, session, request } = ctx;
  if (!subjects.hasTrees && subjects.ofUser(user).length === 0) return next();
  const from = await located(session, request.from);
  const to = await located(session, request.to);
  const placeOf = (path: SftpPath): string => subjects.placeOf(user, path);
  const at = [from, to].map((path) => ({ path, place: placeOf(path) }));
  // What another user has by such a path may be something else.
  const covers = ({ path, place }: Place): boolean =>
    (isWithin(path, from) || isWithin(path, to)) && place === placeOf(path);
  const work = async (): Promise<void> => {
    const changes = new Changes();
    const replaced = from === to ? none : (files.at(placeOf(to))?.counted ?? (await amountAt(session.fs, to)));
    changes.take(subjects.of(user, to), replaced);
    const move = (path: SftpPath, amount: Amount): void => {
      changes.take(subjects.of(user, path), amount);
      changes.add(subjects.of(user, renamedPath(path, from, to)), amount);
    };
    const amount = files.at(placeOf(from))?.counted ?? (await amountAt(session.fs, from));
    move(from, amount);
    if (subjects.hasTrees) await moveBelow(ctx, books, from, move);
    const touched = [from, to].flatMap((path) => [
      { folder: parentOf(path), deep: false },
      { folder: path, deep: true },
    ]);
    await journal.around(changes.subjects, touched, async () => {
      let moved = true;
      await changes.around(ledger, log, async () => {
        await next();
        // Of two names of one file none takes the other's place (rename(2)): both stay.
        if (replaced.files > 0) moved = (await amountAt(session.fs, from).catch(() => none)).files === 0;
        if (!moved) changes.cancel();
      });
      if (!moved) return;
      // Who has the replaced file open will find the other one there.
      const open = from === to ? undefined : files.at(placeOf(to));
      if (open !== undefined) open.counted = amount;
      files.move(({ path, place }) => {
        // Another user's file by that name may be another file.
        if (!isWithin(path, from) || place !== placeOf(path)) return undefined;
        const now = renamedPath(path, from, to);
        return { path: now, place: placeOf(now), keys: subjects.of(user, now).map(({ key }) => key) };
      });
    });
  };
  await files.alone(at, work, covers);
}

async function moveBelow(
  { session, user }: Context,
  { files, subjects }: Books,
  from: SftpPath,
  move: (path: SftpPath, amount: Amount) => void,
): Promise<void> {
  const { type } = await session.fs.stat(from, { follow: false });
  if (type !== "directory") return;
  let moved = 0;
  for await (const [path, amount] of walk(session.fs, from)) {
    moved += 1;
    if (moved > maxMoved) {
      throw new SftpError(
        "failure",
        `A folder with more than ${maxMoved} entries cannot be moved from one quota to another`,
      );
    }
    move(path, files.at(subjects.placeOf(user, path))?.counted ?? amount);
  }
}

function renamedPath(path: SftpPath, from: SftpPath, to: SftpPath): SftpPath {
  return path === from ? to : sftpPath(`${to}${from === "/" ? path : path.slice(from.length)}`);
}
