import { unseal } from "./line.ts";
import { readLines } from "./lines.ts";
import type { AuditRecord } from "./record.ts";
import type { SourceFile } from "./verify.ts";

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

/** Reads the records of a file; lines that are none are counted and passed over: `verifyLog` says what is wrong with them. */
export async function* readRecords(
  file: SourceFile,
  options: { readonly from?: number; readonly damaged?: () => void } = {},
): AsyncGenerator<Found> {
  for await (const { bytes, whole, end } of readLines(file, options.from)) {
    if (!whole) return;
    const { record } = unseal(bytes);
    if (record === undefined) options.damaged?.();
    else yield { record, line: bytes.toString("utf8"), end };
  }
}
