import type { SftpPath } from "@sluice/core";
import type { PasswordHash } from "./hash.ts";
import type { AuthorizedKey } from "./key.ts";

/** A user as the file describes them. */
export interface FileUser {
  /** In canonical form (NFC). */
  readonly name: string;
  readonly password: PasswordHash | undefined;
  readonly keys: readonly AuthorizedKey[];
  /** Where sessions start. */
  readonly home: SftpPath | undefined;
  readonly groups: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly disabled: boolean;
  /** From then on the user is refused. */
  readonly expiresAt: Date | undefined;
}

/** Why this user is refused whatever they can prove, if they are. */
export function barred(user: FileUser, now: number): string | undefined {
  if (user.disabled) return "disabled";
  return user.expiresAt !== undefined && now >= user.expiresAt.getTime() ? "expired" : undefined;
}
