import type { AuthAnswer } from "./request.ts";
import { padded } from "./padding.ts";

/** One authentication request, from its arrival to its answer. */
export class Turn {
  /** Aborted when the login is over, or the client has begun another request instead. */
  readonly signal: AbortSignal;
  readonly #abandoned = new AbortController();
  #sinceMs = performance.now();
  #stepMs = 0;

  constructor(over: AbortSignal) {
    this.signal = AbortSignal.any([over, this.#abandoned.signal]);
  }

  /** From now on a refusal waits for whole steps of this length since the client was last heard. */
  pad(stepMs: number): void {
    this.#stepMs = stepMs;
  }

  /** Waits for whole steps of this length since the client was last heard, before it is asked. @throws what the signal was aborted with */
  async pause(stepMs: number): Promise<void> {
    if (stepMs > 0) await padded(this.#sinceMs, stepMs, this.signal);
    this.signal.throwIfAborted();
  }

  /** The client has answered a question: the time until then was its own. */
  heard(): void {
    this.#sinceMs = performance.now();
  }

  /** The client has begun another request: nothing that comes of this one counts. */
  abandon(): void {
    this.#abandoned.abort(new Error("The client began another attempt"));
  }

  /** The answer when it is time for it, or that nobody waits for it any more. */
  async settle(answer: Promise<AuthAnswer>): Promise<AuthAnswer> {
    const { signal } = this;
    const gone: AuthAnswer = { is: "disconnect", reason: "The client has left" };
    let leave = (): void => undefined;
    const left = new Promise<AuthAnswer>((resolve) => {
      leave = () => resolve(gone);
      signal.addEventListener("abort", leave, { once: true });
    });
    try {
      if (signal.aborted) return gone;
      const decided = await Promise.race([answer, left]);
      if (this.#stepMs > 0 && isRefusal(decided)) await padded(this.#sinceMs, this.#stepMs, signal);
      return signal.aborted ? gone : decided;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}

function isRefusal(answer: AuthAnswer): boolean {
  return answer.is === "disconnect" || (answer.is === "rejected" && !answer.partial);
}
