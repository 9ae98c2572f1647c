import type { Logger } from "@sluice/core";
import type { Address, AddressSource } from "./address.ts";
import { isFault, Unavailable, Unreachable } from "./error.ts";

/** So many answers of "not now" in a row set a server aside; one that cannot be reached is set aside at once. */
const patience = 3;

/** Lets requests through while a server works, and one at a time to try a server that did not. */
class Breaker {
  readonly #retryAfterMs: number;
  #faults = 0;
  /** Since when the server may be tried again; `undefined` while it works. */
  #until: number | undefined;
  #trying = false;

  constructor(retryAfterMs: number) {
    this.#retryAfterMs = retryAfterMs;
  }

  admits(): boolean {
    if (this.#until === undefined) return true;
    if (this.#trying || performance.now() < this.#until) return false;
    this.#trying = true;
    return true;
  }

  /** Whether the server was set aside before. */
  succeeded(): boolean {
    const before = this.#until;
    this.#until = undefined;
    this.#faults = 0;
    this.#trying = false;
    return before !== undefined;
  }

  /** Whether the server is newly set aside. */
  failed(error: unknown): boolean {
    const before = this.#until;
    this.#trying = false;
    this.#faults = error instanceof Unreachable ? patience : this.#faults + 1;
    if (this.#faults >= patience) this.#until = performance.now() + this.#retryAfterMs;
    return before === undefined && this.#until !== undefined;
  }

  /** Whoever tried has left before the server said anything. */
  undecided(): void {
    this.#trying = false;
  }
}

/** The servers of a directory, asked in order. Those that failed are left in peace for a while. */
export class Servers {
  readonly #source: AddressSource;
  readonly #retryAfterMs: number;
  readonly #log: Logger;
  readonly #breakers = new Map<string, Breaker>();

  constructor(source: AddressSource, retryAfterMs: number, log: Logger) {
    this.#source = source;
    this.#retryAfterMs = retryAfterMs;
    this.#log = log;
  }

  /**
   * Does `work` with the first server that is up to it. A directory's answer is an answer, whatever it says; no other server is asked then.
   *
   * @throws Unavailable where none is; what `work` throws for other reasons; the signal's reason
   */
  async run<T>(work: (address: Address) => Promise<T>, signal: AbortSignal): Promise<T> {
    const failures: string[] = [];
    for (const address of await this.#source(signal)) {
      const breaker = this.#breakerOf(address);
      if (!breaker.admits()) {
        failures.push(`${address.url}: set aside`);
        continue;
      }
      try {
        const result = await work(address);
        this.#worked(address, breaker);
        return result;
      } catch (error) {
        if (signal.aborted) {
          breaker.undecided();
          throw error;
        }
        if (!isFault(error)) {
          this.#worked(address, breaker);
          throw error;
        }
        failures.push((error as Error).message);
        if (breaker.failed(error)) {
          this.#log.warn({ server: address.url, err: error }, "A directory server is set aside");
        }
      }
    }
    throw new Unavailable(`no directory server answers: ${failures.join("; ")}`);
  }

  #worked(address: Address, breaker: Breaker): void {
    if (breaker.succeeded()) this.#log.info({ server: address.url }, "A directory server is back");
  }

  #breakerOf({ url }: Address): Breaker {
    let breaker = this.#breakers.get(url);
    if (breaker === undefined) {
      // Records of a name server come and go.
      if (this.#breakers.size >= 64) this.#breakers.clear();
      this.#breakers.set(url, (breaker = new Breaker(this.#retryAfterMs)));
    }
    return breaker;
  }
}
