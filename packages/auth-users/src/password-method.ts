import { proven, refused, unknown, type AuthAttempt, type AuthMethod, type Verdict } from "@sluice/core";
import type { Directory } from "./directory.ts";
import { GateFull } from "./gate.ts";
import { draftOf } from "./draft.ts";
import { verifyPassword } from "./password.ts";
import { barred } from "./user.ts";

/** Proves the factor `password` by the hashes of a users file. */
export function passwordMethod(directory: Directory): AuthMethod<"password"> {
  return { name: "password", mechanism: "password", verify: (attempt) => verify(directory, attempt) };
}

async function verify(directory: Directory, attempt: AuthAttempt<"password">): Promise<Verdict> {
  const user = directory.find(attempt.username);
  // Whoever is unknown, without a password, disabled or expired costs the same work as whoever is not: the time tells nothing.
  const hash = user?.password ?? directory.decoy(attempt.username);
  const right = await check(hash, attempt);
  if (typeof right !== "boolean") return right;
  if (user?.password === undefined) return unknown();
  const bar = barred(user, Date.now());
  if (bar !== undefined) return refused(bar);
  return right ? proven(draftOf(user)) : refused("wrong password");
}

async function check(
  hash: Parameters<typeof verifyPassword>[0],
  { password, signal }: AuthAttempt<"password">,
): Promise<boolean | Verdict> {
  try {
    return await verifyPassword(hash, password, signal);
  } catch (error) {
    if (error instanceof GateFull) return refused("too many password checks are waiting");
    if (signal.aborted) return refused("the client left");
    throw error;
  }
}
