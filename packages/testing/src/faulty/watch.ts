import type { CallSite, Fault } from "../faulty.ts";

/** Does a call with the faults that are due. */
export type Performance = <T>(make: () => Promise<T>) => Promise<T>;

interface Plan {
  readonly fault: Fault;
  readonly at: readonly CallSite[] | undefined;
  seen: number;
}

/** What is planned and what was seen, for one file system and all its handles. */
export class Watch {
  openHandles = 0;
  openListings = 0;
  readonly violations: string[] = [];
  readonly #plans: Plan[] = [];
  readonly #calls = new Map<CallSite, number>();

  plan(fault: Fault): void {
    const at = typeof fault.at === "string" ? [fault.at] : fault.at;
    this.#plans.push({ fault, at, seen: 0 });
  }

  calls(at?: CallSite): number {
    if (at !== undefined) return this.#calls.get(at) ?? 0;
    return [...this.#calls.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Counts a call; throws what it is to throw at once, else gives back how to do it. */
  enter(at: CallSite): Performance {
    this.#calls.set(at, this.calls(at) + 1);
    const due = this.#due(at);
    for (const fault of due) if ("throws" in fault) throw fault.throws;
    return (make) => (due.length === 0 ? make() : misbehave(due, make));
  }

  #due(at: CallSite): Fault[] {
    const due: Fault[] = [];
    for (const plan of this.#plans) {
      if (plan.at?.includes(at) === false) continue;
      plan.seen += 1;
      if (plan.fault.nth === undefined || plan.fault.nth === plan.seen) due.push(plan.fault);
    }
    return due;
  }
}

async function misbehave<T>(faults: readonly Fault[], make: () => Promise<T>): Promise<T> {
  for (const fault of faults) {
    await fault.until?.wait();
    if ("rejects" in fault) throw fault.rejects;
  }
  let answer = await make();
  for (const fault of faults) {
    await fault.answersAfter?.wait();
    // Only `handle.read` answers with a number.
    if (typeof answer === "number" && fault.miscounts !== undefined) answer = fault.miscounts(answer) as typeof answer;
  }
  return answer;
}
