import { detach, verifyAppended } from "./append.ts";
import { refused, type AuthAttempt, type AuthMethod, type Verdict } from "./method.ts";
import type { Factor, Progress } from "./progress.ts";
import { isPassword } from "./secret.ts";
import { verdictOf } from "./verdict.ts";

/** What was found out about an attempt. */
export interface Judged {
  readonly method: AuthMethod | undefined;
  readonly verdict: Verdict;
  /** The factor before, where this one's answers came with its password. */
  readonly before?: Factor;
  /** What a guard or a method threw, where that is why it is refused. */
  readonly error?: unknown;
}

/** An attempt to prove a factor by what the client knows, rather than by a key. */
export type SecretAttempt = AuthAttempt<"password"> | AuthAttempt<"keyboard-interactive">;

/** What no method answers for. */
export function nobody(verdict: Verdict): Judged {
  return { method: undefined, verdict };
}

/** Asks the methods of the attempt's mechanism whose turn it is, until one knows. @throws Error where a method fails */
export async function ask(progress: Progress, attempt: AuthAttempt): Promise<Judged> {
  for (const method of progress.next) {
    if (method.mechanism !== attempt.mechanism) continue;
    const verdict = verdictOf(method, await method.verify(attempt));
    if (verdict.is !== "unknown") return { method, verdict };
  }
  return nobody({ is: "unknown" });
}

/**
 * As `ask`, and with the second factor where its answers stand at the end of the password: both are proven, or neither.
 *
 * @param only who has asked for the new password that the attempt brings
 */
export async function askForPassword(
  progress: Progress,
  attempt: AuthAttempt<"password">,
  only: AuthMethod | undefined,
): Promise<Judged> {
  for (const method of progress.next) {
    if (method.mechanism !== "password" || (only !== undefined && method !== only)) continue;
    const appended = await detach(progress.after(method), attempt, isPassword);
    if (typeof appended === "string") return { method, verdict: refused(appended) };
    const verdict = verdictOf(method, await method.verify(appended?.attempt ?? attempt));
    if (verdict.is === "unknown") continue;
    if (appended === undefined || verdict.is !== "proven") return { method, verdict };
    const before: Factor = { method, user: verdict.user };
    const further = progress.with(before, attempt.username);
    if (typeof further === "string") return { method, verdict: refused(further) };
    if (!further.next.includes(appended.second)) {
      return { method, verdict: refused("The policy of this user does not go on with what was appended") };
    }
    const second = await verifyAppended(appended, further.proven, further.draft);
    return { method: appended.second, verdict: second, before };
  }
  return nobody({ is: "unknown" });
}
