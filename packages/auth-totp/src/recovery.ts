import { randomInt, timingSafeEqual } from "node:crypto";
import type { Store } from "@sluice/core";
import { z } from "zod";
import { keyOf, readEntry } from "./entries.ts";
import type { Keyring } from "./keyring.ts";

// 16 letters of 20 are 69 bits. No vowels, so no words; no l, which looks like 1.
const alphabet = "bcdfghjkmnpqrstvwxyz";
const groups = 4;
const groupLength = 4;
const codeCount = 10;

const recoveryEntry = z.strictObject({ key: z.string(), hashes: z.array(z.string()).max(100) });

/** Each user has few codes, so a code that is used meets few others. */
const maxRounds = 50;

/** Codes for when the app is lost, each good once. Only hashes are stored. */
export class RecoveryCodes {
  readonly #store: Store;
  readonly #keys: Keyring;

  constructor(store: Store, keys: Keyring) {
    this.#store = store;
    this.#keys = keys;
  }

  /** Makes ten codes in place of those that there are. */
  async replace(user: string): Promise<readonly string[]> {
    const codes = Array.from({ length: codeCount }, newCode);
    const [key = ""] = this.#keys.ids;
    const hashes = codes.map((code) => this.#hash(user, lettersOf(code), key).toString("base64url"));
    await this.#store.set(keyOf("recovery", user), JSON.stringify({ key, hashes }));
    return codes;
  }

  /** Takes a code out. Resolves to whether it was there, for one caller alone. */
  async use(user: string, code: string): Promise<boolean> {
    const storeKey = keyOf("recovery", user);
    for (let round = 0; round < maxRounds; round++) {
      const { text, value } = await readEntry(this.#store, storeKey, recoveryEntry);
      const at = value === undefined ? -1 : this.#indexOf(user, code, value);
      if (value === undefined || at < 0) return false;
      const rest = { key: value.key, hashes: value.hashes.filter((_, i) => i !== at) };
      if (await this.#store.compareAndSet(storeKey, text, JSON.stringify(rest))) return true;
    }
    throw new Error("The store never lets a recovery code be used");
  }

  /** Whether `use` would resolve to true. Uses nothing. */
  async has(user: string, code: string): Promise<boolean> {
    const { value } = await readEntry(this.#store, keyOf("recovery", user), recoveryEntry);
    return value !== undefined && this.#indexOf(user, code, value) >= 0;
  }

  async count(user: string): Promise<number> {
    const { value } = await readEntry(this.#store, keyOf("recovery", user), recoveryEntry);
    return value?.hashes.length ?? 0;
  }

  async clear(user: string): Promise<void> {
    await this.#store.delete(keyOf("recovery", user));
  }

  #hash(user: string, letters: string, key: string): Buffer {
    const hash = this.#keys.hash(user, letters, key);
    if (hash === undefined) throw new Error(`The key ${key} of the recovery codes is not among those given`);
    return hash;
  }

  #indexOf(user: string, code: string, { key, hashes }: z.output<typeof recoveryEntry>): number {
    if (hashes.length === 0) return -1;
    const given = this.#hash(user, code, key);
    let found = -1;
    for (const [i, hash] of hashes.entries()) {
      const stored = Buffer.from(hash, "base64url");
      if (stored.length === given.length && timingSafeEqual(stored, given)) found = i;
    }
    return found;
  }
}

/** An answer as the letters of a recovery code, however it was typed. `undefined` where it is none. */
export function readRecoveryCode(answer: string): string | undefined {
  if (answer.length > 64) return undefined;
  const letters = lettersOf(answer);
  return letters.length === groups * groupLength && onlyLetters.test(letters) ? letters : undefined;
}

/** How long a recovery code is as it is shown. */
export const recoveryCodeLength: number = groups * groupLength + groups - 1;

/** Whether a text is a recovery code as it is shown, dashes and all. */
export function looksLikeRecoveryCode(text: string): boolean {
  return text.split("-").every((group) => group.length === groupLength) && readRecoveryCode(text) !== undefined;
}

const onlyLetters = new RegExp(`^[${alphabet}]+$`);

function lettersOf(code: string): string {
  return code.replaceAll(/[\s-]/g, "").toLowerCase();
}

function newCode(): string {
  const group = (): string => Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  return Array.from({ length: groups }, group).join("-");
}
