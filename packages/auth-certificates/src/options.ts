import { z } from "zod";

/** Which principals may log in as a user. */
export type PrincipalsOf = (username: string) => readonly string[] | Promise<readonly string[]>;

/** Whom to trust, for whom, and what is revoked. */
export interface CertificatesOptions {
  /**
   * Public keys of the authorities that sign users' certificates: lines as in `.pub` files, or files of such lines, relative to the working
   * directory.
   */
  readonly authorities: readonly string[];
  /**
   * Which principals may log in as which user: one of a user's has to be in the certificate, and users who are not listed are refused.
   * @default the user's name alone
   */
  readonly principals?: Readonly<Record<string, readonly string[]>> | PrincipalsOf;
  /**
   * A file of what is revoked: a key revocation list as `ssh-keygen -k` makes it, or text with a key, fingerprint, `serial:` or `id:` a line.
   * @default nothing is revoked
   */
  readonly revoked?: string;
  /** Whether FIDO keys must be touched, also where a certificate has the extension `no-touch-required`. @default false */
  readonly requireTouch?: boolean;
  /** Whether only FIDO keys that verify their user, by a PIN or a fingerprint, may log in. @default false */
  readonly requireVerification?: boolean;
}

const names = z.array(z.string().min(1)).min(1);

/** The options with their defaults. */
export interface CheckedOptions {
  readonly authorities: readonly string[];
  readonly principals?: CertificatesOptions["principals"] | undefined;
  readonly revoked?: string | undefined;
  readonly requireTouch: boolean;
  readonly requireVerification: boolean;
}

/** Checks the options that are given. */
export const schema: z.ZodType<CheckedOptions> = z.strictObject({
  authorities: names,
  principals: z
    .union([
      z.record(z.string().min(1), names),
      z.custom<PrincipalsOf>((value) => typeof value === "function", "a map of lists, or a function, is needed"),
    ])
    .optional(),
  revoked: z.string().min(1).optional(),
  requireTouch: z.boolean().default(false),
  requireVerification: z.boolean().default(false),
});
