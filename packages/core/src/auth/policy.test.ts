import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { proven, type AuthMethod, type AuthPolicy, type Mechanism } from "./method.ts";
import { Policy } from "./policy.ts";

const method = (name: string, mechanism: Mechanism): AuthMethod => ({ name, mechanism, verify: () => proven() });
const ldap = method("ldap", "password");
const users = method("users", "password");
const totp = method("totp", "keyboard-interactive");
const keys = method("keys", "publickey");
const usersKey = method("users", "publickey");
const all = [ldap, users, totp, keys, usersKey];

const refused = (message: string): unknown => expect.objectContaining({ code: "ERR_SLUICE_AUTH_POLICY", message });

describe("Policy", () => {
  it("lets the only method suffice where nothing is said", () => {
    const policy = new Policy(undefined, [ldap]);
    expect(policy.describe()).toEqual(["ldap"]);
    expect(policy.next([])).toEqual([ldap]);
    expect(policy.isSatisfied([])).toBe(false);
    expect(policy.isSatisfied(["ldap"])).toBe(true);
  });

  it("counts a name with several mechanisms as one method", () => {
    const policy = new Policy(undefined, [users, usersKey]);
    expect(policy.next([])).toEqual([users, usersKey]);
    expect(policy.mechanisms([])).toEqual(["password", "publickey"]);
  });

  it("refuses to guess among several methods: a one-time code alone would log in", () => {
    expect(() => new Policy(undefined, [ldap, totp])).toThrow(
      refused(
        'Several authentication methods are registered, so "auth" must say which suffice, such as auth: [["ldap"], ["totp"]]',
      ),
    );
  });

  it.each<[string, AuthPolicy | undefined, readonly AuthMethod[], string]>([
    ["no methods", undefined, [], "Nobody can log in: register an authentication method"],
    ["no methods and a policy", [["ldap"]], [], "Nobody can log in: register an authentication method"],
    ["no alternatives", [], [ldap], "auth: at least one alternative is needed"],
    ["an empty alternative", [["ldap"], []], [ldap], "auth.1: at least one factor is needed"],
    [
      "a name that no method has",
      [["ldap"], ["ldap", "top"]],
      [ldap, totp],
      'auth.1: no registered method is named "top"; there are: ldap, totp',
    ],
    [
      "a name that every object has",
      [["constructor"]],
      [ldap],
      'auth.0: no registered method is named "constructor"; there are: ldap',
    ],
    [
      "one factor twice",
      [["ldap", "totp", "ldap"]],
      [ldap, totp],
      "auth.0: a factor stands twice; proving it again proves nothing",
    ],
  ])("refuses %s", (_, policy, methods, message) => {
    expect(() => new Policy(policy, methods)).toThrow(refused(message));
  });

  it("asks for the factors of a sequence in order", () => {
    const policy = new Policy([["ldap", "totp"]], all);
    expect(policy.next([])).toEqual([ldap]);
    expect(policy.mechanisms([])).toEqual(["password"]);
    expect(policy.next(["ldap"])).toEqual([totp]);
    expect(policy.mechanisms(["ldap"])).toEqual(["keyboard-interactive"]);
    expect(policy.next(["totp"])).toEqual([]);
    expect(policy.next(["ldap", "totp"])).toEqual([]);
    expect(policy.isSatisfied(["ldap"])).toBe(false);
    expect(policy.isSatisfied(["totp"])).toBe(false);
    expect(policy.isSatisfied(["totp", "ldap"])).toBe(false);
    expect(policy.isSatisfied(["ldap", "totp"])).toBe(true);
  });

  it("lets any one alternative suffice, and follows only those that fit what is proven", () => {
    const policy = new Policy([["keys", "totp"], ["ldap", "totp"], ["ldap", "keys"], ["users"]], all);
    expect(policy.next([])).toEqual([keys, ldap, users, usersKey]);
    expect(policy.mechanisms([])).toEqual(["publickey", "password"]);
    expect(policy.next(["ldap"])).toEqual([totp, keys]);
    expect(policy.next(["keys"])).toEqual([totp]);
    expect(policy.isSatisfied(["users"])).toBe(true);
    expect(policy.isSatisfied(["ldap", "keys"])).toBe(true);
    expect(policy.isSatisfied(["keys", "ldap"])).toBe(false);
    expect(policy.isSatisfied(["keys", "users"])).toBe(false);
  });

  it("asks in the order of the policy, not of registration", () => {
    expect(new Policy([["users"], ["ldap"]], all).next([])).toEqual([users, usersKey, ldap]);
  });

  it("suffices with the shorter of two alternatives that begin alike", () => {
    const policy = new Policy([["ldap"], ["ldap", "totp"]], all);
    expect(policy.isSatisfied(["ldap"])).toBe(true);
  });

  it("describes its alternatives for people", () => {
    expect(new Policy([["ldap", "totp"], ["keys"]], all).describe()).toEqual(["ldap then totp", "keys"]);
  });

  it("can always be satisfied by what it asks for, and by nothing shorter", () => {
    const names = fc.uniqueArray(fc.constantFrom("ldap", "users", "totp", "keys"), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(names, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat()), (policy, choices) => {
        const rules = new Policy(policy, all);
        const done: string[] = [];
        while (!rules.isSatisfied(done)) {
          expect(policy.some((sequence) => sequence.join() === done.join())).toBe(false);
          const next = rules.next(done);
          expect(next.length).toBeGreaterThan(0);
          expect(new Set(next.map(({ mechanism }) => mechanism))).toEqual(new Set(rules.mechanisms(done)));
          done.push(next[(choices.next().value as number) % next.length]!.name);
        }
        expect(policy.map((sequence) => sequence.join())).toContain(done.join());
      }),
    );
  });
});
