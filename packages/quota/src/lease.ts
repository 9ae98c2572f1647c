import { randomBytes } from "node:crypto";
import type { Store } from "@sluice/core";

/** How long a process counts as alive after it was last heard of, in milliseconds. */
export const leaseMs = 60_000;
/** How often it is heard of. */
export const renewMs = 20_000;
const leases = "quota/owner/";

/** Says in the store that this process is alive: what it holds is its own, and a recount waits until it has taken notice. */
export class Lease {
  readonly id: string = randomBytes(8).toString("hex");
  readonly #store: Store;
  #look: () => Promise<void> = () => Promise.resolve();
  #takenAt = -Infinity;
  #taking: Promise<void> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What is done whenever others have been told: who began a recount before knows nothing of this process. */
  onTaken(look: () => Promise<void>): void {
    this.#look = look;
  }

  /** Resolves when others know that this process is alive. Asked before anything is held or changed. Rejects when the store fails. */
  async hold(): Promise<void> {
    if (performance.now() - this.#takenAt < renewMs * 1.5) return;
    this.#taking ??= this.#take().finally(() => (this.#taking = undefined));
    await this.#taking;
  }

  /** Goes on, where it was ever held. */
  async renew(): Promise<void> {
    if (this.#takenAt > -Infinity) await this.#take();
  }

  async end(): Promise<void> {
    if (this.#takenAt > -Infinity) await this.#store.delete(leaseOf(this.id));
  }

  async #take(): Promise<void> {
    const now = performance.now();
    await this.#store.set(leaseOf(this.id), "1", { ttlMs: leaseMs });
    await this.#look();
    this.#takenAt = now;
  }
}

export async function isAlive(store: Store, process: string): Promise<boolean> {
  return (await store.get(leaseOf(process))) !== undefined;
}

/** All processes that are alive. */
export async function living(store: Store): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const [key] of store.list(leases)) found.push(key.slice(leases.length));
  return found;
}

function leaseOf(process: string): string {
  return `${leases}${process}`;
}
