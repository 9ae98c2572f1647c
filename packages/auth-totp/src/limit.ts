import type { Store } from "@sluice/core";
import { keyOf, type Kind } from "./entries.ts";
import { Turns } from "./turns.ts";

/** How an attempt ended, and whether it counts as a failure. */
export interface Tried<T> {
  readonly counts: boolean;
  readonly result: T;
}

/** What `Limit.attempt` resolves to: nothing was tried, or how it ended. */
export type Attempted<T> = "limited" | T;

/** Counts the failures of each user in the store, whichever connection or process they came from. */
export class Limit {
  readonly #store: Store;
  readonly #kind: Kind;
  readonly #failures: number;
  readonly #ttlMs: number;
  readonly #turns = new Turns();

  constructor(store: Store, kind: Kind, { failures, failureWindowMs }: { failures: number; failureWindowMs: number }) {
    this.#store = store;
    this.#kind = kind;
    this.#failures = failures;
    this.#ttlMs = failureWindowMs;
  }

  /**
   * Tries, unless the user has failed too often. Counted beforehand and given back when it was no failure: many guesses at once are no more than
   * one after the other, and a crash in between counts.
   */
  attempt<T>(user: string, tried: () => Promise<Tried<T>>): Promise<Attempted<T>> {
    const key = keyOf(this.#kind, user);
    return this.#turns.take(user, async () => {
      const sum = await this.#store.add(key, 1, { ttlMs: this.#ttlMs });
      if (sum > this.#failures) return "limited";
      const { counts, result } = await tried();
      if (!counts) await this.giveBack(user);
      return result;
    });
  }

  /** One attempt was no failure after all. */
  async giveBack(user: string): Promise<void> {
    const key = keyOf(this.#kind, user);
    const left = await this.#store.add(key, -1, { ttlMs: this.#ttlMs });
    // The window has ended meanwhile: the next one begins with nothing.
    if (left < 0) await this.#store.delete(key);
  }

  /** The failures that count now. */
  async count(user: string): Promise<number> {
    return Math.max(0, Number((await this.#store.get(keyOf(this.#kind, user))) ?? 0));
  }

  /** Forgets the failures. */
  async clear(user: string): Promise<void> {
    await this.#store.delete(keyOf(this.#kind, user));
  }
}
