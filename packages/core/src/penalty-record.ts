import { withDeadline } from "./deadline.ts";
import type { Logger } from "./log.ts";
import type { Penalty, Sources } from "./sources.ts";
import type { Store } from "./store.ts";

const prefix = "core/penalty/";
const readMs = 10_000;

/**
 * Writes penalties down in the store, and takes up those from before a restart. What a store cannot tell or keep is logged, and the server goes on: a source then begins
 * anew.
 *
 * @returns ends the writing, before the store is closed
 */
export async function recordPenalties(sources: Sources, store: Store, log: Logger): Promise<() => void> {
  try {
    await withDeadline(restore(sources, store), readMs, "The store does not answer");
  } catch (error) {
    log.warn({ err: error }, "Penalties from before the start could not be read");
  }
  sources.onPenalty = (source, { until, active }) => {
    const ttlMs = Math.ceil(until - Date.now());
    if (ttlMs < 1) return;
    const value = `${active ? "active" : "counted"} ${Math.ceil(until)}`;
    store.set(prefix + encodeURIComponent(source), value, { ttlMs }).catch((error: unknown) => {
      log.warn({ err: error }, "A penalty could not be stored: it ends with this process");
    });
  };
  return () => {
    sources.onPenalty = undefined;
  };
}

async function restore(sources: Sources, store: Store): Promise<void> {
  for await (const [key, value] of store.list(prefix)) {
    const penalty = parse(value);
    if (penalty !== undefined) sources.restore(decodeURIComponent(key.slice(prefix.length)), penalty);
  }
}

function parse(value: string): Penalty | undefined {
  const [, state, until] = /^(active|counted) (\d{1,16})$/.exec(value) ?? [];
  return until === undefined ? undefined : { until: Number(until), active: state === "active" };
}
