import type { Stage } from "./stage.ts";

/** One thing that is owed, and how it is checked. `name` begins with the method that it is about. */
export interface Case {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Ends a case that does not apply to this file system. */
export class Skipped extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "Skipped";
  }
}

/** A case by its name. */
export function check(name: string, run: (stage: Stage) => Promise<void>): Case {
  return { name, run };
}
