import { unseal } from "./line.ts";
import { linesOf, type SourceFile } from "./files.ts";
import { readLines } from "./lines.ts";
import type { AuditRecord } from "./record.ts";

/** What records are looked for; each that is given must hold. */
export interface Query {
  readonly user?: string;
  /** Of any path in the record: as it was served, asked for, or the second one. */
  readonly path?: (path: string) => boolean;
  readonly outcome?: string;
  readonly type?: string;
  readonly op?: string;
  readonly address?: string;
  readonly session?: string;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly until?: number;
}

/** Whether a record is one of those looked for. */
export function matches(record: AuditRecord, query: Query): boolean {
  const is = (name: string, wanted: string | undefined): boolean => wanted === undefined || record[name] === wanted;
  if (!is("type", query.type) || !is("outcome", query.outcome) || !is("op", query.op)) return false;
  if (!is("address", query.address) || !is("session", query.session)) return false;
  if (query.user !== undefined && record["user"] !== query.user.normalize("NFC")) return false;
  const at = Date.parse(record.time);
  if (query.since !== undefined && at < query.since) return false;
  if (query.until !== undefined && at > query.until) return false;
  return query.path === undefined || pathsOfRecord(record).some(query.path);
}

/** Every path that a record names. */
export function pathsOfRecord(record: AuditRecord): readonly string[] {
  const original = record["original"] as { readonly path?: unknown; readonly to?: unknown } | undefined;
  const named = [record["path"], record["to"], original?.path, original?.to];
  return named.filter((path): path is string => typeof path === "string");
}

/** A record, the line that it was read from, and where the next one begins. */
export interface Found {
  readonly record: AuditRecord;
  readonly line: string;
  readonly end: number;
}

/** What is read of a log. */
export interface ReadOptions {
  /** Records up to this `seq` are passed over. @default 0 */
  readonly after?: number;
  /** The first of the files that is read; those before it are known to be there. @default the one in which `after` is */
  readonly start?: number;
  /** Told of each line that is no record, and of each file that cannot be read to its end: `verifyLog` says what is wrong with them. */
  readonly damaged?: () => void;
}

/** Reads the records of files, oldest first; what is rotated away meanwhile is read with them. */
export async function* readRecords(
  source: SourceFile | readonly SourceFile[],
  { after = 0, start, damaged }: ReadOptions = {},
): AsyncGenerator<Found> {
  const files = [source].flat();
  const holding = files.findLastIndex(({ first }) => first !== undefined && first <= after + 1);
  for await (const { bytes, whole, end, file, problem } of linesOf(files, start ?? Math.max(holding, 0))) {
    const record = whole ? unseal(bytes).record : undefined;
    if (record !== undefined && record.seq > after) yield { record, line: bytes.toString("utf8"), end };
    // The end of a file that is being written is not yet a line.
    const unfinished = !whole && problem === undefined && file.live === true;
    if (record === undefined && !unfinished) damaged?.();
  }
}

/** Reads the records of one file from a byte of it on: how whoever follows a log goes on. */
export async function* readRecordsFrom(file: SourceFile, from: number): AsyncGenerator<Found> {
  for await (const { bytes, whole, end } of readLines(file, from)) {
    const record = whole ? unseal(bytes).record : undefined;
    if (record !== undefined) yield { record, line: bytes.toString("utf8"), end };
  }
}
