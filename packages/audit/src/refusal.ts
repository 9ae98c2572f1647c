import { fromNodeError, SftpError, type Outcome } from "@sluice/core";

/** Longer texts are cut: they are somebody else's. */
const maxText = 1024;

/** How an operation ended, in a record's words. */
export interface Ending {
  readonly outcome: "ok" | "refused" | "failed";
  readonly status: string;
  readonly message?: string;
  readonly rule?: string;
}

/** A text of somebody else's, bounded. */
export function bounded(text: string, max: number = maxText): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`;
}

/** What is recorded of an outcome. The detail of a refusal, which no client reads, says what refused. */
export function endingOf(outcome: Outcome): Ending {
  if (outcome.status === "ok" || outcome.status === "eof") return { outcome: "ok", status: "ok" };
  return endingOfError(outcome.error, outcome.status);
}

/** The same of what was thrown. */
export function endingOfError(thrown: unknown, status = "failure"): Ending {
  const error = fromNodeError(thrown);
  if (SftpError.is(error)) {
    const { detail } = error;
    return {
      outcome: "refused",
      status: error.status,
      message: bounded(error.message),
      ...(detail === undefined ? {} : { rule: bounded(detail) }),
    };
  }
  const text = bounded(error instanceof Error ? error.message : String(error));
  return status === "failure"
    ? { outcome: "failed", status, rule: text }
    : { outcome: "refused", status, message: text };
}

/** Whether a rule said so, and not the storage, whose details are the system's codes. */
export function byRule({ rule }: Ending): boolean {
  return rule !== undefined && !/^E[A-Z0-9]+$/.test(rule);
}
