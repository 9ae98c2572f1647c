import type { Logger } from "@sluice/core";
import type { LmdbStore } from "./lmdb-store.ts";

/** Between two rounds when the first did not reach the end, in milliseconds. */
const betweenMs = 20;

/** Deletes what has expired, a little at a time. */
export class Sweeper {
  readonly #store: LmdbStore;
  readonly #everyMs: number;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(store: LmdbStore, everyMs: number, log: Logger) {
    this.#store = store;
    this.#everyMs = everyMs;
    this.#log = log;
    this.#schedule(everyMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(inMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#round(), inMs).unref();
  }

  async #round(): Promise<void> {
    let more = false;
    try {
      more = await this.#store.sweep();
    } catch (error) {
      if (!this.#stopped) this.#log.warn({ err: error }, "Expired entries could not be deleted");
    }
    this.#schedule(more ? Math.min(betweenMs, this.#everyMs) : this.#everyMs);
  }
}
