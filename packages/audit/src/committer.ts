import { fdatasync } from "node:fs";

interface Waiter {
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** Group commit: one `fdatasync` answers for everything that was written before it began. */
export class Committer {
  readonly #failed: (error: Error) => void;
  #waiting: Waiter[] = [];
  #wanted: number | undefined;
  #running: Promise<void> | undefined;

  /** @param failed is told of each call that the system refuses */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** Sees to it that what has been written to `fd` is on the disk soon. */
  request(fd: number): void {
    this.#wanted = fd;
    this.#running ??= this.#run();
  }

  /** Resolves when what has been written to `fd` is on the disk. Rejects when that cannot be had, or takes longer than `limitMs`. */
  commit(fd: number, limitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the disk took longer than ${limitMs / 1000} s`)), limitMs);
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        how();
      };
      this.#waiting.push({ done: () => settle(resolve), failed: (error) => settle(() => reject(error)) });
      this.request(fd);
    });
  }

  /** Resolves when no call is under way: a file may be closed then. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // What else is written in this turn of the event loop goes with the first call.
    await Promise.resolve();
    while (this.#wanted !== undefined) {
      const fd = this.#wanted;
      const batch = this.#waiting;
      this.#wanted = undefined;
      this.#waiting = [];
      const error = await new Promise<Error | null>((resolve) => fdatasync(fd, resolve));
      if (error !== null) this.#failed(error);
      for (const waiter of batch) {
        if (error === null) waiter.done();
        else waiter.failed(error);
      }
    }
    this.#running = undefined;
  }
}
