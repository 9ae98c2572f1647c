import assert from "node:assert/strict";
import type { Store } from "@sluice/core";

/** A store under test, and how to clear up behind it. */
export interface StoreUnderTest {
  /** It must be empty. Its own `close` is called after the case. */
  readonly store: Store;
  /** The same storage by another way: a second connection or opening. Closed after the case, too. */
  readonly other?: Store;
  /** Opens the storage again after `store` was closed: what was kept must be there. Absent where nothing survives. */
  reopen?(): Promise<Store>;
  /** Lets this much time pass for the store. @default waits: the suite asks for 100 ms at most at a time */
  advance?(milliseconds: number): Promise<void>;
  /** Removes what `create` made, after the stores were closed. */
  close?(): Promise<void>;
}

/** One thing that a store owes. */
export interface Case {
  readonly name: string;
  /** Resolves to why the case does not apply, if it does not. */
  readonly check: (subject: StoreUnderTest) => Promise<string | void>;
}

/** The keys and values that a list gives, as an array. */
export async function entriesOf(store: Store, prefix = ""): Promise<(readonly [string, string])[]> {
  const entries: (readonly [string, string])[] = [];
  for await (const entry of store.list(prefix)) entries.push(entry);
  return entries;
}

/** The keys that a list gives. */
export async function keysOf(store: Store, prefix = ""): Promise<string[]> {
  return (await entriesOf(store, prefix)).map(([key]) => key);
}

/** How long the suite waits for something to expire, in milliseconds. */
const patience = 10_000;

/** How long what is to expire lives, in milliseconds. */
export const short = 40;

/** Long enough not to expire in a test. */
export const long = 3_600_000;

/**
 * Waits until everything that was to live `short` has expired, without asking for any of it: a store that only looks at the time when it
 * is asked must not be helped.
 */
export async function untilExpired(subject: StoreUnderTest): Promise<void> {
  const { store } = subject;
  const sentinel = "suite/sentinel";
  await store.set(sentinel, "", { ttlMs: short });
  await subject.advance?.(short + 1);
  const deadline = performance.now() + patience;
  while ((await store.get(sentinel)) !== undefined) {
    assert.ok(performance.now() < deadline, `an entry that lives ${short} ms was there after ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
