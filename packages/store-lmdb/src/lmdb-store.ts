import { checkEntry, checkPrefix, SetupError, sumOf, type Expiry, type Store } from "@sluice/core";
import { ForwardClock } from "./clock.ts";
import { openEnvironment, type Database, type Environment } from "./environment.ts";
import {
  afterPrefix,
  decodeRecord,
  encodeRecord,
  entryKey,
  entryOfExpiry,
  expiryKey,
  formatKey,
  formatVersion,
  keyOfEntry,
  timeKey,
  type StoredRecord,
} from "./record.ts";

/** Entries that are read in one turn of the event loop. */
const pageEntries = 100;
/** Entries that are swept in one turn, and how long that may take in milliseconds. */
const sweptEntries = 256;
const sweepMs = 5;
/** Writes that may wait for the lock; whoever comes then is refused. */
const maxPending = 100_000;

/** How a store is opened. */
export interface LmdbStoreSetup {
  readonly file: string;
  /** How long a write may wait, in milliseconds. */
  readonly waitMs: number;
  readonly clock?: ForwardClock;
}

/** Opens the file, which `prepareLocation` has made. @throws SetupError where it is not one that this version can use */
export async function openStore({ file, waitMs, clock = new ForwardClock() }: LmdbStoreSetup): Promise<LmdbStore> {
  let environment: Environment;
  try {
    environment = await openEnvironment(file);
  } catch (error) {
    throw new SetupError("ERR_SLUICE_STORE", `${file} cannot be opened: ${reasonOf(error)}`, { cause: error });
  }
  const { db } = environment;
  try {
    const format = db.transactionSync(() => formatOf(db));
    if (format === undefined) {
      throw new SetupError("ERR_SLUICE_STORE", `${file} belongs to another program: name another folder`);
    }
    if (format !== formatVersion) {
      const advice = "update @sluice/store-lmdb, or name another folder";
      throw new SetupError("ERR_SLUICE_STORE", `${file} was made by another version (format ${format}): ${advice}`);
    }
    clock.atLeast(timeOf(db));
  } catch (error) {
    await environment.close();
    if (SetupError.is(error)) throw error;
    throw new SetupError("ERR_SLUICE_STORE", `${file} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  return new LmdbStore(environment, clock, waitMs);
}

/** Entries in an LMDB file. What was acknowledged is on the disk; processes of one machine share the file. */
export class LmdbStore implements Store {
  readonly #environment: Environment;
  readonly #db: Database;
  readonly #clock: ForwardClock;
  readonly #waitMs: number;
  readonly #pending = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(environment: Environment, clock: ForwardClock, waitMs: number) {
    this.#environment = environment;
    this.#db = environment.db;
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  async get(key: string): Promise<string | undefined> {
    checkEntry(key);
    this.#refuseClosed();
    this.#db.resetReadTxn();
    return this.#read(entryKey(key))?.value;
  }

  async set(key: string, value: string, expiry?: Expiry): Promise<void> {
    checkEntry(key, value, expiry);
    await this.#transact(() => this.#write(entryKey(key), { value, until: this.#untilOf(expiry) }));
  }

  async add(key: string, amount: number, expiry?: Expiry): Promise<number> {
    checkEntry(key, "", expiry);
    const at = entryKey(key);
    return this.#transact(() => {
      const record = this.#read(at);
      const sum = sumOf(record?.value, amount);
      this.#write(at, { value: String(sum), until: record?.until ?? this.#untilOf(expiry) });
      return sum;
    });
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiry?: Expiry): Promise<boolean> {
    checkEntry(key, value, expiry);
    const at = entryKey(key);
    return this.#transact(() => {
      if (this.#read(at)?.value !== expected) return false;
      this.#write(at, { value, until: this.#untilOf(expiry) });
      return true;
    });
  }

  async delete(key: string): Promise<boolean> {
    checkEntry(key);
    const at = entryKey(key);
    return this.#transact(() => {
      const there = this.#read(at) !== undefined;
      this.#remove(at);
      return there;
    });
  }

  async *list(prefix: string): AsyncGenerator<readonly [string, string]> {
    checkPrefix(prefix);
    const end = afterPrefix(prefix);
    let start: Buffer | undefined = entryKey(prefix);
    // A page at a time: a cursor that stays open keeps the file's old pages, and the file grows.
    while (start !== undefined) {
      this.#refuseClosed();
      const page = this.#page(start, end);
      for (const entry of page.entries) yield entry;
      start = page.next;
      if (start !== undefined) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Deletes some of what has expired. Resolves to whether there may be more. */
  async sweep(): Promise<boolean> {
    const start = expiryKey(0, Buffer.of(0));
    this.#refuseClosed();
    const due = (): Buffer[] => {
      const end = expiryKey(this.#clock.now() + 1, Buffer.of(0));
      return [...this.#db.getKeys({ start, end, limit: sweptEntries })];
    };
    this.#db.resetReadTxn();
    if (due().length === 0) return false;
    return this.#transact(() => {
      const began = performance.now();
      const keys = due();
      for (const [index, key] of keys.entries()) {
        if (performance.now() - began > sweepMs) return index < keys.length;
        this.#remove(entryOfExpiry(key));
        void this.#db.remove(key);
      }
      return keys.length === sweptEntries;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, this.#waitMs);
    });
    await Promise.race([Promise.allSettled(this.#pending), late]);
    clearTimeout(timer);
    // A write that still waits for another process would keep the server from closing; the file is closed when it has ended.
    const closed = Promise.allSettled(this.#pending).then(() => this.#environment.close());
    if (this.#pending.size === 0) await closed;
  }

  #refuseClosed(): void {
    if (this.#closed !== undefined) throw new Error("The store is closed");
  }

  /** Runs all of `change` at once, alone among all processes; rejects when that did not come to be in time. */
  async #transact<T>(change: () => T): Promise<T> {
    this.#refuseClosed();
    if (this.#pending.size >= maxPending) throw new Error("Too many writes wait for the store");
    let failure: { readonly error: unknown } | undefined;
    const work = this.#db.transaction(() => {
      // What throws here would be told by LMDB, too; the other writes of the same commit go on in any case.
      try {
        this.#meetTime();
        return change();
      } catch (error) {
        failure = { error };
        return undefined;
      }
    });
    this.#pending.add(work);
    const settled = (): void => void this.#pending.delete(work);
    work.then(settled, settled);
    let result: T | undefined;
    try {
      result = await this.#inTime(work);
    } catch (error) {
      throw commitFailure(error);
    }
    if (failure !== undefined) throw failure.error;
    return result as T;
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const late = (): void => reject(new Error(`The store did not answer for ${this.#waitMs} ms`));
      const timer = setTimeout(late, this.#waitMs);
      work.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  /** Within a transaction: takes over the latest time that any process has seen, and tells it of ours. */
  #meetTime(): void {
    const seen = timeOf(this.#db);
    this.#clock.atLeast(seen);
    const now = this.#clock.now();
    if (now - seen >= 1000) void this.#db.put(timeKey, Buffer.from(String(now)));
  }

  #read(at: Buffer): StoredRecord | undefined {
    const bytes = this.#db.getBinary(at);
    const record = bytes === undefined ? undefined : decodeRecord(bytes, bytes.length);
    return record !== undefined && record.until > this.#clock.now() ? record : undefined;
  }

  #write(at: Buffer, record: StoredRecord): void {
    this.#forgetExpiry(at);
    void this.#db.put(at, encodeRecord(record));
    if (record.until < Infinity) void this.#db.put(expiryKey(record.until, at), Buffer.of(1));
  }

  #remove(at: Buffer): void {
    this.#forgetExpiry(at);
    void this.#db.remove(at);
  }

  #forgetExpiry(at: Buffer): void {
    const old = this.#db.getBinary(at);
    if (old === undefined) return;
    const { until } = decodeRecord(old, old.length);
    if (until < Infinity) void this.#db.remove(expiryKey(until, at));
  }

  #page(start: Buffer, end: Buffer): { entries: (readonly [string, string])[]; next: Buffer | undefined } {
    const now = this.#clock.now();
    const entries: (readonly [string, string])[] = [];
    let last: Buffer | undefined;
    let seen = 0;
    this.#db.resetReadTxn();
    for (const { key, value } of this.#db.getRange({ start, end, limit: pageEntries })) {
      seen += 1;
      last = key;
      const record = decodeRecord(value, value.length);
      if (record.until > now) entries.push([keyOfEntry(key), record.value]);
    }
    // The next key that there can be.
    const next = seen < pageEntries || last === undefined ? undefined : Buffer.concat([last, Buffer.of(0)]);
    return { entries, next };
  }

  #untilOf({ ttlMs }: Expiry = {}): number {
    return ttlMs === undefined ? Infinity : this.#clock.now() + ttlMs;
  }
}

/** The format of the file, which a new one is given; `undefined` where it is another program's. */
function formatOf(db: Database): number | undefined {
  const format = db.getBinary(formatKey);
  if (format !== undefined) return Number(format.toString());
  for (const _ of db.getKeys({ start: Buffer.of(0), limit: 1 })) return undefined;
  void db.put(formatKey, Buffer.from(String(formatVersion)));
  return formatVersion;
}

function timeOf(db: Database): number {
  return Number(db.getBinary(timeKey)?.toString() ?? 0);
}

/** lmdb rejects with an error that holds the promise of another; nobody else listens to that. */
function commitFailure(failure: unknown): unknown {
  const why = (failure as { commitError?: Promise<unknown> }).commitError;
  if (why === undefined) return failure;
  const ignore = (): void => {};
  void why.then(ignore, ignore);
  return new Error("The store could not write; is the disk full?", { cause: failure });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
