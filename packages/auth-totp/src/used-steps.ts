import type { Store } from "@sluice/core";
import { z } from "zod";
import { keyOf, readEntry } from "./entries.ts";

/** Of a code: it was taken now; it is taken and good once more; it was used before; or a later one was, as when the clock has gone back. */
export type Claim = "taken" | "again" | "used" | "older";

/** The last code that a user has used. */
export interface UsedStep {
  readonly step: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** The client, where codes may be used again by it. */
  readonly by?: string | undefined;
}

const usedStep: z.ZodType<UsedStep> = z.strictObject({ step: z.int(), at: z.int(), by: z.string().optional() });

/** Each user that writes moves the step on, so this is never reached by chance. */
const maxRounds = 50;

/** Sees to it that a code is good once: the step used last only ever grows, for all processes that share the store. */
export class UsedSteps {
  readonly #store: Store;
  readonly #parallelMs: number;

  constructor(store: Store, { parallelMs }: { parallelMs: number }) {
    this.#store = store;
    this.#parallelMs = parallelMs;
  }

  /**
   * Takes the first of the steps that is not used up. The store has it before this resolves to `taken`.
   *
   * @param steps those that the code belongs to, earliest first; at least one
   * @param by the client
   */
  async take(user: string, steps: readonly number[], by: string, now: number): Promise<Claim> {
    const key = keyOf("step", user);
    for (let round = 0; round < maxRounds; round++) {
      const { text, value } = await readEntry(this.#store, key, usedStep);
      const claim = this.#judge(value, steps, by, now);
      if (typeof claim === "string") return claim;
      const entry: UsedStep = { step: claim, at: now, ...(this.#parallelMs > 0 ? { by } : {}) };
      if (await this.#store.compareAndSet(key, text, JSON.stringify(entry))) return "taken";
    }
    throw new Error("The store never lets a code be taken");
  }

  /** Whether `take` would take one of the steps. Takes nothing. */
  async isFree(user: string, steps: readonly number[], by: string, now: number): Promise<boolean> {
    const { value } = await readEntry(this.#store, keyOf("step", user), usedStep);
    const claim = this.#judge(value, steps, by, now);
    return typeof claim === "number" || claim === "again";
  }

  async last(user: string): Promise<UsedStep | undefined> {
    return (await readEntry(this.#store, keyOf("step", user), usedStep)).value;
  }

  /** Begins anew for a new secret, whose code of this step is used up. */
  async restart(user: string, step: number, now: number): Promise<void> {
    await this.#store.set(keyOf("step", user), JSON.stringify({ step, at: now } satisfies UsedStep));
  }

  /** Forgets which step was used last. */
  async forget(user: string): Promise<void> {
    await this.#store.delete(keyOf("step", user));
  }

  #judge(
    last: UsedStep | undefined,
    steps: readonly number[],
    by: string,
    now: number,
  ): number | Exclude<Claim, "taken"> {
    const free = steps.find((step) => last === undefined || step > last.step);
    if (free !== undefined) return free;
    if (last === undefined || !steps.includes(last.step)) return "older";
    const age = now - last.at;
    // A clock that has gone back makes the age negative, and nothing is good again.
    return last.by === by && age >= 0 && age < this.#parallelMs ? "again" : "used";
  }
}
