import { readFileSync } from "node:fs";
import type { KeyObject } from "node:crypto";
import { beside } from "./catalog.ts";
import { linesOf, type SourceFile } from "./files.ts";
import { checkpointHolds, fingerprintOfKey, readPublicKey } from "./key.ts";
import { noHash, unseal } from "./line.ts";
import type { AuditRecord } from "./record.ts";

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
  let last = { file: files.at(-1)?.path ?? "", line: 0 };
  for await (const { bytes, number, whole, file, problem } of linesOf(files)) {
    last = { file: file.path, line: number };
    const unread = problem ?? (whole ? undefined : unfinished(bytes));
    if (unread !== undefined) return chain.result({ ...last, what: unread });
    const opened = unseal(bytes);
    const what = opened.record === undefined ? opened.problem : chain.add(opened.record);
    if (what !== undefined) return chain.result({ ...last, what });
  }
  return chain.end(last.file, last.line);
}

function unfinished(bytes: Buffer): string {
  return unseal(bytes).record === undefined
    ? "the line is not finished: a crash has torn it, or somebody has cut it"
    : "the line does not end with a newline";
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
