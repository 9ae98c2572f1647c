import { fromNodeError } from "@sluice/core";
import { burst, type Driver } from "../src/driver.ts";
import type { Call, Steps } from "../src/steps.ts";

/** A driver that makes each call in the way that `make` says. */
export function watchedDriver(make: (call: Call) => unknown): Driver {
  return {
    bursts: false,
    run: async (steps) => {
      try {
        return watched(steps(), make);
      } catch (error) {
        throw fromNodeError(error);
      }
    },
    io: (call) => burst.io(call),
  };
}

function watched<T>(steps: Steps<T>, make: (call: Call) => unknown): T {
  let state = steps.next();
  while (state.done !== true) {
    const { value } = state;
    let results: unknown[];
    try {
      results = (Array.isArray(value) ? (value as readonly Call[]) : [value as Call]).map(make);
    } catch (error) {
      state = steps.throw(error);
      continue;
    }
    state = steps.next(Array.isArray(value) ? results : results[0]);
  }
  return state.value;
}
