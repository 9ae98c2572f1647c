/** Thrown by `Gate.run` where as much work is waiting as may wait. */
export class GateFull extends Error {
  constructor() {
    super("Too many password checks are waiting");
    this.name = "GateFull";
  }
}

/** Lets a few run at once, and a bounded number wait in the order they came. */
export class Gate {
  readonly #width: number;
  readonly #room: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number, room: number) {
    this.#width = width;
    this.#room = room;
  }

  /**
   * Runs `work` when its turn comes. Work that has begun keeps its place until it has settled.
   *
   * @throws GateFull at once, where nobody may wait any more; the signal's reason, if it is aborted before the turn comes.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#running < this.#width) this.#running++;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      // A waiter inherits the place, so that nobody who comes now can take it first.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.#room) throw new GateFull();
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(enter);
    });
  }
}
