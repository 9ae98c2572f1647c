/**
 * Time that only goes forward, in milliseconds of about 1970. It begins at the system's clock, or at the latest time that the store has seen
 * if that is later, and goes on by the monotonic clock. So a system clock that is set back does not bring back what has expired, and one that
 * leaps ahead while the process runs does not make a used code fresh again.
 */
export class ForwardClock {
  #base: number;
  #start: number;
  readonly #monotonic: () => number;

  constructor(wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
    this.#base = wall();
    this.#start = monotonic();
  }

  now(): number {
    return Math.floor(this.#base + (this.#monotonic() - this.#start));
  }

  /** Tells the clock of a time that another process, or an earlier one, has seen. */
  atLeast(time: number): void {
    if (time <= this.now()) return;
    this.#base = time;
    this.#start = this.#monotonic();
  }
}
