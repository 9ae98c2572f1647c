import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** How long what was closed may take to be gone. */
const patienceMs = 500;
const lookMs = 5;

const watching = new AsyncLocalStorage<Map<number, string>>();

/** Tells of timers, those that do not keep the process alive among them, that were made in the course of what is watched. */
const timers = createHook({
  init(id, type) {
    if (type !== "Timeout") return;
    watching.getStore()?.set(id, makerOf(new Error().stack ?? ""));
  },
  destroy(id) {
    for (const made of active) made.delete(id);
  },
});
const active = new Set<Map<number, string>>();

/**
 * Runs `work` and looks at what it leaves behind in the process: timers, sockets, watchers, child processes, listeners of `process`.
 *
 * @throws Error that names what was left
 */
export async function withoutLeaks(work: () => Promise<void>): Promise<void> {
  const made = new Map<number, string>();
  const before = census();
  active.add(made);
  timers.enable();
  try {
    await watching.run(made, work);
    const left = await patiently(() => [...new Set(made.values()), ...excess(before, census())]);
    if (left.length > 0) throw new Error(`Left behind: ${left.join("; ")}`);
  } finally {
    active.delete(made);
    if (active.size === 0) timers.disable();
  }
}

/** Looks until nothing is left, or patience is. */
async function patiently(look: () => string[]): Promise<string[]> {
  const deadline = Date.now() + patienceMs;
  let left = look();
  while (left.length > 0 && Date.now() < deadline) {
    await watching.exit(() => sleep(lookMs));
    left = look();
  }
  return left;
}

/** What the process has now: kinds of resources, and listeners by event, with their numbers. */
function census(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    // Timers are watched one by one; immediates and file requests end by themselves.
    if (!/^(Timeout|Immediate|FSReq.*|CloseReq)$/.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  for (const name of process.eventNames()) counts.set(`listener of "${String(name)}"`, process.listenerCount(name));
  return counts;
}

function excess(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  const more: string[] = [];
  for (const [kind, count] of after) {
    const added = count - (before.get(kind) ?? 0);
    if (added > 0) more.push(`${added} × ${kind}`);
  }
  return more;
}

/** The first line of a stack that is not Node's own. */
function makerOf(stack: string): string {
  const lines = stack.split("\n").slice(1);
  const line = lines.find((each) => !/node:|plugin-suite\/leaks/.test(each)) ?? lines[0] ?? "";
  return `a timer made ${line.trim()}`;
}
