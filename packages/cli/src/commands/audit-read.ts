import { matches, readRecords, type Found, type Query, type SourceFile } from "@sluice/audit";
import { Failure, reasonOf } from "../failure.ts";
import { globMatcher } from "./audit-glob.ts";
import { filesNamed } from "./audit-files.ts";
import { follow } from "./audit-follow.ts";
import { lineFor, palette } from "./audit-line.ts";
import type { SearchArguments, TailArguments } from "./audit.ts";

const maxTail = 100_000;

/** `sluice audit search`. */
export async function search(names: readonly string[], options: SearchArguments): Promise<void> {
  const query = queryOf(options);
  const print = printer(options.json ?? false);
  const damage = { lines: 0 };
  for await (const found of records(await filesNamed(names, false), damage))
    if (matches(found.record, query)) print(found);
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
  const last = await lastOf(await filesNamed([name], false), count, damage);
  for (const found of count === 0 ? [] : last.slice(-count)) print(found);
  warn(damage.lines, name);
  if (options.follow === true) await follow(name, last.at(-1)?.record.seq ?? 0, print);
}

/** At least the last records, one if none is wanted: from as many files as are needed for them. */
async function lastOf(files: readonly SourceFile[], count: number, damage: { lines: number }): Promise<Found[]> {
  const wanted = Math.max(count, 1);
  let last: Found[] = [];
  for (let start = files.length - 1; start >= 0 && last.length < wanted; start--) {
    const mine: Found[] = [];
    for await (const found of records(files.slice(0, start + 1), damage, start)) {
      mine.push(found);
      if (mine.length > wanted) mine.shift();
    }
    last = [...mine, ...last];
  }
  return last;
}

async function* records(files: readonly SourceFile[], damage: { lines: number }, start = 0): AsyncGenerator<Found> {
  try {
    yield* readRecords(files, { start, damaged: () => void (damage.lines += 1) });
  } catch (error) {
    throw new Failure(`${files.at(-1)?.path ?? ""}: ${reasonOf(error)}`, error);
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
