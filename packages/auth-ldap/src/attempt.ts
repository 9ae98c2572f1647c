import { refused, type AuthAttempt, type Verdict } from "@sluice/core";
import { Answer, Doubt, Unavailable } from "./error.ts";

/** Longest name that is looked up, in bytes: what core lets through. */
const maxNameBytes = 255;

/** Whether a directory may be asked for a name: nothing invisible, which directories ignore when they compare. */
export function isAskable(username: string): boolean {
  if (username.length > maxNameBytes || Buffer.byteLength(username) > maxNameBytes) return false;
  return username.trim() !== "" && !/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffd]/u.test(username);
}

/**
 * Decides an attempt within a time limit, and no longer than the client waits. What the directory answers is a verdict, whatever it is.
 *
 * @throws Unavailable where nobody has judged anything: core refuses, and does not count it as a failure of the user's
 */
export async function decide(
  attempt: AuthAttempt,
  limitMs: number,
  decision: (signal: AbortSignal) => Promise<Verdict>,
): Promise<Verdict> {
  if (attempt.signal.aborted) return refused("the client left");
  const controller = new AbortController();
  const leave = (): void => controller.abort(new Doubt("the client left"));
  const timer = setTimeout(
    () => controller.abort(new Unavailable(`the directory took longer than ${limitMs} ms`)),
    limitMs,
  );
  attempt.signal.addEventListener("abort", leave, { once: true });
  try {
    return await decision(controller.signal);
  } catch (error) {
    if (error instanceof Doubt || error instanceof Answer) return refused(error.message);
    throw error;
  } finally {
    clearTimeout(timer);
    attempt.signal.removeEventListener("abort", leave);
  }
}
