import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { proven, type AuthMethod, type AuthPolicies, type AuthPolicy, type Mechanism } from "./method.ts";
import { Policy, type KnownUser } from "./policy.ts";

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

describe("Policies by who logs in", () => {
  const policies: AuthPolicies = {
    default: [["ldap"], ["keys"]],
    users: { backup: [["keys"]] },
    groups: { admins: [["ldap", "totp"]], staff: [["ldap"], ["keys", "totp"]] },
  };
  const policy = new Policy(policies, all);
  const user = (name: string, ...groups: string[]): KnownUser => ({ name, groups });

  it("let everybody begin with what any of them begins with", () => {
    expect(policy.mechanisms([])).toEqual(["password", "publickey"]);
  });

  it("let nobody of a group in by the default policy", () => {
    expect(policy.isSatisfied(["ldap"], user("alice"))).toBe(true);
    expect(policy.isSatisfied(["ldap"], user("alice", "admins"))).toBe(false);
    expect(policy.next(["ldap"], user("alice", "admins"))).toEqual([totp]);
    expect(policy.isSatisfied(["ldap", "totp"], user("alice", "admins"))).toBe(true);
    expect(policy.next(["keys"], user("alice", "admins"))).toEqual([]);
  });

  it("go by the first group that is listed, and by the user's own before that", () => {
    expect(policy.isSatisfied(["ldap"], user("alice", "staff", "admins"))).toBe(false);
    expect(policy.isSatisfied(["ldap"], user("alice", "staff"))).toBe(true);
    expect(policy.isSatisfied(["keys"], user("backup", "admins"))).toBe(true);
    expect(policy.isSatisfied(["ldap"], user("backup"))).toBe(false);
  });

  it("all have to be satisfied where nobody says which groups the user is in", () => {
    const alice: KnownUser = { name: "alice", groups: undefined };
    expect(policy.isSatisfied(["ldap"], alice)).toBe(false);
    expect(policy.next(["ldap"], alice)).toEqual([totp]);
    expect(policy.isSatisfied(["ldap", "totp"], alice)).toBe(true);
    expect(policy.isSatisfied(["keys"], { name: "backup", groups: undefined })).toBe(true);
  });

  it("compare names by what they are: no property of objects is a user, and accents have one form", () => {
    const jose = new Policy({ default: [["ldap"]], groups: { "Jose\u0301": [["ldap", "totp"]] } }, all);
    expect(jose.isSatisfied(["ldap"], user("alice", "Jos\u00e9"))).toBe(false);
    expect(policy.isSatisfied(["ldap"], user("constructor", "__proto__"))).toBe(true);
  });

  it("are described for people, whom they are for first", () => {
    expect(policy.describe()).toEqual([
      "for user backup: keys",
      "for group admins: ldap then totp",
      "for group staff: ldap",
      "for group staff: keys then totp",
      "for others: ldap",
      "for others: keys",
    ]);
  });

  it.each<[unknown, string]>([
    [{ users: {} }, 'auth.default: alternatives of sequences are needed, such as [["ldap", "users", "totp", "keys"]]'],
    [{ default: [] }, "auth.default: at least one alternative is needed"],
    [{ default: [["ldap"]], groups: { admins: [[]] } }, "auth.groups.admins.0: at least one factor is needed"],
    [{ default: [["ldap"]], groups: { admins: [] } }, "auth.groups.admins: at least one alternative is needed"],
    [
      { default: [["ldap"]], users: { bob: [["ldap"], ["top"]] } },
      'auth.users.bob.1: no registered method is named "top"; there are: ldap, users, totp, keys',
    ],
    [{ default: [["ldap"]], users: { "a\nb": [["ldap"]] } }, "auth.users.a\nb: no user can have this name"],
    [
      { default: [["ldap"]], users: { "Jose\u0301": [["ldap"]] } },
      "auth.users.Jose\u0301: the name has to be in Unicode's NFC",
    ],
    [{ default: [["ldap"]], group: {} }, "auth.group: unknown option; there are: default, users, groups"],
    [{ default: [["ldap"]], groups: [] }, "auth.groups: an object of policies by name is needed"],
    ["ldap", "auth: alternatives of sequences are needed, or an object of them"],
    [["ldap"], "auth.0: a list of factors is needed"],
  ])("are refused when they are %j", (wrong, message) => {
    expect(() => new Policy(wrong as AuthPolicies, all)).toThrow(refused(message));
  });
});
