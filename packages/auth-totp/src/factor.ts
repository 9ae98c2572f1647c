import { randomBytes } from "node:crypto";
import type { AuthAttempt, Logger, Store, UserDraft, Verdict } from "@sluice/core";
import { proven, refused } from "@sluice/core";
import { readCode, stepsOf, type Secret } from "./code.ts";
import { canonical } from "./entries.ts";
import { Limit, type Tried } from "./limit.ts";
import type { TotpSettings } from "./options.ts";
import { readRecoveryCode, type RecoveryCodes } from "./recovery.ts";
import type { Found, Secrets } from "./secrets.ts";
import { UsedSteps, type Claim } from "./used-steps.ts";

/** What one-time codes are checked with. */
export interface FactorParts {
  readonly settings: TotpSettings;
  readonly store: Store;
  readonly secrets: Secrets;
  readonly recovery: RecoveryCodes;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const questions = { prompts: [{ text: "One-time code: ", echo: false }] };

const reasons: Readonly<Record<Exclude<Claim, "taken" | "again">, string>> = {
  used: "the code was used before",
  older: "a later code was used before: this one is old, or the clock of the server has gone back",
};

/** Decides over one-time codes: asks, counts, compares, and takes each code once. */
export class Factor {
  readonly #parts: FactorParts;
  readonly #steps: UsedSteps;
  readonly #limit: Limit;
  /** What is compared where there is nothing to compare with, so that the time does not tell. */
  readonly #decoy: Secret;

  constructor(parts: FactorParts) {
    this.#parts = parts;
    const { store, settings } = parts;
    this.#steps = new UsedSteps(store, settings);
    this.#limit = new Limit(store, "failures", settings);
    const { algorithm, digits, period } = settings;
    this.#decoy = { bytes: randomBytes(20), algorithm, digits, period };
  }

  /** The verdict of an attempt. Whatever fails refuses. */
  async verify(attempt: AuthAttempt<"keyboard-interactive">): Promise<Verdict> {
    const user = canonical(attempt.draft.name ?? attempt.username);
    try {
      const found = await this.#parts.secrets.find(user, attempt.draft);
      if (found.is === "absent" && !this.#isRequired(attempt.draft)) return proven();
      // Who is not enrolled is asked as well, so that nobody learns who is.
      const answer = await answerOf(attempt);
      if (answer === undefined)
        return refused(attempt.signal.aborted ? "the client left" : "the client gave no answer");
      const verdict = await this.#limit.attempt(user, () => this.#try(user, found, answer, attempt));
      return verdict === "limited" ? this.#refusedByLimit(user) : verdict;
    } catch (error) {
      this.#parts.log.error({ err: error, user }, "A one-time code could not be checked");
      return refused(`the code could not be checked: ${error instanceof Error ? error.message : "unknown"}`);
    }
  }

  async #try(user: string, found: Found, answer: string, attempt: AuthAttempt): Promise<Tried<Verdict>> {
    const secret = found.is === "there" ? found.secret : this.#decoy;
    const { now: clock, settings, recovery } = this.#parts;
    const now = clock();
    const code = readCode(answer, secret.digits);
    const steps = code === undefined ? [] : stepsOf(secret, code, now, settings.drift);
    if (found.is === "absent") return wrong("not enrolled for one-time codes");
    if (found.is === "broken") {
      this.#parts.log.error({ user, reason: found.reason }, "A secret for one-time codes cannot be used");
      return wrong(found.reason);
    }
    const letters = code === undefined ? readRecoveryCode(answer) : undefined;
    if (letters !== undefined && (await recovery.use(user, letters))) {
      const left = await recovery.count(user);
      this.#parts.log.warn({ user, left }, "A recovery code was used");
      return { counts: false, result: proven() };
    }
    // Some clients answer nothing again and again when they have no more to say. What is no code is no guess.
    if (code === undefined && letters === undefined) return { counts: false, result: refused("no code") };
    if (steps.length === 0) return wrong("wrong code");
    const claim = await this.#steps.take(user, steps, clientOf(attempt), now);
    // Nothing is guessed by a code that was used: parallel connections must not lock their user out.
    if (claim === "used" || claim === "older") return { counts: false, result: refused(reasons[claim]) };
    return { counts: false, result: proven() };
  }

  #isRequired({ groups = [] }: UserDraft): boolean {
    const { required } = this.#parts.settings;
    if (typeof required === "string") return required === "all";
    return required.groups.some((group) => groups.includes(group));
  }

  #refusedByLimit(user: string): Verdict {
    const { failures, failureWindowMs } = this.#parts.settings;
    const minutes = Math.ceil(failureWindowMs / 60_000);
    this.#parts.log.warn({ user }, "Too many wrong one-time codes; even right ones are refused for a while");
    return refused(`${failures} wrong codes within ${minutes} min: refused for a while, right or wrong`);
  }
}

/** Who codes may be used again by: the same software at the same address. */
export function clientOf({ connection }: Pick<AuthAttempt, "connection">): string {
  return `${connection.remoteAddress} ${connection.client}`.slice(0, 512);
}

async function answerOf(attempt: AuthAttempt<"keyboard-interactive">): Promise<string | undefined> {
  try {
    return (await attempt.ask(questions))[0];
  } catch {
    return undefined;
  }
}

function wrong(reason: string): Tried<Verdict> {
  return { counts: true, result: refused(reason) };
}
