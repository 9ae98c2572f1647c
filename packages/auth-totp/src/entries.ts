import { createHash } from "node:crypto";
import type { z } from "zod";
import type { Store } from "@sluice/core";

/** What the store holds of a user. `failures` and `lookups` are counters. */
export type Kind = "secret" | "step" | "recovery" | "failures" | "lookups";

/** Every name as one user: NFC, as core hands names to methods. */
export function canonical(user: string): string {
  return user.normalize("NFC");
}

/** The key of an entry. Two users never share one, whatever they are called. */
export function keyOf(kind: Kind, user: string): string {
  return `${prefixOf(kind)}${encoded(user)}`;
}

/** What the keys of a kind begin with. */
export function prefixOf(kind: Kind): string {
  return `totp/${kind}/`;
}

// A store's keys have 512 bytes. `#` is always escaped otherwise, so a hash is never somebody's name; half a surrogate pair has no escape.
function encoded(user: string): string {
  const escaped = /\p{Cs}/u.test(user) ? undefined : encodeURIComponent(user);
  if (escaped !== undefined && escaped.length <= 400) return escaped;
  return `#${createHash("sha256").update(user, "utf16le").digest("hex")}`;
}

/** An entry as it is stored and as it is meant. */
export interface Entry<T> {
  /** For `compareAndSet`. */
  readonly text: string | undefined;
  readonly value: T | undefined;
}

/** @throws Error where the store fails, or holds what is none of ours */
export async function readEntry<T>(store: Store, key: string, schema: z.ZodType<T>): Promise<Entry<T>> {
  const text = await store.get(key);
  return { text, value: text === undefined ? undefined : parseEntry(key, text, schema) };
}

/** @throws Error where the text is none of ours */
export function parseEntry<T>(key: string, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`The store's entry ${key} is damaged`);
  }
}
