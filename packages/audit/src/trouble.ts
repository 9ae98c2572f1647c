import { SetupError } from "@sluice/core";

/** How often a file that cannot be written is tried again, at most. */
const retryMs = 250;

/** A time in which records could not be written. */
export class Trouble {
  readonly since: Date;
  readonly reason: string;
  /** Records that were not written. */
  lost = 0;
  #nextTry: number;

  constructor(reason: string, now: number) {
    this.since = new Date(now);
    this.reason = reason;
    this.#nextTry = now + retryMs;
  }

  /** Whether it is time to try again; counts the try. */
  due(now: number): boolean {
    if (now < this.#nextTry && this.#nextTry - now <= retryMs) return false;
    this.#nextTry = now + retryMs;
    return true;
  }
}

/** A record that was wanted before something may go on, and that could not be written. */
export class Unrecorded extends Error {
  constructor(reason: string) {
    super(`The audit log cannot be written: ${reason}`);
    this.name = "Unrecorded";
  }
}

/** Why a log cannot be opened, as the system says it. */
export function unopened(file: string, error: unknown): SetupError {
  return new SetupError("ERR_SLUICE_AUDIT_LOG", `Audit log ${file}: it cannot be opened: ${reasonOf(error)}`, {
    cause: error,
  });
}

/** What the system says, without the path. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ENOSPC: "no space is left on the device",
    EDQUOT: "the disk quota is used up",
    EROFS: "the file system is read-only",
    EIO: "the disk reports an input/output error",
    EACCES: "permission is denied",
    EEXIST: "another file has taken its place",
    ELOOP: "a symbolic link stands in its place",
  };
  return (code === undefined ? undefined : words[code]) ?? error.message;
}
