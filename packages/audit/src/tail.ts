import { closeSync, fstatSync, ftruncateSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { SetupError } from "@sluice/core";
import { beside, rotatedFiles } from "./catalog.ts";
import { noHash, unseal } from "./line.ts";
import { readLines } from "./lines.ts";

/** Where a chain stands. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** What was cut off the end of a file. */
export interface Torn {
  readonly bytes: number;
  /** Where it was put. */
  readonly file: string;
}

/** The end of a log's chain before anything is written to it. */
export const beginning: Head = { seq: 0, hash: noHash };

/** As far back as the end of a file is looked for. */
const windowBytes = 1024 * 1024;

/** What the live file's last record leaves to go on from, after what is no record has been moved out of it. */
export interface Mended {
  readonly head: Head | undefined;
  readonly size: number;
  readonly torn: Torn | undefined;
}

/**
 * Finds the last record of the file behind `fd`. What comes after it, a line that a crash has torn, is put into a file of its own and cut off.
 *
 * @throws SetupError where the file holds lines, and none of the last ones is a record
 */
export function mend(fd: number, file: string): Mended {
  const { size, start, bytes, found } = findEnd(fd, file);
  const end = found?.end ?? 0;
  if (end === bytes.length) return { head: found?.head, size, torn: undefined };
  const torn = setAside(file, (found?.head.seq ?? 0) + 1, bytes.subarray(end));
  ftruncateSync(fd, start + end);
  fsyncSync(fd);
  return { head: found?.head, size: start + end, torn };
}

/** The last record of a file, in a window at its end. */
interface End {
  readonly size: number;
  /** Where the window begins. */
  readonly start: number;
  readonly bytes: Buffer;
  /** `end` is within the window. */
  readonly found: { readonly head: Head; readonly end: number } | undefined;
}

/** Looks for the last record of the file behind `fd`. @throws SetupError where the file holds lines, and none of the last ones is a record */
export function findEnd(fd: number, file: string): End {
  const { size } = fstatSync(fd);
  const start = Math.max(0, size - windowBytes);
  const bytes = readAt(fd, start, size - start);
  const found = lastRecord(bytes, start > 0);
  if (found === undefined && (start > 0 || bytes.includes(0x0a))) {
    throw new SetupError(
      "ERR_SLUICE_AUDIT_LOG",
      `Audit log ${file}: its end holds no record; if it is no audit log, name another file, else keep it elsewhere and start a new one`,
    );
  }
  return { size, start, bytes, found };
}

function lastRecord(bytes: Buffer, cut: boolean): { readonly head: Head; readonly end: number } | undefined {
  let end = bytes.lastIndexOf(0x0a);
  while (end >= 0) {
    const before = end === 0 ? -1 : bytes.lastIndexOf(0x0a, end - 1);
    // The first line of a window may have lost its beginning.
    if (before >= 0 || !cut) {
      const { record } = unseal(bytes.subarray(before + 1, end));
      if (record !== undefined) return { head: { seq: record.seq, hash: record.hash }, end: end + 1 };
    }
    end = before;
  }
  return undefined;
}

function setAside(file: string, seq: number, bytes: Buffer): Torn {
  const path = beside(file, `-${String(seq).padStart(12, "0")}.torn`);
  const fd = openSync(path, "a", 0o600);
  try {
    writeSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return { bytes: bytes.length, file: basename(path) };
}

function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const read = readSync(fd, bytes, at, length - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return bytes.subarray(0, at);
}

/** The first record's `seq` in the file behind `fd`; `undefined` where it holds none. */
export function firstSeq(fd: number): number | undefined {
  const bytes = readAt(fd, 0, Math.min(fstatSync(fd).size, 256 * 1024));
  const end = bytes.indexOf(0x0a);
  return end < 0 ? undefined : unseal(bytes.subarray(0, end)).record?.seq;
}

/** Where the rotated files leave the chain: for a process that ended between the renaming and the new file. */
export async function headOfRotated(file: string): Promise<Head> {
  const newest = rotatedFiles(file).at(-1);
  if (newest === undefined) return beginning;
  let head: Head | undefined;
  for await (const { bytes, whole } of readLines(newest)) {
    const { record } = whole ? unseal(bytes) : { record: undefined };
    if (record !== undefined) head = { seq: record.seq, hash: record.hash };
  }
  if (head !== undefined) return head;
  throw new SetupError(
    "ERR_SLUICE_AUDIT_LOG",
    `Audit log ${newest.path}: it holds no record to go on from; keep it elsewhere`,
  );
}
