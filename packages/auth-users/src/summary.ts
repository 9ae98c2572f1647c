import { printable } from "@sluice/core";
import type { PasswordAlgorithm } from "./hash.ts";
import type { FileUser } from "./user.ts";

/** A user without secrets, for listings. */
export interface UserSummary {
  readonly name: string;
  /** How the password is hashed; `undefined` where there is none. */
  readonly password: PasswordAlgorithm | undefined;
  readonly keys: readonly KeySummary[];
  readonly home: string | undefined;
  readonly groups: readonly string[];
  readonly disabled: boolean;
  readonly expiresAt: Date | undefined;
}

/** One key of a user. The comment is fit for a terminal. */
export interface KeySummary {
  readonly type: string;
  readonly fingerprint: string;
  readonly comment: string;
  /** It does not log in itself: it certifies keys that do. */
  readonly isAuthority: boolean;
  readonly expiresAt: Date | undefined;
}

export function summaryOf({ name, password, keys, home, groups, disabled, expiresAt }: FileUser): UserSummary {
  return {
    name,
    password: password?.cost.algorithm,
    keys: keys.map(({ type, fingerprint, comment, authority, expiresAt: until }) => {
      const isAuthority = authority !== undefined;
      return { type, fingerprint, comment: printable(comment), isAuthority, expiresAt: until };
    }),
    home,
    groups,
    disabled,
    expiresAt,
  };
}
