import type { Logger, Store } from "@sluice/core";
import { isAlive, renewMs, type Lease } from "./lease.ts";
import { Locks } from "./locks.ts";
import { minus, none, plus, readRecord, writeRecord, type Amount, type LedgerRecord } from "./record.ts";

/** How often a change that met another process's is tried again. */
const maxTries = 200;
/** Of the room that is left, the part that one reservation may take beyond what it needs. */
const share = 16;

/** How much there may be. */
export interface Limit {
  readonly bytes: number;
  readonly files: number;
}

/** No limit at all. */
export const unlimited: Limit = { bytes: Infinity, files: Infinity };

/** What is stored and what is promised, of one subject. */
export interface Usage {
  /** Settled: it is there. */
  readonly used: Amount;
  /** Reserved by uploads that are under way, in all processes. */
  readonly held: Amount;
}

/**
 * What each subject has used and holds. A record in the store for each, changed as a whole: a process that ends in the middle leaves no half
 * of a change. What it held falls away with its lease.
 */
export class Ledger {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #lease: Lease;
  readonly #owner: string;
  readonly #locks = new Locks();
  /** Subjects in whose records this process holds something. */
  readonly #holding = new Map<string, Amount>();
  /** Settlements that the store did not take: told again with the next change. */
  readonly #owed = new Map<string, { readonly change: Amount; readonly release: Amount }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(store: Store, log: Logger, lease: Lease) {
    this.#store = store;
    this.#log = log;
    this.#lease = lease;
    this.#owner = lease.id;
  }

  /** From now on the process's lease is renewed. */
  start(): void {
    this.#timer = setInterval(() => void this.#renew(), renewMs).unref();
  }

  /**
   * Holds at least `least` and, where there is room, up to `most` bytes. Resolves to what is held, or to nothing where the limit leaves no room.
   * Rejects when the store fails: whoever asks then refuses.
   */
  async reserve(subject: string, limit: Limit, least: Amount, most: number = least.bytes): Promise<Amount | undefined> {
    await this.#lease.hold();
    const taken = await this.#reserve(subject, limit, least, most);
    if (taken !== undefined || !(await this.#buryDead(subject))) return taken;
    return this.#reserve(subject, limit, least, most);
  }

  #reserve(subject: string, limit: Limit, least: Amount, most: number): Promise<Amount | undefined> {
    return this.#update(subject, (record) => {
      const total = totalOf(record);
      const room = limit.bytes - total.bytes;
      const filesFit = least.files <= 0 || total.files + least.files <= limit.files;
      if ((least.bytes > 0 && least.bytes > room) || !filesFit) return undefined;
      const bytes = Math.max(least.bytes, Math.min(most, Math.floor(room / share)));
      const taken = { bytes, files: least.files };
      return { record: hold(record, this.#owner, taken), result: taken };
    }).then((taken) => {
      if (taken !== undefined) this.#holding.set(subject, plus(this.#holding.get(subject) ?? none, taken));
      return taken;
    });
  }

  /** Puts a change into the books and gives back what was held for it. Never rejects: what the store does not take now, it is told later. */
  async settle(subject: string, change: Amount, release: Amount): Promise<void> {
    const before = this.#holding.get(subject);
    if (before !== undefined) this.#holding.set(subject, minus(before, release));
    const owed = this.#owed.get(subject);
    const due = { change: plus(owed?.change ?? none, change), release: plus(owed?.release ?? none, release) };
    if (isNone(due.change) && isNone(due.release)) return;
    this.#owed.set(subject, due);
    try {
      await this.#update(subject, (record) => ({ record, result: undefined }));
    } catch (error) {
      this.#log.error({ err: error, subject }, "The quota's books could not be kept; it is tried again");
    }
  }

  /** Whether there is something that the store has not taken yet. */
  owes(subject: string): boolean {
    return this.#owed.has(subject);
  }

  /** What is used and held now. */
  async usage(subject: string): Promise<Usage> {
    const record = readRecord(await this.#store.get(keyOf(subject)));
    return { used: record.used, held: minus(totalOf(record), record.used) };
  }

  /** Sets what is used to what was counted, unless it has changed since it was `seen`. Resolves to whether it did. */
  async correct(subject: string, seen: Amount, counted: Amount): Promise<boolean> {
    const done = await this.#update(subject, (record) => {
      if (record.used.bytes !== seen.bytes || record.used.files !== seen.files) return undefined;
      return { record: { ...record, used: counted }, result: true };
    });
    return done === true;
  }

  /** Gives back what this process holds. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const [subject, held] of this.#holding) await this.settle(subject, none, held);
    await this.#lease.end();
  }

  async #update<T>(
    subject: string,
    change: (record: LedgerRecord) => { readonly record: LedgerRecord; readonly result: T } | undefined,
  ): Promise<T | undefined> {
    return this.#locks.run(subject, async () => {
      const key = keyOf(subject);
      for (let tried = 0; tried < maxTries; tried++) {
        const before = await this.#store.get(key);
        const owed = this.#owed.get(subject);
        const record = owed === undefined ? readRecord(before) : pay(readRecord(before), this.#owner, owed);
        const changed = change(record);
        if (changed === undefined && owed === undefined) return undefined;
        const after = writeRecord(changed?.record ?? record);
        // What was owed may have been paid with an earlier change.
        if (after === before || (await this.#store.compareAndSet(key, before, after))) {
          this.#paid(subject, owed);
          return changed?.result;
        }
      }
      throw new Error(`The quota's record of ${subject} was changed by others ${maxTries} times in a row`);
    });
  }

  /** Others may have come to owe more meanwhile. */
  #paid(subject: string, owed: { readonly change: Amount; readonly release: Amount } | undefined): void {
    const now = this.#owed.get(subject);
    if (owed === undefined || now === undefined) return;
    const left = { change: minus(now.change, owed.change), release: minus(now.release, owed.release) };
    if (isNone(left.change) && isNone(left.release)) this.#owed.delete(subject);
    else this.#owed.set(subject, left);
  }

  async #renew(): Promise<void> {
    try {
      await this.#lease.renew();
      for (const subject of this.#owed.keys()) await this.settle(subject, none, none);
    } catch (error) {
      this.#log.warn({ err: error }, "The quota's lease could not be renewed");
    }
  }

  /** Drops what processes hold that are no more. Resolves to whether there was any. */
  async #buryDead(subject: string): Promise<boolean> {
    const { held } = readRecord(await this.#store.get(keyOf(subject)));
    const dead: string[] = [];
    for (const owner of held.keys()) {
      if (owner !== this.#owner && !(await isAlive(this.#store, owner))) dead.push(owner);
    }
    if (dead.length === 0) return false;
    await this.#update(subject, (record) => {
      const left = new Map([...record.held].filter(([owner]) => !dead.includes(owner)));
      return { record: { ...record, held: left }, result: undefined };
    });
    return true;
  }
}

function keyOf(subject: string): string {
  return `quota/ledger/${subject}`;
}

function isNone({ bytes, files }: Amount): boolean {
  return bytes === 0 && files === 0;
}

function totalOf(record: LedgerRecord): Amount {
  let total = record.used;
  for (const held of record.held.values()) total = plus(total, held);
  return total;
}

function hold(record: LedgerRecord, owner: string, amount: Amount): LedgerRecord {
  const sum = plus(record.held.get(owner) ?? none, amount);
  const held = new Map(record.held);
  // What was held by this process may have been dropped, when it was taken for dead.
  const kept = { bytes: Math.max(sum.bytes, 0), files: Math.max(sum.files, 0) };
  if (isNone(kept)) held.delete(owner);
  else held.set(owner, kept);
  return { ...record, held };
}

function pay(
  record: LedgerRecord,
  owner: string,
  owed: { readonly change: Amount; readonly release: Amount },
): LedgerRecord {
  return hold({ ...record, used: plus(record.used, owed.change) }, owner, minus(none, owed.release));
}
