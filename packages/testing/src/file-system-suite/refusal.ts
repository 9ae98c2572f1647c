import { AssertionError } from "node:assert/strict";
import { fromNodeError, SftpError, type ErrorStatus } from "@sluice/core";

/** What a missing name can be refused with. */
export const missing: readonly ErrorStatus[] = ["noSuchFile", "noSuchPath"];

/** What a path that leads through a file can be refused with: not every storage knows that the file is in the way. */
export const blocked: readonly ErrorStatus[] = ["notADirectory", ...missing];

/**
 * Runs `call` and expects a refusal with one of `statuses`, or with any when none is given. Errors of `node:fs` count as what core
 * makes of them.
 */
export async function refused(
  what: string,
  call: () => Promise<unknown>,
  ...statuses: readonly ErrorStatus[]
): Promise<SftpError> {
  const expected = statuses.length === 0 ? "a refusal" : statuses.join(" or ");
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = fromNodeError(thrown);
    if (SftpError.is(error) && (statuses.length === 0 || statuses.includes(error.status))) return error;
    throw new AssertionError({
      message: SftpError.is(error)
        ? `${what}: expected ${expected}, got ${error.status} (${error.message})`
        : `${what}: expected ${expected}, but it threw what core would answer with a bare failure: ${String(thrown)}`,
      actual: SftpError.is(error) ? error.status : thrown,
      expected,
    });
  }
  throw new AssertionError({ message: `${what}: expected ${expected}, but it succeeded`, expected });
}

/** Whether `call` was refused; every error that is no refusal still fails the case. */
export async function isRefused(what: string, call: () => Promise<unknown>): Promise<boolean> {
  let done = false;
  try {
    await refused(what, async () => {
      await call();
      done = true;
    });
  } catch (error) {
    if (done) return false;
    throw error;
  }
  return true;
}

/** The values of those that succeeded; the others must have been refused with `status`. */
export async function winnersOf<T>(attempts: readonly PromiseSettledResult<T>[], status: ErrorStatus): Promise<T[]> {
  const winners: T[] = [];
  for (const attempt of attempts) {
    if (attempt.status === "fulfilled") winners.push(attempt.value);
    else await refused("a loser", () => Promise.reject(attempt.reason), status);
  }
  return winners;
}
