import { verdictOf } from "./verdict.ts";
import {
  refused,
  type AuthAttempt,
  type AuthMethod,
  type Detached,
  type Questions,
  type UserDraft,
  type Verdict,
} from "./method.ts";

/** A password that a second factor has taken its answers off. */
export interface Appended {
  readonly second: AuthMethod<"keyboard-interactive">;
  /** With what is left of the password. */
  readonly attempt: AuthAttempt<"password">;
  readonly answers: readonly string[];
}

/**
 * Asks the methods that may come after a password, in order, whether their answers stand at its end.
 *
 * @param isAcceptable whether text may be a password: what is left of one must be, too
 * @returns `undefined` where none took anything off, the reason where what is left is not acceptable
 * @throws Error where a method fails
 */
export async function detach(
  following: readonly AuthMethod[],
  attempt: AuthAttempt<"password">,
  isAcceptable: (password: unknown) => boolean,
): Promise<Appended | string | undefined> {
  for (const second of following) {
    if (!isInteractive(second) || second.detach === undefined) continue;
    const detached: unknown = await second.detach(attempt);
    if (detached === undefined) continue;
    if (!isDetached(detached)) throw new Error(`The method "${second.name}" detached no answers from a password`);
    if (!isAcceptable(detached.password)) return "The password is not acceptable without the answers at its end";
    return { second, attempt: { ...attempt, password: detached.password }, answers: detached.answers };
  }
  return undefined;
}

/**
 * Verifies the second factor by the answers that were appended. Never rejects: the client is told nothing of which half was wrong, and whoever
 * counts attempts must not take an error for no attempt.
 *
 * @param draft what the factors say of the user, with the first one's
 */
export async function verifyAppended(
  { second, attempt, answers }: Appended,
  factors: readonly string[],
  draft: UserDraft,
): Promise<Verdict> {
  const { username, connection, signal } = attempt;
  let asked = false;
  const ask = async ({ prompts }: Questions): Promise<readonly string[]> => {
    if (asked) throw new Error("The client cannot be asked again: its answers came with the password");
    asked = true;
    if (prompts.length !== answers.length) throw new Error("Another number of answers came with the password");
    return answers;
  };
  try {
    const verdict = await second.verify({
      mechanism: "keyboard-interactive",
      username,
      connection,
      factors,
      signal,
      draft,
      ask,
    });
    return verdictOf(second, verdict);
  } catch (error) {
    return refused(error instanceof Error ? error.message : "The second factor failed");
  }
}

function isInteractive(method: AuthMethod): method is AuthMethod<"keyboard-interactive"> {
  return method.mechanism === "keyboard-interactive";
}

function isDetached(value: unknown): value is Detached {
  if (typeof value !== "object" || value === null) return false;
  const { password, answers } = value as Record<keyof Detached, unknown>;
  return (
    typeof password === "string" && Array.isArray(answers) && answers.every((answer) => typeof answer === "string")
  );
}
