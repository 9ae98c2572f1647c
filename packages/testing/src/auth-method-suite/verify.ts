import assert from "node:assert/strict";
import type { AuthMethod, Mechanism, Verdict } from "@sluice/core";
import { authAttempt, type AuthSample } from "./attempt.ts";

/** What a method says of a sample. @throws AssertionError where that is no verdict */
export async function verdictOf<M extends Mechanism>(
  method: AuthMethod<M>,
  sample: AuthSample<M>,
  signal?: AbortSignal,
): Promise<Verdict> {
  const attempt = authAttempt(method.mechanism, sample, signal === undefined ? {} : { signal });
  const verdict: unknown = await method.verify(attempt);
  assert.ok(typeof verdict === "object" && verdict !== null, "a verdict is an object");
  const { is, user, reason, prompt } = verdict as Partial<Record<"is" | "user" | "reason" | "prompt", unknown>>;
  const kinds: readonly unknown[] = ["proven", "refused", "unknown", "changeRequired"];
  assert.ok(kinds.includes(is), "a verdict is proven, refused, changeRequired or unknown");
  if (is === "changeRequired") {
    assert.equal(method.mechanism, "password", "only passwords can be asked to be changed");
    assert.ok(typeof prompt === "string" && prompt !== "", "the client shows a prompt");
  }
  if (is === "proven") assert.ok(typeof user === "object" && user !== null, "what is proven is a user");
  if (is === "refused") assert.ok(typeof reason === "string" && reason !== "", "a refusal has a reason");
  return verdict as Verdict;
}

/** @throws AssertionError where the sample is proven, or not answered */
export async function neverProven<M extends Mechanism>(method: AuthMethod<M>, sample: AuthSample<M>): Promise<void> {
  const name = JSON.stringify(sample.username.slice(0, 80));
  let verdict: Verdict;
  try {
    verdict = await verdictOf(method, sample);
  } catch (error) {
    throw new assert.AssertionError({ message: `${name} was not answered: ${String(error)}` });
  }
  assert.notEqual(verdict.is, "proven", `${name} was proven`);
}
