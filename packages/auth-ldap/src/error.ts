import { printable } from "@sluice/core";

/** Result codes of a server that cannot answer now, though another might (RFC 4511, appendix A): busy, unavailable, other. */
const faults: ReadonlySet<number> = new Set([51, 52, 80]);

/** Longest text of a directory that is passed on to the log, in characters. */
const maxText = 300;

/** A server that cannot be asked: it is down, silent, not to be trusted, or talks nonsense. The next one is tried. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  /** Whether it took too long, rather than failed. */
  readonly late: boolean;

  constructor(message: string, options: { readonly late?: boolean; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.late = options.late ?? false;
  }
}

/** A directory's answer other than success. */
export class Answer extends Error {
  override readonly name = "Answer";
  /** The result code (RFC 4511, appendix A). */
  readonly code: number;

  constructor(code: number, what: string, text: string) {
    super(`${what}: code ${code}${text === "" ? "" : `, ${shortened(text)}`}`);
    this.code = code;
  }
}

/** An answer that leaves open who is meant or what holds: two hits, a referral, a list that was cut. It refuses. */
export class Doubt extends Error {
  override readonly name = "Doubt";
}

/** No server can be asked now. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** Whether another server might do better. */
export function isFault(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Answer && faults.has(error.code));
}

/** Text that came from outside, fit for one line of the log. */
export function shortened(text: string): string {
  const line = printable(text.slice(0, maxText));
  return text.length > maxText ? `${line}…` : line;
}
