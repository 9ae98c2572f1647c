import { token, type Token } from "./token.ts";

/** How long a value is kept. */
export interface Expiry {
  /** Milliseconds from now; whole, at least 1. Absent: until it is deleted. */
  readonly ttlMs?: number;
}

/**
 * Small values by key that several processes may share: code steps that were used, counters, ledgers. Each method is atomic: of two that meet, one
 * is first. Keys are 1 to 512 bytes of UTF-8 without NUL, values up to 64 KiB of UTF-8; half of a surrogate pair is no UTF-8. What has expired is not
 * there.
 *
 * Keys are written as `plugin/kind/…`, with names from outside passed through `encodeURIComponent`.
 *
 * A method rejects when the storage fails; nothing was done then, or it is not known whether. Whoever asks fails closed.
 */
export interface Store {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, expiry?: Expiry): Promise<void>;
  /**
   * Adds to a whole number, which counts as 0 where nothing is. Resolves to the sum. The expiry is that of the first addition: later ones do not
   * prolong it, so that a counter counts what happens in one window.
   *
   * @throws RangeError where the value is no number, or the sum would be no safe integer
   */
  add(key: string, amount: number, expiry?: Expiry): Promise<number>;
  /** Sets the value where it is `expected`, or where nothing is and `expected` is `undefined`. Resolves to whether it did. */
  compareAndSet(key: string, expected: string | undefined, value: string, expiry?: Expiry): Promise<boolean>;
  /** Resolves to whether there was something to delete. */
  delete(key: string): Promise<boolean>;
  /** The entries whose keys begin with `prefix`, in the order of their keys' bytes. What changes meanwhile may or may not be seen. */
  list(prefix: string): AsyncIterable<readonly [key: string, value: string]>;
  /** Called once, when the server closes. What is under way ends first; every method rejects afterwards. */
  close?(): Promise<void>;
}

/** The server's store. In memory, unless a plugin that provides another is listed before those that use it. */
export const Store: Token<Store> = token("store");

/** Most bytes of a key, in UTF-8. */
const maxKeyBytes = 512;
/** Most bytes of a value, in UTF-8. */
const maxValueBytes = 65_536;

/** What every store calls first in each method. @throws RangeError where a key, a value or an expiry is not one that every store can keep */
export function checkEntry(key: string, value = "", { ttlMs }: Expiry = {}): void {
  if (key === "" || !isText(key, maxKeyBytes) || key.includes("\0")) {
    throw new RangeError(`A key is 1 to ${maxKeyBytes} bytes of UTF-8, without NUL`);
  }
  if (!isText(value, maxValueBytes)) throw new RangeError(`A value is at most ${maxValueBytes} bytes of UTF-8`);
  if (ttlMs !== undefined && (!Number.isSafeInteger(ttlMs) || ttlMs < 1)) {
    throw new RangeError(`ttlMs: a whole number from 1 is needed, got ${ttlMs}`);
  }
}

/** What every store calls first in `list`. @throws RangeError where no key can begin so */
export function checkPrefix(prefix: string): void {
  if (prefix !== "") checkEntry(prefix);
}

/** What `add` stores. @throws RangeError as `add` does */
export function sumOf(before: string | undefined, amount: number): number {
  const number = before === undefined ? 0 : Number(before);
  // Beyond the safe integers a number is rounded as it is read: the sum would be safe, and wrong.
  if (before !== undefined && !(/^-?\d{1,16}$/.test(before) && Number.isSafeInteger(number))) {
    throw new RangeError("The value is no whole number");
  }
  const sum = number + amount;
  if (!Number.isSafeInteger(amount) || !Number.isSafeInteger(sum)) throw new RangeError("The sum is no safe integer");
  return sum;
}

/** Half of a surrogate pair has no UTF-8: two keys that differ in one would be the same to a store that keeps bytes. */
function isText(text: string, maxBytes: number): boolean {
  return text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes && !/\p{Surrogate}/u.test(text);
}
