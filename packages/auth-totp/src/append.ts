import type { AuthAttempt, Connection, Detached, Login, Store, Verdict } from "@sluice/core";
import { readCode, stepsOf } from "./code.ts";
import { canonical } from "./entries.ts";
import { clientOf, type FactorParts } from "./factor.ts";
import { Limit } from "./limit.ts";
import type { TotpSettings } from "./options.ts";
import { looksLikeRecoveryCode, readRecoveryCode, recoveryCodeLength } from "./recovery.ts";
import { UsedSteps } from "./used-steps.ts";

/** Takes codes off the end of passwords. */
export class Appended {
  readonly #parts: FactorParts;
  readonly #steps: UsedSteps;
  /** Not that of the factor: whoever knows no password could lock everybody out with six digits. */
  readonly #lookups: Limit;
  /** Whose password, of the connection's attempt that is being judged, ends with what is no valid code. */
  readonly #unsure = new WeakMap<Connection, string>();

  constructor(parts: FactorParts) {
    this.#parts = parts;
    const { store, settings }: { store: Store; settings: TotpSettings } = parts;
    this.#steps = new UsedSteps(store, settings);
    this.#lookups = new Limit(store, "lookups", settings);
  }

  /** For clients that are known to append: whatever could be a code is one. */
  async always(attempt: AuthAttempt<"password">): Promise<Detached> {
    const { settings, secrets } = this.#parts;
    const { password } = attempt;
    const found = settings.claim === undefined ? await secrets.find(canonical(attempt.username), {}) : undefined;
    const nobodyIsAsked = found?.is === "absent" && settings.required !== "all";
    const split = splitOff(password, found?.is === "there" ? found.secret.digits : settings.digits);
    if (nobodyIsAsked || split === undefined) return { password, answers: [] };
    return split;
  }

  /**
   * For clients that may append: the end is taken off where it is a code that would be accepted. Nothing is used up. Whoever knows the password would have as
   * many guesses as passwords can be tried, so looks are limited; once they are used up, perhaps by strangers, whatever could be a code is taken
   * off: the password is proven without it first, and the code then counts with the factor's tries, which no stranger gets to.
   */
  async whereValid(attempt: AuthAttempt<"password">): Promise<Detached | undefined> {
    const { settings, secrets, recovery, now: clock } = this.#parts;
    const user = canonical(attempt.username);
    const found = await secrets.find(user, {});
    if (found.is !== "there") return undefined;
    const { secret } = found;
    const split = splitOff(attempt.password, secret.digits);
    const [answer = ""] = split?.answers ?? [];
    if (split === undefined) return undefined;
    const looked = await this.#lookups.attempt(user, async () => {
      const now = clock();
      const code = readCode(answer, secret.digits);
      const letters = code === undefined ? readRecoveryCode(answer) : undefined;
      const steps = code === undefined ? [] : stepsOf(secret, code, now, settings.drift);
      const result =
        letters === undefined
          ? steps.length > 0 && (await this.#steps.isFree(user, steps, clientOf(attempt), now))
          : await recovery.has(user, letters);
      return { counts: !result, result };
    });
    if (looked === "limited" || looked) return split;
    this.#unsure.set(attempt.connection, user);
    return undefined;
  }

  /** To be told what came of each attempt: a password that proved what it is for as a whole was no guess at a code. */
  async judged({ connection, mechanism }: Login, verdict: Verdict): Promise<void> {
    const user = this.#unsure.get(connection);
    this.#unsure.delete(connection);
    const isRight = verdict.is === "proven" || verdict.is === "changeRequired";
    if (user !== undefined && mechanism === "password" && isRight) await this.#lookups.giveBack(user);
  }
}

/** The code or recovery code at the end of a password; `undefined` where there is none, or nothing before it. */
function splitOff(password: string, digits: number): Detached | undefined {
  const at = (length: number): Detached => ({
    password: password.slice(0, -length),
    answers: [password.slice(-length)],
  });
  if (password.length > digits && /^[0-9]+$/.test(password.slice(-digits))) return at(digits);
  const isRecovery = password.length > recoveryCodeLength && looksLikeRecoveryCode(password.slice(-recoveryCodeLength));
  return isRecovery ? at(recoveryCodeLength) : undefined;
}
