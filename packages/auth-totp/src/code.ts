import { timingSafeEqual } from "node:crypto";
import { createGuardrails, generateSync } from "otplib";
import type { TotpAlgorithm } from "./options.ts";

/** What an app and the server share about one user. */
export interface Secret {
  readonly bytes: Uint8Array;
  readonly algorithm: TotpAlgorithm;
  readonly digits: 6 | 7 | 8;
  /** Seconds. */
  readonly period: number;
}

/** The shortest secret that any option allows. */
export const leastSecretBytes = 10;
const guardrails = createGuardrails({ MIN_SECRET_BYTES: leastSecretBytes });

/** The step that is shown at a time (RFC 6238, section 4.2). */
export function stepAt(secret: Secret, now: number): number {
  return Math.floor(now / 1000 / secret.period);
}

/** The code of a step. */
export function codeOf({ bytes, algorithm, digits, period }: Secret, step: number): string {
  return generateSync({ secret: bytes, algorithm, digits, period, epoch: step * period, guardrails });
}

/**
 * The steps around `now` whose code this is, earliest first. All are compared, in constant time each, so that the time tells nothing of which one.
 *
 * @param drift how many steps a code may be early or late
 */
export function stepsOf(secret: Secret, code: string, now: number, drift: number): number[] {
  const given = Buffer.from(code);
  if (given.length !== secret.digits) return [];
  const current = stepAt(secret, now);
  const found: number[] = [];
  for (let step = Math.max(0, current - drift); step <= current + drift; step++) {
    if (timingSafeEqual(Buffer.from(codeOf(secret, step)), given)) found.push(step);
  }
  return found;
}

/** An answer as a code: ASCII digits without the spaces that apps show. `undefined` where it is none. */
export function readCode(answer: string, digits: number): string | undefined {
  if (answer.length > 64) return undefined;
  const code = answer.replaceAll(/\s/g, "");
  return code.length === digits && /^[0-9]+$/.test(code) ? code : undefined;
}
