import { hash } from "node:crypto";
import { common, recordTypes, recordVersion, type AuditRecord, type RecordBody } from "./record.ts";

/** What the first record of a log names as the hash before it. */
export const noHash: string = "0".repeat(64);
/** A longer line is not read: nothing that is written here comes near it. */
export const maxLineBytes: number = 256 * 1024;

const newline = 0x0a;
const hashMark = ',"hash":"';
/** `,"hash":"`, 64 digits, `"}`. */
const tailBytes = hashMark.length + 64 + 2;

/** A record as it goes into the file. */
export interface Sealed {
  readonly line: string;
  readonly hash: string;
}

/** Numbers, dates and chains a record. */
export function seal(body: RecordBody, seq: number, time: string, prev: string): Sealed {
  const fields = withCommon(body);
  const text = `{"v":${recordVersion},"seq":${seq},"time":"${time}",${fields},"prev":"${prev}"`;
  const digest = hash("sha256", text, "hex");
  return { line: `${text}${hashMark}${digest}"}\n`, hash: digest };
}

/** Fields as they stand in a record, without the braces around them. */
export function fieldsOf(fields: object): string {
  return visible(JSON.stringify(fields)).slice(1, -1);
}

/** The same of a record's body, with the fields that it has in common with others behind its type and outcome. */
function withCommon(body: RecordBody): string {
  const own = fieldsOf(body);
  const { type, outcome, [common]: rendered } = body;
  if (rendered === undefined) return own;
  const head = `"type":"${type}"${outcome === undefined ? "" : `,"outcome":"${outcome}"`}`;
  return own.startsWith(head) ? `${head},${rendered}${own.slice(head.length)}` : `${rendered},${own}`;
}

/**
 * JSON leaves DEL, the C1 controls, line separators and what turns the direction of text as they are; escaped they are the same value, and cannot
 * steer a terminal. Outside of its strings a line of JSON holds none of them.
 */
export function visible(json: string): string {
  if (!/[^\x20-\x7e]/.test(json)) return json;
  return json.replace(/[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

/** A line that is whole, or what is wrong with it. */
export type Opened =
  | { readonly record: AuditRecord; readonly problem?: never }
  | { readonly record?: never; readonly problem: string };

/** Reads a line without its newline, and checks its own hash. Whether it belongs where it stands is not looked at. */
export function unseal(line: Uint8Array): Opened {
  if (line.length > maxLineBytes) return { problem: `the line is longer than ${maxLineBytes} bytes` };
  if (line.length <= tailBytes || line.includes(newline)) return { problem: "the line is no record" };
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const tail = bytes.toString("latin1", bytes.length - tailBytes);
  const found = /^,"hash":"([0-9a-f]{64})"\}$/.exec(tail)?.[1];
  if (found === undefined) return { problem: "the line does not end with a hash" };
  if (hash("sha256", bytes.subarray(0, bytes.length - tailBytes), "hex") !== found) {
    return { problem: "the hash does not fit the line: the record was changed" };
  }
  let record: unknown;
  try {
    record = JSON.parse(bytes.toString("utf8"));
  } catch {
    return { problem: "the line is no JSON" };
  }
  return isRecord(record) ? { record } : { problem: describe(record) };
}

function isRecord(value: unknown): value is AuditRecord {
  if (typeof value !== "object" || value === null) return false;
  const { v, seq, time, type, prev } = value as Record<string, unknown>;
  return (
    v === recordVersion &&
    Number.isSafeInteger(seq) &&
    typeof time === "string" &&
    typeof prev === "string" &&
    (recordTypes as readonly unknown[]).includes(type)
  );
}

function describe(value: unknown): string {
  const v = (value as { v?: unknown } | null)?.v;
  if (typeof v === "number" && v > recordVersion)
    return `the record has version ${v}; this program reads ${recordVersion}`;
  return "the line is no record";
}
