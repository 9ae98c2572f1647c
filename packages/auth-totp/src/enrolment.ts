import type { Token } from "@sluice/core";

/** A secret that waits to be confirmed by a code of the app that was given it. Nothing is stored until then. */
export interface PendingEnrolment {
  readonly user: string;
  /** `otpauth://totp/…`, as apps read it from a QR code. */
  readonly uri: string;
  /** The secret in base32, to be typed by hand. */
  readonly secret: string;
  /**
   * Stores the secret if the code is right, in place of the one before; that one's recovery codes go with it. Resolves to whether it was right. The
   * code is used up by this.
   *
   * @throws EnrolmentError `changed` where the user was enrolled elsewhere meanwhile
   */
  readonly confirm: (code: string) => Promise<boolean>;
}

/** What is known of a user's one-time codes. */
export interface TotpStatus {
  readonly user: string;
  /** Absent where the user is not enrolled in the store. */
  readonly enrolledAt?: Date;
  /** Whether the keys given decrypt the secret, or there is none in the store. */
  readonly isReadable: boolean;
  readonly lastUsedAt?: Date;
  /** How many recovery codes are left. */
  readonly recoveryCodes: number;
  /** Wrong codes that count now. */
  readonly failures: number;
  /** Whether even right codes are refused now. */
  readonly isLimited: boolean;
}

/** Enrols users for one-time codes. The service of `@sluice/auth-totp`, for commands and for pages of one's own. */
export interface TotpEnrolment {
  /** Whether what is stored outlives the process. In memory, which is core's own store, it does not. */
  readonly isDurable: boolean;
  /**
   * Makes a secret.
   *
   * @param options `force`: although the user is enrolled
   * @throws EnrolmentError `enrolled`, `elsewhere` or `name`
   */
  enroll(user: string, options?: { readonly force?: boolean }): Promise<PendingEnrolment>;
  /**
   * Forgets the user's secret, recovery codes, wrong codes, and which code was used last. Resolves to whether there was a secret in the store.
   *
   * @throws EnrolmentError `name`
   */
  reset(user: string): Promise<boolean>;
  /**
   * Makes ten recovery codes in place of those that there are. They cannot be shown again.
   *
   * @throws EnrolmentError `notEnrolled`, `key` or `name`
   */
  recoveryCodes(user: string): Promise<readonly string[]>;
  /** @throws EnrolmentError `name` */
  status(user: string): Promise<TotpStatus>;
  /** Everybody who is enrolled in the store. */
  list(): AsyncIterable<TotpStatus>;
}

/**
 * The service of that name.
 *
 * @example
 * await server.ready();
 * const enrolment = await server.services.get(TotpEnrolment).enroll("alice");
 */
// Shared by all copies of this package in a process: the command's own, and that of the configuration that it loads.
export const TotpEnrolment: Token<TotpEnrolment> = {
  key: Symbol.for("@sluice/auth-totp enrolment"),
  name: "auth-totp.enrolment",
};

/** Why an enrolment cannot be. */
export type EnrolmentProblem = "enrolled" | "notEnrolled" | "elsewhere" | "changed" | "key" | "name";

/** Thrown by `TotpEnrolment`. The message is for people. */
export class EnrolmentError extends Error {
  readonly problem: EnrolmentProblem;

  constructor(problem: EnrolmentProblem, message: string) {
    super(message);
    this.name = "EnrolmentError";
    this.problem = problem;
  }
}
