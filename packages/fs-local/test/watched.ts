import { burst, type Driver } from "../src/driver.ts";
import type { Call, Steps } from "../src/steps.ts";

/** A driver that makes each call in the way that `make` says. */
export function watchedDriver(make: (call: Call) => unknown): Driver {
  return {
    bursts: false,
    run: (steps) => burst.run(() => watched(steps(), make)),
    io: (call) => burst.io(call),
  };
}

function* watched<T>(steps: Steps<T>, make: (call: Call) => unknown): Steps<T> {
  let state = steps.next();
  while (state.done !== true) {
    const { value } = state;
    const calls = Array.isArray(value) ? (value as readonly Call[]) : [value as Call];
    try {
      const results = (yield calls.map((call) => ({
        now: () => make(call),
        later: () => call.later(),
      }))) as unknown[];
      state = steps.next(Array.isArray(value) ? results : results[0]);
    } catch (error) {
      state = steps.throw(error);
    }
  }
  return state.value;
}
