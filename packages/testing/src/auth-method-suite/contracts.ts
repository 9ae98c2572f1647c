import assert from "node:assert/strict";
import type { AuthMethod, Mechanism } from "@sluice/core";
import type { AuthMethodUnderTest } from "../auth-method-suite.ts";
import { authAttempt } from "./attempt.ts";
import { neverProven, verdictOf } from "./verify.ts";

/** One case of the suite. */
export interface ContractCase {
  readonly name: string;
  readonly check: <M extends Mechanism>(subject: AuthMethodUnderTest<M>) => Promise<void>;
}

/** What holds for methods that change passwords, and for those that take answers off their end. A method without these has nothing to show. */
export const contractCases: readonly ContractCase[] = [
  {
    name: "a new password is not set, nor anything proven, by a wrong old one",
    async check({ method: subject, wrong }) {
      const method = passwordMethod(subject);
      if (method === undefined) return;
      for (const sample of wrong) {
        const { password } = sample.credentials as { readonly password: string };
        const credentials = { password, newPassword: "never to be set 7!" };
        await neverProven(method, { username: sample.username, credentials });
        await neverProven(method, { username: sample.username, credentials: { password: credentials.newPassword } });
      }
    },
  },
  {
    name: "a password that has to be changed proves nothing until it is, and nothing after",
    async check({ method: subject, expired }) {
      if (expired === undefined) return;
      const method = passwordMethod(subject);
      assert.ok(method !== undefined, "only passwords can be changed");
      const { username, password, newPassword } = expired;
      assert.equal((await verdictOf(method, { username, credentials: { password } })).is, "changeRequired");
      await neverProven(method, { username, credentials: { password: newPassword } });
      const changed = await verdictOf(method, { username, credentials: { password, newPassword } });
      assert.equal(changed.is, "proven", "the new password is set, and the factor proven by it");
      await neverProven(method, { username, credentials: { password } });
      assert.equal((await verdictOf(method, { username, credentials: { password: newPassword } })).is, "proven");
    },
  },
  {
    name: "answers at the end of a password are taken off, and prove the factor",
    async check({ method: subject, appended }) {
      if (appended === undefined) return;
      const method = askingMethod(subject);
      assert.ok(method !== undefined, "only a method that asks has answers to take off");
      const { username, password, left } = appended;
      const detached = await method.detach?.(authAttempt("password", { username, credentials: { password } }));
      assert.ok(detached !== undefined, "the answers are seen");
      assert.equal(detached.password, left);
      const ask = async (): Promise<readonly string[]> => detached.answers;
      assert.equal((await verdictOf(method, { username, credentials: { ask } })).is, "proven");
    },
  },
  {
    name: "what is taken off a password leaves its beginning, and odd ones are answered",
    async check({ method: subject, good }) {
      const method = askingMethod(subject);
      if (method?.detach === undefined) return;
      for (const username of [good.username, `${good.username}-is-not-here`, "__proto__"]) {
        for (const password of ["", " ", "x", "123456", "x123456", "1".repeat(1024), "ß".repeat(512), "x١٢٣٤٥٦"]) {
          const detached = await method.detach(authAttempt("password", { username, credentials: { password } }));
          if (detached === undefined) continue;
          assert.ok(password.startsWith(detached.password), "what is left is the password's beginning");
          assert.ok(detached.answers.length > 0 && detached.answers.every((answer) => typeof answer === "string"));
        }
      }
    },
  },
];

function passwordMethod(method: { readonly mechanism: Mechanism }): AuthMethod<"password"> | undefined {
  return method.mechanism === "password" ? (method as AuthMethod<"password">) : undefined;
}

function askingMethod(method: { readonly mechanism: Mechanism }): AuthMethod<"keyboard-interactive"> | undefined {
  return method.mechanism === "keyboard-interactive" ? (method as AuthMethod<"keyboard-interactive">) : undefined;
}
