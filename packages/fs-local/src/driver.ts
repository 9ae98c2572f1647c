import { fromNodeError } from "@sluice/core";
import { runBurst, type Call, type Steps } from "./steps.ts";

/** How steps and data calls are run. Rejects with an `SftpError` where the errno has a meaning for the client. */
export interface Driver {
  /** Whether steps run in one synchronous burst, so that work of many calls may be written as a plain loop. */
  readonly bursts: boolean;
  run<T>(steps: () => Steps<T>): Promise<T>;
  /** One call that moves data or waits for the disk: off the event loop, but for the few bytes of a small file on a local disk. */
  io<T>(call: () => Promise<T> | T): Promise<T>;
}

/** For local disks: metadata in one synchronous burst, data on the thread pool. */
export const burst: Driver = {
  bursts: true,
  run(steps) {
    try {
      return Promise.resolve(runBurst(steps()));
    } catch (error) {
      return Promise.reject(fromNodeError(error));
    }
  },
  async io(call) {
    try {
      return await call();
    } catch (error) {
      throw fromNodeError(error);
    }
  },
};

/** For network file systems: each call on the thread pool, and never so many that a server which hangs takes all threads. */
export const callByCall: Driver = {
  bursts: false,
  async run(steps) {
    try {
      return await runLater(steps());
    } catch (error) {
      throw fromNodeError(error);
    }
  },
  async io(call) {
    try {
      return await gate(call);
    } catch (error) {
      throw fromNodeError(error);
    }
  },
};

async function runLater<T>(steps: Steps<T>): Promise<T> {
  let state = steps.next();
  while (state.done !== true) {
    const { value } = state;
    let result: unknown;
    try {
      result = isOne(value)
        ? await gate(() => value.later())
        : await Promise.all(value.map((call) => gate(() => call.later())));
    } catch (error) {
      state = steps.throw(error);
      continue;
    }
    state = steps.next(result);
  }
  return state.value;
}

function isOne(calls: Call | readonly Call[]): calls is Call {
  return !Array.isArray(calls);
}

// The thread pool belongs to the process, so its half is shared by every file system that may hang.
const threads = Math.max(1, Math.floor((Number(process.env["UV_THREADPOOL_SIZE"]) || 4) / 2));
let busy = 0;
const waiting: (() => void)[] = [];

async function gate<T>(call: () => Promise<T> | T): Promise<T> {
  if (busy < threads) busy++;
  else await new Promise<void>((resolve) => void waiting.push(resolve));
  try {
    return await call();
  } finally {
    // The place is handed on without being free in between, so that nobody overtakes who waits.
    const next = waiting.shift();
    if (next === undefined) busy--;
    else next();
  }
}
