import { z } from "zod";
import type { KeySource } from "./keyring.ts";

/** The hash that codes are made with (RFC 6238, section 1.2). Many apps know `sha1` only, whatever they are told. */
export type TotpAlgorithm = "sha1" | "sha256" | "sha512";

/** Who has to prove a code. Whoever is enrolled is always asked. */
export type TotpRequirement = "all" | "enrolled" | { readonly groups: readonly string[] };

/** How one-time codes are asked for, kept and limited. */
export interface TotpOptions {
  /**
   * What secrets are encrypted with in the store: 32 bytes in base64 or hex, as text, in a file or in a variable of the environment. Of several
   * keys the first encrypts and all decrypt. Required, unless secrets come from a claim; then recovery codes need it.
   */
  readonly key?: KeySource | readonly KeySource[] | undefined;
  /**
   * The claim that holds a user's secret in base32, as an earlier factor such as a directory tells it. Users never have it
   * among their claims, whichever factors let them in. Absent: secrets are in the store.
   */
  readonly claim?: string | undefined;
  /**
   * `all`: who is not enrolled is refused, though asked all the same. `enrolled`: who is not enrolled passes without being asked. `groups`: users in
   * these must be enrolled, others need not.
   *
   * @default "all"
   */
  readonly required?: TotpRequirement | undefined;
  /**
   * Where the code is typed. `append`: behind the password, for clients that have no keyboard-interactive. `both`: in either place.
   *
   * @default "keyboard-interactive"
   */
  readonly mode?: "keyboard-interactive" | "append" | "both" | undefined;
  /** What apps show beside the user's name. @default "Sluice" */
  readonly issuer?: string | undefined;
  /** Length of the codes of new enrolments, and of secrets from a claim. @default 6 */
  readonly digits?: 6 | 7 | 8 | undefined;
  /** Of new enrolments, and of secrets from a claim. @default "sha1" */
  readonly algorithm?: TotpAlgorithm | undefined;
  /** How many seconds a code is shown, of new enrolments, and of secrets from a claim; 15 to 300. @default 30 */
  readonly period?: number | undefined;
  /** How many periods a code may be early or late; 0 to 10. @default 1 */
  readonly drift?: number | undefined;
  /** Wrong codes of one user within `failureWindowMs`; beyond, even right ones are refused. @default 5 */
  readonly failures?: number | undefined;
  /** @default 900000 */
  readonly failureWindowMs?: number | undefined;
  /**
   * For how many milliseconds the code used last is good again for the same client software at the same address: for clients that open several
   * connections at once. At most 300000.
   *
   * @default 0
   */
  readonly parallelMs?: number | undefined;
  /** The shortest secret that is taken from a claim, in bytes; 10 to 64. @default 16 */
  readonly minSecretBytes?: number | undefined;
}

/** The options with their defaults. */
export interface TotpSettings {
  readonly keys: readonly KeySource[];
  readonly claim: string | undefined;
  readonly required: TotpRequirement;
  readonly mode: "keyboard-interactive" | "append" | "both";
  readonly issuer: string;
  readonly digits: 6 | 7 | 8;
  readonly algorithm: TotpAlgorithm;
  readonly period: number;
  readonly drift: number;
  readonly failures: number;
  readonly failureWindowMs: number;
  readonly parallelMs: number;
  readonly minSecretBytes: number;
}

const name = z.string().min(1);
const keySource = z.union([name, z.strictObject({ file: name }), z.strictObject({ env: name })], {
  error: "expected a key as text, { file } or { env }",
});
const requirement = z.union([z.enum(["all", "enrolled"]), z.strictObject({ groups: z.array(name).min(1) })], {
  error: 'expected "all", "enrolled" or { groups }',
});
const whole = (least: number, most: number): z.ZodNumber => z.int().min(least).max(most);

/** Checks the options, from code and from configuration files alike. */
export const totpOptions: z.ZodType<TotpSettings, TotpOptions> = z
  .strictObject({
    key: z.union([keySource, z.array(keySource).min(1)], { error: "expected a key, or several" }).optional(),
    claim: name.optional(),
    required: requirement.default("all"),
    mode: z.enum(["keyboard-interactive", "append", "both"]).default("keyboard-interactive"),
    // Apps split at the colon, and one in the issuer would move the border to the user's name.
    issuer: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[^:]*$/, "must not hold a colon")
      .default("Sluice"),
    digits: z.literal([6, 7, 8]).default(6),
    algorithm: z.enum(["sha1", "sha256", "sha512"]).default("sha1"),
    period: whole(15, 300).default(30),
    drift: whole(0, 10).default(1),
    failures: whole(1, 100).default(5),
    failureWindowMs: whole(1000, 86_400_000).default(900_000),
    parallelMs: whole(0, 300_000).default(0),
    minSecretBytes: whole(10, 64).default(16),
  })
  .refine(({ key, claim }) => key !== undefined || claim !== undefined, {
    path: ["key"],
    message: 'is needed to encrypt secrets; make a file with "openssl rand -base64 32" and give { file }',
  })
  .refine(({ mode, claim }) => mode !== "both" || claim === undefined, {
    path: ["mode"],
    message: '"both" looks up the secret before the password is proven, and a claim is known after it; choose "append"',
  })
  .transform(({ key, claim, ...settings }) => ({
    ...settings,
    claim,
    keys: key === undefined ? [] : [key].flat(),
  }));
