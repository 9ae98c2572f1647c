import { Control } from "ldapts";
import { elementsIn, integerOf, Tag } from "./ber.ts";

/** What a password policy has against a login (draft-behera-ldap-password-policy-10, section 6.2). */
export type PolicyError = "passwordExpired" | "accountLocked" | "changeAfterReset" | "other";

const errors: readonly PolicyError[] = ["passwordExpired", "accountLocked", "changeAfterReset"];

/** Asks with a bind what the password policy says. Good for one bind. */
export class PolicyControl extends Control {
  #error: PolicyError | undefined;

  constructor() {
    super("1.3.6.1.4.1.42.2.27.8.5.1");
  }

  get error(): PolicyError | undefined {
    return this.#error;
  }

  /** PasswordPolicyResponseValue: a warning, which lets the login pass, and an error, both optional. */
  override parse(reader: { readonly remainingBuffer: Buffer }): void {
    const bytes = reader.remainingBuffer;
    const [value] = elementsIn(bytes, { start: 0, end: bytes.length });
    if (value?.tag !== Tag.sequence) return;
    const error = elementsIn(bytes, value).find(({ tag }) => tag === 0x81);
    if (error !== undefined) this.#error = errors[integerOf(bytes, error)] ?? "other";
  }
}
