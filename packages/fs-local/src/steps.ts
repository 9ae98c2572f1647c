/**
 * Work on the file system that is made of several calls, written once and run in either of two ways.
 *
 * On a local disk a walk of four components costs 10 µs as one synchronous burst and 300 µs as a chain of thread-pool
 * round trips. On a network file system the same burst could hold the event loop for as long as the network likes. A
 * generator that yields its calls leaves the choice to a `Driver`.
 */

/** One call to the operating system, in both its forms. */
export interface Call {
  now(): unknown;
  later(): Promise<unknown>;
}

/** A piece of work that yields its calls, one or several at once, and is resumed with what they return or throw. */
export type Steps<T> = Generator<Call | readonly Call[], T, unknown>;

let bursting = false;

/** Whether what runs is a burst: then calls are made at once, and not yielded. */
export function inBurst(): boolean {
  return bursting;
}

/** Runs steps as one synchronous burst. */
export function runBurst<T>(steps: Steps<T>): T {
  const outer = bursting;
  bursting = true;
  try {
    const { done, value } = steps.next();
    if (done !== true) throw new Error("A step yielded in a burst");
    return value;
  } finally {
    bursting = outer;
  }
}

/** Makes a call that steps can make with `yield*`. */
export function step<Args extends readonly unknown[], T>(
  now: (...args: Args) => T,
  later: (...args: Args) => Promise<T>,
): (...args: Args) => Steps<T> {
  return function* (...args) {
    if (bursting) return now(...args);
    return (yield { now: () => now(...args), later: () => later(...args) }) as T;
  };
}
