import { proven, refused, unknown, type AuthAttempt, type AuthMethod, type Verdict } from "@sluice/core";
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
  // By its bytes, and nothing else of the client's key is looked at: only what is authorised has been parsed.
  const key = user.keys.find(({ blob }) => blob.equals(attempt.key.blob));
  const now = Date.now();
  const bar = barred(user, now);
  if (bar !== undefined) return refused(bar);
  if (key === undefined) return refused("key not authorised");
  const limit = limited(key, attempt.connection.remoteAddress, now);
  return limit === undefined ? proven(draftOf(user)) : refused(limit);
}

/** Why the key does not count here and now, if it does not. */
function limited({ expiresAt, from }: AuthorizedKey, remoteAddress: string, now: number): string | undefined {
  if (expiresAt !== undefined && now > expiresAt.getTime()) return "key expired";
  return from === undefined || from.allows(remoteAddress) ? undefined : "address not allowed by from=";
}
