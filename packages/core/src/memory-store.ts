import { checkEntry, checkPrefix, sumOf, type Expiry, type Store } from "./store.ts";

interface Entry {
  readonly value: string;
  /** By the monotonic clock; infinite where it never expires. */
  readonly until: number;
}

/** Expired entries are swept when the store has grown to twice what the last sweep left, and never below this. */
const leastSwept = 1024;

/** A store that lives as long as the process. Its time is the monotonic clock's: a clock that is set changes nothing. */
export function memoryStore(): Store {
  return new MemoryStore();
}

/** Whether a store is the one in memory: what has to outlive the process needs another. */
export function isMemoryStore(store: Store): boolean {
  return store instanceof MemoryStore;
}

class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>();
  #sweepAt = leastSwept;

  async get(key: string): Promise<string | undefined> {
    checkEntry(key);
    return this.#read(key)?.value;
  }

  async set(key: string, value: string, expiry?: Expiry): Promise<void> {
    checkEntry(key, value, expiry);
    this.#write(key, { value, until: untilOf(expiry) });
  }

  async add(key: string, amount: number, expiry?: Expiry): Promise<number> {
    checkEntry(key, "", expiry);
    const entry = this.#read(key);
    const sum = sumOf(entry?.value, amount);
    this.#write(key, { value: String(sum), until: entry?.until ?? untilOf(expiry) });
    return sum;
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiry?: Expiry): Promise<boolean> {
    checkEntry(key, value, expiry);
    if (this.#read(key)?.value !== expected) return false;
    this.#write(key, { value, until: untilOf(expiry) });
    return true;
  }

  async delete(key: string): Promise<boolean> {
    checkEntry(key);
    const there = this.#read(key) !== undefined;
    this.#entries.delete(key);
    return there;
  }

  async *list(prefix: string): AsyncGenerator<readonly [string, string]> {
    checkPrefix(prefix);
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
    for (const key of keys.sort(inBytes)) {
      const entry = this.#read(key);
      if (entry !== undefined) yield [key, entry.value];
    }
  }

  #read(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.until > performance.now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #write(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    if (this.#entries.size < this.#sweepAt) return;
    const now = performance.now();
    for (const [old, { until }] of this.#entries) if (until <= now) this.#entries.delete(old);
    this.#sweepAt = Math.max(this.#entries.size * 2, leastSwept);
  }
}

function untilOf({ ttlMs }: Expiry = {}): number {
  return ttlMs === undefined ? Infinity : performance.now() + ttlMs;
}

/** The order of the UTF-8 bytes. JavaScript's own compares UTF-16, where what lies beyond U+FFFF comes before U+E000. */
function inBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
