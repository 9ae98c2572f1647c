import assert from "node:assert/strict";
import type { AuthMethod, Mechanism, UserDraft } from "@sluice/core";
import { applicable, type Exceptions } from "./applicable.ts";
import { authAttempt, type AuthSample } from "./auth-method-suite/attempt.ts";
import { contractCases, type ContractCase } from "./auth-method-suite/contracts.ts";
import { oddCredentials, oddNames, variantsOf } from "./auth-method-suite/odd.ts";
import { neverProven, verdictOf } from "./auth-method-suite/verify.ts";
import type { SuiteCase } from "./file-system-suite.ts";

export { authAttempt, type AttemptOptions, type AuthSample } from "./auth-method-suite/attempt.ts";

/** A method under test, whom it knows, and how to clear up behind it. */
export interface AuthMethodUnderTest<M extends Mechanism> {
  readonly method: AuthMethod<M>;
  /** Who can prove this factor. Each case tries it once, so that a one-time code will do. */
  readonly good: AuthSample<M>;
  /** The same user, or others, with what is wrong. At least one. */
  readonly wrong: readonly AuthSample<M>[];
  /** Another user who can prove this factor: shows that overlapping attempts are kept apart. */
  readonly other?: AuthSample<M>;
  /** Of a password method that has passwords changed: a right one that has to be, and what it may be changed to. Each case changes it once. */
  readonly expired?: { readonly username: string; readonly password: string; readonly newPassword: string };
  /** Of a method with `detach`: a password with right answers at its end, and what is left of it without. Each case takes it apart once. */
  readonly appended?: { readonly username: string; readonly password: string; readonly left: string };
  /** Gives back what `create` made. */
  close?(): Promise<void>;
}

/** Options of `authMethodSuite`. */
export interface AuthMethodSuiteOptions<M extends Mechanism> {
  /** Called once for each case. */
  create(): Promise<AuthMethodUnderTest<M>>;
  /** Cases that do not apply to this method, by name, each with the reason: the suite is without them. @default {} */
  readonly except?: Exceptions;
}

const cases: readonly ContractCase[] = [
  {
    name: "the method has a factor's name and a mechanism",
    async check({ method }) {
      assert.match(method.name, /^[a-z0-9][a-z0-9-]*$/, "the name is lower case, as policies write it");
      assert.ok(["password", "publickey", "keyboard-interactive"].includes(method.mechanism));
    },
  },
  {
    name: "good credentials are proven",
    async check({ method, good }) {
      assert.equal((await verdictOf(method, good)).is, "proven");
    },
  },
  {
    name: "what is proven describes a user by fields of the right types",
    async check({ method, good }) {
      const verdict = await verdictOf(method, good);
      assert.ok(verdict.is === "proven");
      checkDraft(verdict.user);
    },
  },
  {
    name: "wrong credentials are refused or unknown",
    async check({ method, wrong }) {
      assert.ok(wrong.length > 0, "the suite needs at least one wrong sample");
      for (const sample of wrong) await neverProven(method, sample);
    },
  },
  {
    name: "wrong credentials stay wrong after good ones",
    async check({ method, good, wrong }) {
      await verdictOf(method, good);
      for (const sample of wrong) await neverProven(method, sample);
    },
  },
  {
    name: "a reason does not repeat the secret",
    async check({ method, wrong }) {
      for (const sample of wrong) {
        const verdict = await verdictOf(method, sample);
        const secret = (sample.credentials as { readonly password?: string }).password ?? "";
        // A short one may be part of any sentence.
        if (verdict.is === "refused" && secret.length >= 6) assert.ok(!verdict.reason.includes(secret));
      }
    },
  },
  {
    name: "good credentials under an unknown name are not proven",
    async check({ method, good }) {
      await neverProven(method, { ...good, username: `${good.username}-is-not-here` });
    },
  },
  {
    name: "odd names are answered, and never proven",
    async check({ method, good }) {
      for (const username of [...oddNames, ...variantsOf(good.username)])
        await neverProven(method, { ...good, username });
    },
  },
  {
    name: "odd credentials are answered, and never proven",
    async check({ method, good }) {
      for (const credentials of oddCredentials(method.mechanism, good.credentials)) {
        await neverProven(method, { username: good.username, credentials });
      }
    },
  },
  {
    name: "overlapping attempts do not mix",
    async check({ method, good, wrong, other }) {
      const strangers = [...wrong, ...wrong, ...wrong].map((sample) => neverProven(method, sample));
      const proofs = [good, ...(other === undefined ? [] : [other])].map(async (sample) => {
        const verdict = await verdictOf(method, sample);
        assert.ok(verdict.is === "proven", `${sample.username} is proven beside other attempts`);
        assert.equal(verdict.user.name ?? sample.username, sample.username.normalize("NFC"));
      });
      await Promise.all([...strangers, ...proofs]);
    },
  },
  {
    name: "an attempt whose client has left settles",
    async check({ method, good, wrong }) {
      await settled(method, good, AbortSignal.abort(new Error("The client left")));
      for (const sample of wrong) await neverProven(method, sample);
    },
  },
  {
    name: "an attempt whose client leaves meanwhile settles",
    async check({ method, good, wrong }) {
      const client = new AbortController();
      const settling = settled(method, good, client.signal);
      client.abort(new Error("The client left"));
      await settling;
      for (const sample of wrong) await neverProven(method, sample);
    },
  },
  ...contractCases,
];

/**
 * The tests that hold an authentication method to the contract of `AuthMethod`: good credentials are proven and others never, odd
 * names and credentials are answered rather than thrown at, attempts that overlap or are abandoned do no harm. Each case makes a
 * method of its own.
 *
 * @throws TypeError if `except` names a case that does not exist.
 *
 * @example
 * runSuite("my method", authMethodSuite({
 *   create: async () => ({
 *     method: new MyMethod({ alice: "correct horse" }),
 *     good: { username: "alice", credentials: { password: "correct horse" } },
 *     wrong: [{ username: "alice", credentials: { password: "battery staple" } }],
 *   }),
 * }), { describe, it });
 */
export function authMethodSuite<M extends Mechanism>(options: AuthMethodSuiteOptions<M>): readonly SuiteCase[] {
  return applicable("authMethodSuite", cases, options.except).map(({ name, check }) => ({
    name,
    async run() {
      const subject = await options.create();
      try {
        await check(subject);
      } finally {
        await subject.close?.();
      }
    },
  }));
}

/** With a client that is gone any answer will do, a rejection as well; none at all will not. */
async function settled<M extends Mechanism>(
  method: AuthMethod<M>,
  sample: AuthSample<M>,
  signal: AbortSignal,
): Promise<void> {
  const attempt = authAttempt(method.mechanism, sample, { signal });
  await Promise.allSettled([(async () => method.verify(attempt))()]);
}

function checkDraft({ name, home, groups, claims }: UserDraft): void {
  if (name !== undefined) assert.ok(typeof name === "string" && name !== "", "name is text");
  if (home !== undefined) assert.ok(typeof home === "string" && home.startsWith("/"), "home is an absolute path");
  if (groups !== undefined) {
    assert.ok(Array.isArray(groups) && groups.every((group) => typeof group === "string"), "groups are names");
  }
  if (claims === undefined) return;
  assert.ok(typeof claims === "object" && claims !== null && !Array.isArray(claims), "claims are an object");
  assert.ok(!Object.hasOwn(claims, "__proto__"), "no claim is called __proto__");
}
