import { readFileSync, statSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { beside, rotatedFiles } from "./catalog.ts";
import { checkpointHolds, fingerprintOfKey, readPublicKey } from "./key.ts";
import { noHash, unseal } from "./line.ts";
import { readLines } from "./lines.ts";
import type { AuditRecord } from "./record.ts";

/** A file of a log, to be read. */
export interface SourceFile {
  readonly path: string;
  readonly compressed: boolean;
}

/** The first thing that is not as it was written. */
export interface Damage {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

/** What was found in a log. */
export interface Verification {
  readonly damage: Damage | undefined;
  readonly records: number;
  /** `seq` of the first and the last record that was read; 0 where there is none. */
  readonly first: number;
  readonly last: number;
  /** The hash of the last record: kept elsewhere, it shows later that nothing was removed. */
  readonly head: string;
  readonly checkpoints: number;
  /** `seq` of the last checkpoint. */
  readonly checkpointAt: number | undefined;
  /** Fingerprints of the keys that checkpoints were held against; none: signatures were not checked. */
  readonly keys: readonly string[];
  /** Records that are gone by retention, as a record in the log says; `undefined` where none says so. */
  readonly retiredTo: number | undefined;
}

/** What a log is held against. */
export interface VerifyOptions {
  /** Public keys in PEM. Checkpoints of any other key are damage. Without one, signatures are not checked. */
  readonly keys?: readonly string[];
  /** A hash that was kept elsewhere: the record that has it must be there. */
  readonly head?: string;
}

/** The files of a log, oldest first: the rotated ones and the one that is written. A path of a rotated file is that file alone. */
export function filesOf(path: string): readonly SourceFile[] {
  const live =
    statSync(path, { throwIfNoEntry: false }) === undefined ? [] : [{ path, compressed: path.endsWith(".gz") }];
  return [...rotatedFiles(path), ...live];
}

/** The public key that stands beside a log, PEM; `undefined` where there is none. */
export function keyBeside(path: string): string | undefined {
  try {
    return readFileSync(beside(path, ".pub"), "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Reads files of a log, oldest first, and finds the first record that was changed, removed, put in or put elsewhere. What it cannot see: that the newest
 * records are gone, unless `head` names one of them; that a log was written anew by somebody who has the signing key.
 */
export async function verifyLog(files: readonly SourceFile[], options: VerifyOptions = {}): Promise<Verification> {
  const chain = new Chain((options.keys ?? []).map(readPublicKey), options.head);
  let lines = 0;
  for (const file of files) {
    lines = 0;
    for await (const { bytes, number, whole } of readLinesOf(file)) {
      lines = number;
      if (typeof bytes === "string") return chain.result({ file: file.path, line: number, what: bytes });
      if (!whole) return chain.result({ file: file.path, line: number, what: unfinished(bytes) });
      const opened = unseal(bytes);
      const what = opened.record === undefined ? opened.problem : chain.add(opened.record);
      if (what !== undefined) return chain.result({ file: file.path, line: number, what });
    }
  }
  return chain.end(files.at(-1)?.path ?? "", lines);
}

function unfinished(bytes: Buffer): string {
  return unseal(bytes).record === undefined
    ? "the line is not finished: a crash has torn it, or somebody has cut it"
    : "the line does not end with a newline";
}

/** Lines, or in place of the bytes why there are no more. */
async function* readLinesOf(
  file: SourceFile,
): AsyncGenerator<{ readonly bytes: Buffer | string; readonly number: number; readonly whole: boolean }> {
  let number = 0;
  try {
    for await (const line of readLines(file)) {
      number = line.number;
      yield line;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_") !== true) throw error;
    yield { bytes: `the compressed file is damaged: ${(error as Error).message}`, number: number + 1, whole: false };
  }
}

class Chain {
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #wanted: string | undefined;
  #found: boolean;
  #records = 0;
  #first = 0;
  #last = 0;
  #head = noHash;
  #checkpoints = 0;
  #checkpointAt: number | undefined;
  #retiredTo: number | undefined;

  constructor(keys: readonly KeyObject[], head: string | undefined) {
    this.#keys = new Map(keys.map((key) => [fingerprintOfKey(key), key]));
    this.#wanted = head;
    this.#found = head === undefined;
  }

  /** Takes the next record. @returns what is wrong with it where it stands */
  add(record: AuditRecord): string | undefined {
    if (this.#records === 0) {
      this.#first = record.seq;
      if (record.seq === 1 && record.prev !== noHash) return "record 1 names a record before it";
    } else {
      if (record.seq !== this.#last + 1) return misplaced(this.#last, record.seq);
      if (record.prev !== this.#head)
        return `record ${record.seq} does not follow record ${this.#last} as it stands here`;
    }
    if (record.type === "checkpoint") {
      const what = this.#checkSignature(record);
      if (what !== undefined) return what;
    }
    const upTo = record["upTo"];
    if (record["event"] === "retired" && typeof upTo === "number")
      this.#retiredTo = Math.max(this.#retiredTo ?? 0, upTo);
    this.#records += 1;
    this.#last = record.seq;
    this.#head = record.hash;
    if (record.hash === this.#wanted) this.#found = true;
    return undefined;
  }

  end(file: string, line: number): Verification {
    if (this.#found) return this.result(undefined);
    const what = "no record has the expected head: records have been removed, or this is another log";
    return this.result({ file, line, what });
  }

  result(damage: Damage | undefined): Verification {
    return {
      damage,
      records: this.#records,
      first: this.#first,
      last: this.#last,
      head: this.#head,
      checkpoints: this.#checkpoints,
      checkpointAt: this.#checkpointAt,
      keys: [...this.#keys.keys()],
      retiredTo: this.#retiredTo,
    };
  }

  #checkSignature(record: AuditRecord): string | undefined {
    this.#checkpoints += 1;
    this.#checkpointAt = record.seq;
    if (this.#keys.size === 0) return undefined;
    const name = String(record["key"]);
    const key = this.#keys.get(name);
    if (key === undefined) return `checkpoint ${record.seq} was signed by another key, ${name.slice(0, 60)}`;
    return checkpointHolds(record, key) ? undefined : `the signature of checkpoint ${record.seq} is wrong`;
  }
}

function misplaced(last: number, seq: number): string {
  if (seq <= last) return `record ${seq} stands after record ${last}`;
  const missing = seq - last - 1;
  return missing === 1 ? `record ${last + 1} is missing` : `records ${last + 1} to ${seq - 1} are missing`;
}
