import { proven, refused, unknown, type AuthAttempt, type AuthMethod, type Verdict } from "@sluice/core";
import { barred } from "./account.ts";
import { decide, isAskable } from "./attempt.ts";
import type { Directory } from "./directory.ts";
import { draftOf } from "./draft.ts";
import { shutOut } from "./groups.ts";
import { keysOf } from "./key.ts";
import type { Tracker } from "./recheck.ts";

/** Proves the factor `ldap-keys` by the public keys that a user's entry holds. */
export function keysMethod(directory: Directory, tracker: Tracker): AuthMethod<"publickey"> {
  return {
    name: "ldap-keys",
    mechanism: "publickey",
    async verify(attempt) {
      if (!isAskable(attempt.username)) return unknown();
      const { loginMs } = directory.settings;
      return decide(attempt, loginMs, (signal) => verify(directory, tracker, attempt, signal));
    },
  };
}

async function verify(
  directory: Directory,
  tracker: Tracker,
  attempt: AuthAttempt<"publickey">,
  signal: AbortSignal,
): Promise<Verdict> {
  const { settings } = directory;
  const person = await directory.find(attempt.username, signal);
  if (person === undefined) return unknown();
  const keys = keysOf(person.entry, settings.attributes.keys);
  if (keys.length === 0) return unknown();
  // By its bytes: nothing of the client's key is parsed here.
  if (!keys.some((key) => key.equals(attempt.key.blob))) return refused("key not authorised");
  const bar = barred(person.entry, Date.now());
  if (bar !== undefined) return refused(bar);
  const groups = await directory.groups(person, signal);
  const shut = settings.groups === undefined ? undefined : shutOut(settings.groups, groups);
  if (shut !== undefined) return refused(shut);
  const draft = draftOf(settings, person.entry, person.name, groups);
  tracker.track(attempt.connection, person);
  return proven(draft);
}
