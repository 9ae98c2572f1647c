import { filesOf, matches, readRecords, type Found, type Query, type SourceFile } from "@sluice/audit";
import { statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Failure, reasonOf } from "../failure.ts";
import { globMatcher } from "./audit-glob.ts";
import { filesNamed, firstOf } from "./audit-files.ts";
import { lineFor, palette } from "./audit-line.ts";
import type { SearchArguments, TailArguments } from "./audit.ts";

/** How often a file that is followed is looked at. */
const followMs = 250;
const maxTail = 100_000;

/** `sluice audit search`. */
export async function search(names: readonly string[], options: SearchArguments): Promise<void> {
  const query = queryOf(options);
  const print = printer(options.json ?? false);
  const damage = { lines: 0 };
  for (const file of await filesNamed(names, false)) {
    for await (const found of records(file, damage)) if (matches(found.record, query)) print(found);
  }
  warn(damage.lines, names[0] ?? "");
}

/** `sluice audit tail`. */
export async function tail(name: string, options: TailArguments): Promise<void> {
  const count = Number(options.lines);
  if (!Number.isInteger(count) || count < 0 || count > maxTail) {
    throw new Failure(`--lines: a whole number from 0 to ${maxTail} is needed`);
  }
  const print = printer(options.json ?? false);
  const damage = { lines: 0 };
  const files = await filesNamed([name], false);
  let place = placeOf(name);
  let last: Found[] = [];
  for (const file of files.toReversed()) {
    const mine: Found[] = [];
    for await (const found of records(file, damage)) {
      mine.push(found);
      if (mine.length > Math.max(count, 1)) mine.shift();
    }
    if (file.path === name) place = { ...place, offset: mine.at(-1)?.end ?? 0 };
    last = [...mine, ...last];
    if (last.length >= count) break;
  }
  for (const found of count === 0 ? [] : last.slice(-count)) print(found);
  warn(damage.lines, name);
  if (options.follow === true) await follow(name, { ...place, seq: last.at(-1)?.record.seq ?? 0 }, print);
}

interface Place {
  readonly inode: number;
  readonly offset: number;
}

function placeOf(name: string): Place {
  return { inode: statSync(name, { throwIfNoEntry: false })?.ino ?? 0, offset: 0 };
}

/** Prints what is written until the process is ended, through rotations. */
async function follow(
  name: string,
  from: Place & { readonly seq: number },
  print: (found: Found) => void,
): Promise<never> {
  let { inode, offset, seq } = from;
  for (;;) {
    const stats = statSync(name, { throwIfNoEntry: false });
    const rotated = stats?.ino !== inode;
    if (rotated || stats.size > offset) {
      // After a rotation, what is left of the files before comes first.
      const files: readonly SourceFile[] = rotated ? await filesAfter(name, seq) : [{ path: name, compressed: false }];
      for (const file of files) {
        if (rotated) offset = 0;
        for await (const found of records(file, { lines: 0 }, offset)) {
          offset = found.end;
          if (found.record.seq <= seq) continue;
          seq = found.record.seq;
          print(found);
        }
      }
      inode = stats?.ino ?? 0;
    }
    await setTimeout(followMs);
  }
}

/** The files in which records after `seq` are. */
async function filesAfter(name: string, seq: number): Promise<readonly SourceFile[]> {
  const files = filesOf(name);
  for (let i = files.length - 1; i > 0; i--) {
    const file = files[i];
    // A file that was only just begun has no first record yet.
    const first = file === undefined ? 0 : await firstOf(file);
    if (first > 0 && first <= seq + 1) return files.slice(i);
  }
  return files;
}

async function* records(file: SourceFile, damage: { lines: number }, from = 0): AsyncGenerator<Found> {
  try {
    yield* readRecords(file, { from, damaged: () => void (damage.lines += 1) });
  } catch (error) {
    throw new Failure(`${file.path}: ${reasonOf(error)}`, error);
  }
}

function printer(json: boolean): (found: Found) => void {
  if (json) return ({ line }) => console.log(line);
  const colours = palette(process.stdout.isTTY && process.env["NO_COLOR"] === undefined);
  return ({ record }) => console.log(lineFor(record, colours));
}

function warn(damaged: number, name: string): void {
  if (damaged === 0) return;
  console.error(
    `sluice: ${damaged} ${damaged === 1 ? "line is" : "lines are"} no record and not shown; see: sluice audit verify ${name}`,
  );
}

function queryOf(options: SearchArguments): Query {
  const { user, outcome, type, op, address, session, path, since, until } = options;
  const given = { user, outcome, type, op, address, session };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(path === undefined ? {} : { path: globMatcher(path) }),
    ...(since === undefined ? {} : { since: timeOf("--since", since, Date.now()) }),
    ...(until === undefined ? {} : { until: timeOf("--until", until, Date.now()) }),
  };
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time as it is typed: how long ago, or a date that `Date` understands; without a zone it is local. */
export function timeOf(option: string, text: string, now: number): number {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null) return now - Number(ago[1]) * (units[ago[2] ?? ""] ?? 0);
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00`) : Date.parse(text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(at)) return at;
  throw new Failure(
    `${option}: "${text}" is no time; write 2026-11-22, 2026-11-22T20:00, or 30m, 12h, 7d for so long ago`,
  );
}
