import { readFileSync } from "node:fs";

/** Where the system does not tell: what many systems allow a process. */
const usualDescriptors = 1024;

/**
 * Half of the files that this process may have open (`RLIMIT_NOFILE`, getrlimit(2)): the rest is for connections, logs and what else a server
 * needs, so that clients who open files and close none keep nobody out.
 */
export function halfOfDescriptors(): number {
  return Math.max(1, Math.floor(mostDescriptors() / 2));
}

function mostDescriptors(): number {
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "latin1");
  } catch {
    return usualDescriptors;
  }
  const soft = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Number.isSafeInteger(soft) ? soft : usualDescriptors;
}

/** Counts what all sessions of a server together have open. */
export class OpenFiles {
  readonly #limit: number;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a place. @returns whether there was one */
  take(): boolean {
    if (this.#count >= this.#limit) return false;
    this.#count += 1;
    return true;
  }

  /** Gives a place back. */
  give(): void {
    this.#count -= 1;
  }
}
