import { randomBytes } from "node:crypto";
import { isMemoryStore } from "@sluice/core";
import { generateURI } from "otplib";
import { readCode, stepsOf, type Secret } from "./code.ts";
import { canonical } from "./entries.ts";
import { EnrolmentError, type PendingEnrolment, type TotpEnrolment, type TotpStatus } from "./enrolment.ts";
import type { FactorParts } from "./factor.ts";
import { Limit } from "./limit.ts";
import { base32Of, type StoredSecrets } from "./secrets.ts";
import { UsedSteps } from "./used-steps.ts";

/** What the registrar works with. `stored` is absent where secrets come from a claim. */
export interface RegistrarParts extends Omit<FactorParts, "secrets"> {
  readonly stored: StoredSecrets | undefined;
  /** Ids of the keys given. */
  readonly keys: readonly string[];
}

// As RFC 4226, section 4, recommends.
const secretBytes = 20;
const maxNameBytes = 255;

/** Enrols users in the store. */
export class Registrar implements TotpEnrolment {
  readonly isDurable: boolean;
  readonly #parts: RegistrarParts;
  readonly #steps: UsedSteps;
  readonly #limit: Limit;
  readonly #lookups: Limit;

  constructor(parts: RegistrarParts) {
    const { store, settings } = parts;
    this.#parts = parts;
    this.isDurable = !isMemoryStore(store);
    this.#steps = new UsedSteps(store, settings);
    this.#limit = new Limit(store, "failures", settings);
    this.#lookups = new Limit(store, "lookups", settings);
  }

  async enroll(name: string, { force = false }: { readonly force?: boolean } = {}): Promise<PendingEnrolment> {
    const user = checkedName(name);
    const { stored, settings } = this.#parts;
    if (stored === undefined) {
      throw new EnrolmentError(
        "elsewhere",
        `Secrets come from the claim "${settings.claim}"; enrol users where it is kept`,
      );
    }
    const before = await stored.text(user);
    if (before !== undefined && !force) throw new EnrolmentError("enrolled", `${user} is enrolled already`);
    const { algorithm, digits, period, issuer, drift } = settings;
    const secret: Secret = { bytes: randomBytes(secretBytes), algorithm, digits, period };
    const text = base32Of(secret.bytes);
    return {
      user,
      secret: text,
      uri: generateURI({ issuer, label: user, secret: text, algorithm, digits, period }),
      confirm: async (answer) => {
        const now = this.#parts.now();
        const code = readCode(answer, digits);
        const step = code === undefined ? undefined : stepsOf(secret, code, now, drift).at(-1);
        if (step === undefined) return false;
        if (!(await stored.put(user, secret, before, now))) {
          throw new EnrolmentError("changed", `${user} was enrolled elsewhere meanwhile; this secret is not in force`);
        }
        await this.#steps.restart(user, step, now);
        await this.#forgetTries(user);
        return true;
      },
    };
  }

  async reset(name: string): Promise<boolean> {
    const user = checkedName(name);
    const was = (await this.#parts.stored?.delete(user)) ?? false;
    await this.#steps.forget(user);
    await this.#forgetTries(user);
    return was;
  }

  async recoveryCodes(name: string): Promise<readonly string[]> {
    const user = checkedName(name);
    const { stored, keys, recovery } = this.#parts;
    if (keys.length === 0) throw new EnrolmentError("key", 'Recovery codes need the option "key"');
    if (stored !== undefined && (await stored.enrolled(user)) === undefined) {
      throw new EnrolmentError("notEnrolled", `${user} is not enrolled`);
    }
    return recovery.replace(user);
  }

  async status(name: string): Promise<TotpStatus> {
    const user = checkedName(name);
    const { stored, keys, recovery, settings } = this.#parts;
    const enrolled = await stored?.enrolled(user);
    const last = await this.#steps.last(user);
    const failures = await this.#limit.count(user);
    return {
      user,
      ...(enrolled === undefined ? {} : { enrolledAt: new Date(enrolled.enrolledAt) }),
      isReadable: enrolled === undefined || keys.includes(enrolled.key),
      ...(last === undefined ? {} : { lastUsedAt: new Date(last.at) }),
      recoveryCodes: await recovery.count(user),
      failures: Math.min(failures, settings.failures),
      isLimited: failures >= settings.failures,
    };
  }

  async *list(): AsyncGenerator<TotpStatus> {
    for await (const { user } of this.#parts.stored?.list() ?? []) yield this.status(user);
  }

  async #forgetTries(user: string): Promise<void> {
    await this.#parts.recovery.clear(user);
    await this.#limit.clear(user);
    await this.#lookups.clear(user);
  }
}

/** The name as logins bring it. Nobody could log in by another. */
function checkedName(name: string): string {
  const user = canonical(name);
  const isInvisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffd]/u.test(user);
  if (user === "" || Buffer.byteLength(user) > maxNameBytes || isInvisible) {
    throw new EnrolmentError("name", "A user's name has 1 to 255 bytes, without invisible characters");
  }
  return user;
}
