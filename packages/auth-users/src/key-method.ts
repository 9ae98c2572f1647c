import {
  proven,
  refused,
  unknown,
  type AuthAttempt,
  type AuthMethod,
  type Certificate,
  type KeyDemands,
  type PublicKey,
  type Verdict,
} from "@sluice/core";
import type { Directory } from "./directory.ts";
import { draftOf } from "./draft.ts";
import type { AuthorizedKey } from "./key.ts";
import { barred } from "./user.ts";

/** Proves the factor `authorized-keys` by the keys of a users file. */
export function keyMethod(directory: Directory): AuthMethod<"publickey"> {
  return { name: "authorized-keys", mechanism: "publickey", verify: (attempt) => verify(directory, attempt) };
}

function verify(directory: Directory, attempt: AuthAttempt<"publickey">): Verdict {
  const user = directory.find(attempt.username);
  if (user === undefined || user.keys.length === 0) return unknown();
  const key = user.keys.find((authorised) => isMeant(authorised, attempt.key));
  const now = Date.now();
  const bar = barred(user, now);
  if (bar !== undefined) return refused(bar);
  if (key === undefined) {
    // A certificate may be of an authority that another method trusts for everybody.
    return attempt.key.certificate === undefined ? refused("key not authorised") : unknown();
  }
  const limit = limited(key, attempt.connection.remoteAddress, now) ?? unnamed(key, attempt.key.certificate, user.name);
  return limit === undefined ? proven(draftOf(user), demandsOf(key)) : refused(limit);
}

function demandsOf({ touchRequired, verifyRequired, authority, blob }: AuthorizedKey): KeyDemands {
  const demands = { touch: touchRequired, verification: verifyRequired };
  return authority === undefined ? demands : { ...demands, authority: blob };
}

/** By its bytes, and nothing else of a plain key is looked at: only what is authorised has been parsed. Authorities do not log in themselves. */
function isMeant({ blob, authority }: AuthorizedKey, { blob: offered, certificate }: PublicKey): boolean {
  if (certificate === undefined) return authority === undefined && blob.equals(offered);
  return authority !== undefined && blob.equals(certificate.authority.blob);
}

/** Why a certificate is not this user's, if it is not. */
function unnamed(
  { authority }: AuthorizedKey,
  certificate: Certificate | undefined,
  username: string,
): string | undefined {
  if (certificate === undefined) return undefined;
  const wanted = authority?.principals ?? [username];
  const named = certificate.principals.some((principal) => wanted.includes(principal.normalize("NFC")));
  return named ? undefined : "the certificate is for no principal that may log in as this user";
}

/** Why the key does not count here and now, if it does not. */
function limited({ expiresAt, from }: AuthorizedKey, remoteAddress: string, now: number): string | undefined {
  if (expiresAt !== undefined && now > expiresAt.getTime()) return "key expired";
  return from === undefined || from.allows(remoteAddress) ? undefined : "address not allowed by from=";
}
