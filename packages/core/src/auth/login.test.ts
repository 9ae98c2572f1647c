import { describe, expect, it, vi } from "vitest";
import type { Connection } from "../connection.ts";
import { memoryStore } from "../memory-store.ts";
import { Writer } from "../protocol/writer.ts";
import { LoginProcess, type LoginSetup } from "./login.ts";
import {
  changeRequired,
  proven,
  refused,
  unknown,
  type AuthAttempt,
  type AuthMethod,
  type AuthPolicies,
  type AuthPolicy,
  type Login,
  type Mechanism,
  type Questions,
  type UserDraft,
  type Verdict,
} from "./method.ts";
import { Policy } from "./policy.ts";
import type { AuthAnswer, AuthRequest } from "./request.ts";
import { Throttle } from "./throttle.ts";

const log = {
  child: () => log,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const connection = { log, remoteAddress: "192.0.2.1", signal: new AbortController().signal } as unknown as Connection;

/** That never refuses. */
const throttle = (): Throttle =>
  new Throttle(memoryStore(), {
    authFailuresPerUserAndSource: 1000,
    authFailuresPerSource: 1000,
    authFailuresPerUser: 1000,
    authFailuresMs: 60_000,
  });

const signatureAlgorithms = ["ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512"];

interface Bench {
  readonly login: LoginProcess;
  /** What observers were told. */
  readonly told: { readonly login: Login; readonly verdict: Verdict }[];
  decide(request: AuthRequest): Promise<AuthAnswer>;
}

interface BenchOptions extends Partial<Omit<LoginSetup, "policy" | "limits">> {
  readonly policy?: AuthPolicy | AuthPolicies;
  readonly limits?: Partial<LoginSetup["limits"]>;
}

function bench(methods: readonly AuthMethod[], { limits, ...options }: BenchOptions = {}): Bench {
  const told: Bench["told"] = [];
  const login = new LoginProcess(
    {
      limits: { authAttempts: 6, authRequests: 20, authRefusalMs: 0, ...limits },
      throttle: throttle(),
      signatureAlgorithms,
      guards: [],
      observers: [(seen, verdict) => void told.push({ login: seen, verdict })],
      ...options,
      policy: new Policy(options.policy, methods),
    },
    connection,
  );
  return { login, told, decide: (request) => login.decide(request) };
}

type Verify<M extends Mechanism> = AuthMethod<M>["verify"];
const passwords = (name: string, verify: Verify<"password">): AuthMethod =>
  ({ name, mechanism: "password", verify }) satisfies AuthMethod<"password">;
const keys = (name: string, verify: Verify<"publickey">): AuthMethod =>
  ({ name, mechanism: "publickey", verify }) satisfies AuthMethod<"publickey">;
const codes = (name: string, verify: Verify<"keyboard-interactive">): AuthMethod =>
  ({ name, mechanism: "keyboard-interactive", verify }) satisfies AuthMethod<"keyboard-interactive">;

const anybody = passwords("anybody", () => proven());
const password = (text: unknown = "secret", username = "alice"): AuthRequest => ({
  username,
  mechanism: "password",
  password: text,
});
const none: AuthRequest = { username: "alice", mechanism: "none" };
const keyboard = (ask: (questions: Questions) => Promise<readonly string[]>, username = "alice"): AuthRequest => ({
  username,
  mechanism: "keyboard-interactive",
  ask,
});

const blobOf = (type: string, ...fields: readonly Uint8Array[]): Buffer => {
  const writer = new Writer().text(type);
  for (const field of fields) writer.bytes(field);
  return writer.finish();
};
const ed25519 = (content: string): Buffer => blobOf("ssh-ed25519", Buffer.from(content));
const query = (blob: Buffer, algorithm = "ssh-ed25519", username = "alice"): AuthRequest => ({
  username,
  mechanism: "publickey",
  algorithm,
  blob,
});
const signed = (blob: Buffer, verifySignature: () => unknown = () => true, algorithm = "ssh-ed25519"): AuthRequest => ({
  username: "alice",
  mechanism: "publickey",
  algorithm,
  blob,
  verifySignature: verifySignature as () => true,
});

const rejected = (...methods: Mechanism[]): AuthAnswer => ({ is: "rejected", methods, partial: false });
const partial = (...methods: Mechanism[]): AuthAnswer => ({ is: "rejected", methods, partial: true });
const reasons = ({ told }: Bench): string[] =>
  told.map(({ verdict }) => (verdict.is === "refused" ? verdict.reason : verdict.is));

describe("A login by one factor", () => {
  it("is accepted when the method proves it, and the user is what the method knows", async () => {
    const draft = { home: "/inbox", groups: ["staff", "ops"], claims: { mail: "a@b.c" } };
    const { decide, told } = bench([passwords("users", () => proven(draft))]);
    const answer = await decide(password());
    expect(answer).toMatchObject({
      is: "accepted",
      user: { name: "alice", home: "/inbox", groups: ["staff", "ops"], claims: { mail: "a@b.c" } },
    });
    expect(told).toMatchObject([{ login: { username: "alice", factors: ["users"] }, verdict: { is: "proven" } }]);
  });

  it("gives a user without a home, groups or claims the usual ones", async () => {
    const answer = await bench([anybody]).decide(password());
    expect(answer).toEqual({ is: "accepted", user: { name: "alice", home: "/", groups: [], claims: {} } });
  });

  it("hands the method the secret, the name, the connection and its signal", async () => {
    let seen: AuthAttempt<"password"> | undefined;
    const { decide } = bench([
      passwords("users", (attempt) => {
        seen = attempt;
        return unknown();
      }),
    ]);
    await decide(password("s3cret"));
    expect(seen).toEqual({
      mechanism: "password",
      username: "alice",
      password: "s3cret",
      factors: [],
      connection,
      signal: expect.any(AbortSignal) as AbortSignal,
      draft: { groups: [], claims: {} },
    });
  });

  it("hands later methods what earlier ones said of the user, and observers nothing of it", async () => {
    let seen: AuthAttempt<"keyboard-interactive"> | undefined;
    const { decide, told } = bench(
      [
        passwords("users", () => proven({ name: "Alice", groups: ["staff"], claims: { secret: "JBSWY3DP" } })),
        codes("code", (attempt) => {
          seen = attempt;
          return proven({ claims: { secret: undefined } });
        }),
      ],
      { policy: [["users", "code"]] },
    );
    await decide(password());
    const answer = await decide(keyboard(async () => []));
    expect(seen?.draft).toEqual({ name: "Alice", groups: ["staff"], claims: { secret: "JBSWY3DP" } });
    expect(answer).toMatchObject({ is: "accepted", user: { name: "Alice", claims: { secret: undefined } } });
    expect(told.some(({ login }) => "draft" in login)).toBe(false);
  });

  it.each<[string, AuthPolicy]>([
    ["with the factor that they are for", [["users", "code"]]],
    ["without it", [["users"]]],
  ])("keeps claims that are secrets of a method from the user and from observers, %s", async (_, policy) => {
    let seen: AuthAttempt<"keyboard-interactive"> | undefined;
    const claims = { otp: "JBSWY3DP", mail: "a@b.c" };
    const code: AuthMethod<"keyboard-interactive"> = {
      name: "code",
      mechanism: "keyboard-interactive",
      secretClaims: ["otp"],
      verify: (attempt) => ((seen = attempt), proven()),
    };
    const { decide, told } = bench([passwords("users", () => proven({ claims })), code], { policy });
    const answers = [await decide(password()), await decide(keyboard(async () => []))];
    const user = { name: "alice", home: "/", groups: [], claims: { mail: "a@b.c" } };
    expect(answers).toContainEqual({ is: "accepted", user });
    expect(JSON.stringify(told.map(({ verdict }) => verdict))).not.toContain("JBSWY3DP");
    if (policy[0]?.includes("code") === true) expect(seen?.draft.claims).toEqual(claims);
  });

  it("shows guards and observers everything but the secret", async () => {
    const seen: Login[] = [];
    const guards = [(login: Login): void => void seen.push(login)];
    const { decide, told } = bench([passwords("users", () => refused("wrong")), keys("keys", () => refused("no"))], {
      guards,
      policy: [["users"], ["keys"]],
    });
    await decide(password("s3cret"));
    await decide(signed(ed25519("k")));
    for (const login of [...seen, ...told.map((one) => one.login)]) {
      expect(Object.keys(login).toSorted()).toEqual(["connection", "factors", "mechanism", "username"]);
    }
    expect(seen).toHaveLength(2);
    expect(told).toHaveLength(2);
  });

  it.each<[string, unknown]>([
    ["refuses", refused("expired")],
    ["does not know the user", unknown()],
  ])("is rejected when the method %s", async (_, verdict) => {
    const one = bench([passwords("users", () => verdict as Verdict)]);
    expect(await one.decide(password())).toEqual(rejected("password"));
    expect(one.told).toMatchObject([{ verdict, login: { factors: [] } }]);
    expect(one.login.failures).toBe(1);
  });

  it.each<[string, () => unknown]>([
    ["throws", () => fail("broken")],
    ["rejects", () => Promise.reject(new Error("LDAP is down"))],
    ["rejects with no error", () => Promise.reject(undefined)],
    ["answers nothing", () => undefined],
    ["answers true", () => true],
    ["answers 1", () => 1],
    ["answers text", () => "proven"],
    ["answers an empty object", () => ({})],
    ["answers a verdict that does not exist", () => ({ is: "accepted" })],
    ["proves nobody", () => ({ is: "proven" })],
    ["proves nobody at all", () => ({ is: "proven", user: null })],
    ["proves a name alone", () => ({ is: "proven", user: "alice" })],
    ["refuses without a reason", () => ({ is: "refused" })],
    ["answers a promise of nothing", () => Promise.resolve(null)],
  ])("is refused when the method %s", async (_, verify) => {
    const one = bench([passwords("users", verify as () => Verdict)]);
    expect(await one.decide(password())).toEqual(rejected("password"));
    expect(one.told.map(({ verdict }) => verdict.is)).toEqual(["refused"]);
    expect(one.login.failures).toBe(1);
  });

  it.each<[string, unknown]>([
    ["a name that is no text", { name: ["alice"] }],
    ["a number for a name", { name: 7 }],
    ["a home that is no text", { home: 7 }],
    ["a home that no path can be", { home: "/a\0b" }],
    ["a name that is not acceptable", { name: "a\nb" }],
    ["an empty name", { name: "" }],
    ["a group that is a list", { groups: [["admins"]] }],
    ["groups in one text", { groups: "admins" }],
    ["claims that are text", { claims: "admin" }],
    ["claims that cannot be read", Object.defineProperty({}, "claims", { get: () => fail("trap") })],
  ])("is refused when the method proves a user with %s", async (_, draft) => {
    const one = bench([passwords("users", () => proven(draft as UserDraft))]);
    expect(await one.decide(password())).toEqual(rejected("password"));
    expect(one.told.map(({ verdict }) => verdict.is)).toEqual(["refused"]);
  });

  it("is accepted when the method answers a promise of a promise", async () => {
    const nested = (): Promise<Verdict> => new Promise((resolve) => resolve(Promise.resolve(proven())));
    expect(await bench([passwords("users", nested)]).decide(password())).toMatchObject({ is: "accepted" });
  });

  it("is nobody's where the client has left meanwhile: it is not accepted, and nobody is told", async () => {
    const leaving = new AbortController();
    const method = passwords("users", () => {
      leaving.abort();
      return proven();
    });
    let told = 0;
    const setup: LoginSetup = {
      policy: new Policy(undefined, [method]),
      limits: { authAttempts: 6, authRequests: 20, authRefusalMs: 0 },
      throttle: throttle(),
      signatureAlgorithms,
      guards: [],
      observers: [() => void (told += 1)],
    };
    const login = new LoginProcess(setup, { ...connection, signal: leaving.signal });
    expect(await login.decide(password())).toMatchObject({ is: "disconnect" });
    expect(told).toBe(0);
  });

  it.each<[string, AuthRequest]>([
    ["a password", password()],
    ["a key", signed(ed25519("k"))],
    ["a key that is asked for", query(ed25519("k"))],
  ])("is told in the log once where %s could not be judged, with the error", async (_, request) => {
    const lines: unknown[] = [];
    const down = new Error("no directory server answers");
    const note = (fields: unknown): void => void lines.push(fields);
    const login = new LoginProcess(
      {
        limits: { authAttempts: 6, authRequests: 20, authRefusalMs: 0 },
        throttle: throttle(),
        signatureAlgorithms,
        guards: [],
        observers: [],
        policy: new Policy(
          [["users"], ["keys"]],
          [passwords("users", () => Promise.reject(down)), keys("keys", () => Promise.reject(down))],
        ),
      },
      { ...connection, log: { ...log, info: note, warn: note, debug: note, error: note } } as unknown as Connection,
    );
    expect(await login.decide(request)).toEqual(rejected("password", "publickey"));
    expect(lines).toEqual([expect.objectContaining({ username: "alice", err: down })]);
  });

  it("is not changed by an observer that throws, and the next one is told all the same", async () => {
    let told = 0;
    const observers = [(): void => fail("observer"), (): void => void (told += 1)];
    expect(await bench([anybody], { observers }).decide(password())).toMatchObject({ is: "accepted" });
    expect(await bench([anybody], { observers }).decide(password(""))).toEqual(rejected("password"));
    expect(told).toBe(2);
  });

  it("tells in answer to none what may be tried, and counts no failure", async () => {
    const one = bench([anybody, keys("keys", () => proven())], { policy: [["keys"], ["anybody"]] });
    expect(await one.decide(none)).toEqual(rejected("publickey", "password"));
    expect(one.login.failures).toBe(0);
    expect(one.told).toEqual([]);
  });

  it("refuses hostbased, whatever methods there are", async () => {
    const one = bench([anybody]);
    expect(await one.decide({ username: "alice", mechanism: "hostbased" })).toEqual(rejected("password"));
    expect(one.login.failures).toBe(1);
  });

  function fail(message: string): never {
    throw new Error(message);
  }
});

describe("The user", () => {
  it("is frozen, with everything that core has put into it", async () => {
    const draft = { groups: ["a"], claims: { tenant: "t" } };
    const answer = await bench([passwords("users", () => proven(draft))]).decide(password());
    if (answer.is !== "accepted") expect.fail(answer.is);
    const { user } = answer;
    expect([user, user.groups, user.claims].every((part) => Object.isFrozen(part))).toBe(true);
    draft.groups.push("admins");
    draft.claims.tenant = "other";
    expect(user).toMatchObject({ groups: ["a"], claims: { tenant: "t" } });
  });

  it("has claims by name and no others: none is inherited, and __proto__ is a name like any other", async () => {
    const claims = JSON.parse('{"__proto__": {"admin": true}, "tenant": "t"}') as Record<string, unknown>;
    const answer = await bench([passwords("users", () => proven({ claims }))]).decide(password());
    if (answer.is !== "accepted") expect.fail(answer.is);
    expect(answer.user.claims["admin"]).toBeUndefined();
    expect(answer.user.claims["constructor"]).toBeUndefined();
    expect(Object.keys(answer.user.claims)).toEqual(["__proto__", "tenant"]);
  });

  it("is the sum of its factors: groups join, claims merge, the last home wins", async () => {
    const first = passwords("first", () => {
      return proven({ home: "/one", groups: ["a", "b"], claims: { x: 1, y: 1 } });
    });
    const second = keys("second", () => proven({ home: "two/../zwei", groups: ["b", "c"], claims: { y: 2, z: 2 } }));
    const third = codes("third", () => proven());
    const { decide } = bench([first, second, third], { policy: [["first", "second", "third"]] });
    expect(await decide(password())).toEqual(partial("publickey"));
    expect(await decide(signed(ed25519("k")))).toEqual(partial("keyboard-interactive"));
    expect(await decide(keyboard(() => Promise.resolve([])))).toMatchObject({
      is: "accepted",
      user: { name: "alice", home: "/zwei", groups: ["a", "b", "c"], claims: { x: 1, y: 2, z: 2 } },
    });
  });

  it("has the canonical name that a method gives, in NFC", async () => {
    const answer = await bench([passwords("users", () => proven({ name: "Jose\u0301" }))]).decide(
      password("x", "JOSE"),
    );
    expect(answer).toMatchObject({ is: "accepted", user: { name: "Jos\u00e9" } });
  });
});

describe("A user name", () => {
  it.each([
    ["a plain one", "alice", "alice"],
    ["NFD", "Jose\u0301", "Jos\u00e9"],
    ["one that is an object's property", "__proto__", "__proto__"],
    ["another that is", "constructor", "constructor"],
    ["a path", "../../etc/passwd", "../../etc/passwd"],
    ["an encoded path", "%2e%2e", "%2e%2e"],
    ["an LDAP filter", "*)(uid=*))(|(uid=*", "*)(uid=*))(|(uid=*"],
    ["capitals", "Alice", "Alice"],
    ["spaces", " alice ", " alice "],
    ["emoji", "😀", "😀"],
    ["255 bytes", "é".repeat(127) + "a", "é".repeat(127) + "a"],
    ["255 bytes once it is NFC", "e\u0301".repeat(127) + "a", "\u00e9".repeat(127) + "a"],
  ])("may be %s, and every method and observer sees the same form", async (_, sent, canonical) => {
    const seen: string[] = [];
    const see = ({ username }: Login): void => void seen.push(username);
    const method = passwords("users", (attempt) => (see(attempt), proven()));
    const answer = await bench([method], { guards: [see], observers: [see] }).decide(password("x", sent));
    expect(answer).toMatchObject({ is: "accepted", user: { name: canonical } });
    expect(seen).toEqual([canonical, canonical, canonical]);
  });

  it.each([
    ["empty", ""],
    ["256 bytes long", "a".repeat(256)],
    ["256 bytes long in half as many letters", "é".repeat(128)],
    ["35 KB long", "a".repeat(35_000)],
    ["with NUL", "alice\0"],
    ["with a line feed", "alice\nroot"],
    ["with an escape", "\u001b[2Jalice"],
    ["with DEL", "alice\u007f"],
    ["with C1 controls", "alice\u009b"],
    ["with a right-to-left override", "alice\u202e"],
    ["with a joiner of no width", "al\u200dice"],
    ["with a byte order mark", "\ufeffalice"],
    ["with a soft hyphen", "al\u00adice"],
    ["with a line separator", "alice\u2028"],
    ["with a character for private use", "alice\ue000"],
    ["with half a surrogate pair", "alice\ud800"],
    ["with what was not UTF-8", "alice\ufffd"],
    ["with tag characters", "alice\u{e0061}"],
  ])("that is %s ends the connection before anybody is asked", async (_, sent) => {
    let asked = 0;
    const count = (): void => void (asked += 1);
    const method = passwords("users", () => (count(), proven()));
    for (const request of [password("x", sent), { username: sent, mechanism: "none" } as const]) {
      const { decide, told } = bench([method], { guards: [count] });
      expect(await decide(request)).toEqual({ is: "disconnect", reason: "The user name is not acceptable" });
      expect(told).toEqual([]);
    }
    expect(asked).toBe(0);
  });
});

describe("A password", () => {
  it.each([
    ["empty", "", "The password is not acceptable"],
    ["1,025 bytes long", "a".repeat(1025), "The password is not acceptable"],
    ["1,026 bytes long in half as many letters", "é".repeat(513), "The password is not acceptable"],
    ["with NUL", "a\0b", "The password is not acceptable"],
    ["NUL", "\0", "The password is not acceptable"],
    ["an object", { oldPassword: "a", newPassword: "b" }, "The password is not acceptable"],
    ["a list", ["secret"], "The password is not acceptable"],
    ["absent", null, "The password is not acceptable"],
  ])("that is %s is refused before any method sees it", async (_, text, reason) => {
    let asked = 0;
    const method = passwords("users", () => {
      asked += 1;
      return proven();
    });
    const one = bench([method]);
    expect(await one.decide(password(text))).toEqual(rejected("password"));
    expect(asked).toBe(0);
    expect(reasons(one)).toEqual([reason]);
    expect(one.login.failures).toBe(1);
  });

  it.each([" ", "a".repeat(1024), "é".repeat(512), "pässwörd\n"])("may be anything else: %j", async (text) => {
    expect(await bench([anybody]).decide(password(text))).toMatchObject({ is: "accepted" });
  });
});

describe("Several methods of one mechanism", () => {
  const order: string[] = [];
  const answering = (name: string, verdict: () => Verdict): AuthMethod =>
    passwords(name, () => {
      order.push(name);
      return verdict();
    });

  it.each<[string, () => Verdict, readonly string[], string]>([
    ["pass on what is not theirs", unknown, ["one", "two"], "accepted"],
    ["keep what they refuse", () => refused("locked"), ["one"], "rejected"],
    ["keep what they prove", proven, ["one"], "accepted"],
    [
      "keep what they fail on: an error is no permission to ask the next",
      () => {
        throw new Error("LDAP is down");
      },
      ["one"],
      "rejected",
    ],
  ])("%s", async (_, first, asked, answer) => {
    order.length = 0;
    const { decide } = bench([answering("one", first), answering("two", proven)], { policy: [["one"], ["two"]] });
    expect(await decide(password())).toMatchObject({ is: answer });
    expect(order).toEqual(asked);
  });

  it("are asked in the order of the policy", async () => {
    order.length = 0;
    const { decide } = bench([answering("one", unknown), answering("two", unknown)], { policy: [["two"], ["one"]] });
    expect(await decide(password())).toEqual(rejected("password"));
    expect(order).toEqual(["two", "one"]);
  });

  it("make one failure, of which observers are told once", async () => {
    const one = bench([answering("one", unknown), answering("two", unknown)], { policy: [["one"], ["two"]] });
    await one.decide(password());
    expect(reasons(one)).toEqual(["unknown"]);
    expect(one.login.failures).toBe(1);
  });

  it("prove the factor of the one that knew", async () => {
    const { decide, told } = bench(
      [answering("one", unknown), answering("two", proven), codes("code", () => proven())],
      { policy: [["one"], ["two", "code"]] },
    );
    expect(await decide(password())).toEqual(partial("keyboard-interactive"));
    expect(told).toMatchObject([{ login: { factors: ["two"] } }]);
  });
});

describe("A login by several factors", () => {
  const first = passwords("first", ({ password: text }) => (text === "right" ? proven() : refused("wrong")));
  const second = codes("second", async ({ ask }) => {
    const [code] = await ask({ prompts: [{ text: "Code: ", echo: false }] });
    return code === "123456" ? proven() : refused("wrong");
  });
  const code = (text: string, username = "alice"): AuthRequest => keyboard(() => Promise.resolve([text]), username);
  const both = { policy: [["first", "second"]] };

  it("tells of partial success, and is complete with the last", async () => {
    const { decide, told } = bench([first, second], both);
    expect(await decide(password("right"))).toEqual(partial("keyboard-interactive"));
    expect(await decide(code("123456"))).toMatchObject({ is: "accepted", user: { name: "alice" } });
    expect(told.map(({ login }) => login.factors)).toEqual([["first"], ["first", "second"]]);
  });

  it("does not ask a method before its turn, nor again when it has had it", async () => {
    const one = bench([first, second], both);
    expect(await one.decide(code("123456"))).toEqual(rejected("password"));
    expect(await one.decide(password("right"))).toEqual(partial("keyboard-interactive"));
    expect(await one.decide(password("right"))).toEqual(rejected("keyboard-interactive"));
    expect(reasons(one)).toEqual(["unknown", "proven", "unknown"]);
    expect(await one.decide(code("123456"))).toMatchObject({ is: "accepted" });
  });

  it("keeps what is proven when a later factor fails, and says so without partial success", async () => {
    const { decide } = bench([first, second], both);
    await decide(password("right"));
    expect(await decide(code("000000"))).toEqual(rejected("keyboard-interactive"));
    expect(await decide(none)).toEqual(rejected("keyboard-interactive"));
    expect(await decide(code("123456"))).toMatchObject({ is: "accepted" });
  });

  it("shows a later method which factors are proven", async () => {
    let seen: readonly string[] = [];
    const watching = codes("second", ({ factors }) => {
      seen = factors;
      return proven();
    });
    const { decide } = bench([first, watching], both);
    await decide(password("right"));
    await decide(code(""));
    expect(seen).toEqual(["first"]);
  });

  it("is refused where the factors are of different users, by what the methods say", async () => {
    const named = (name: string): AuthMethod => codes("second", () => proven({ name }));
    const mixed = bench([first, named("bob")], both);
    await mixed.decide(password("right"));
    expect(await mixed.decide(code(""))).toEqual(rejected("keyboard-interactive"));
    expect(reasons(mixed)).toEqual(["proven", "The factors belong to different users"]);
    const same = bench([first, named("alice")], both);
    await same.decide(password("right"));
    expect(await same.decide(code(""))).toMatchObject({ is: "accepted" });
  });

  it("is refused where a later factor was proven for another name than the first", async () => {
    const { decide } = bench([first, second], both);
    await decide(password("right", "alice"));
    expect(await decide(code("123456", "bob"))).not.toMatchObject({ is: "accepted" });
    expect(await decide(password("right", "bob"))).not.toMatchObject({ is: "accepted" });
  });

  it("lets the name change as long as nothing is proven", async () => {
    const { decide } = bench([first, second], both);
    expect(await decide(password("wrong", "bob"))).toEqual(rejected("password"));
    await decide(password("right", "alice"));
    expect(await decide(code("123456", "alice"))).toMatchObject({ is: "accepted", user: { name: "alice" } });
  });

  it("keeps the canonical name of the first factor where later ones do not know it", async () => {
    const ldap = passwords("first", () => proven({ name: "alice" }));
    const { decide } = bench([ldap, second], both);
    await decide(password("right", "ALICE@corp.example"));
    expect(await decide(code("123456", "ALICE@corp.example"))).toMatchObject({
      is: "accepted",
      user: { name: "alice" },
    });
  });

  it("treats names that differ only in their form as one", async () => {
    const { decide } = bench([first, codes("second", () => proven({ name: "Jose\u0301" }))], both);
    await decide(password("right", "Jos\u00e9"));
    expect(await decide(code("", "Jose\u0301"))).toMatchObject({ is: "accepted", user: { name: "Jos\u00e9" } });
  });
});

describe("Guards of logins", () => {
  it("run in order before any method, and refuse by throwing", async () => {
    const events: string[] = [];
    const method = passwords("users", () => {
      events.push("method");
      return proven();
    });
    const guards = [
      async (): Promise<void> => void events.push("first"),
      (): void => {
        events.push("second");
        throw new Error("Too many failures from this address");
      },
      (): void => void events.push("third"),
    ];
    const one = bench([method], { guards });
    expect(await one.decide(password())).toEqual(rejected("password"));
    expect(events).toEqual(["first", "second"]);
    expect(reasons(one)).toEqual(["Too many failures from this address"]);
    expect(one.login.failures).toBe(1);
  });

  it("refuse by rejecting too, and for key queries", async () => {
    const { decide } = bench([keys("keys", () => proven())], { guards: [() => Promise.reject(new Error("no"))] });
    expect(await decide(query(ed25519("k")))).toEqual(rejected("publickey"));
    expect(await decide(signed(ed25519("k")))).toEqual(rejected("publickey"));
  });
});

describe("Limits of a login", () => {
  it("end the connection with the last failure that is allowed", async () => {
    const { decide } = bench([anybody], { limits: { authAttempts: 3, authRequests: 20 } });
    expect(await decide(password(""))).toEqual(rejected("password"));
    expect(await decide(password(""))).toEqual(rejected("password"));
    expect(await decide(password(""))).toEqual({ is: "disconnect", reason: "Too many authentication failures" });
  });

  it("count failures of all kinds together", async () => {
    const { decide } = bench([anybody], { limits: { authAttempts: 4, authRequests: 20 } });
    await decide(password(""));
    await decide({ username: "alice", mechanism: "hostbased" });
    await decide(signed(Buffer.alloc(0)));
    expect(await decide(keyboard(() => Promise.resolve([])))).toMatchObject({ is: "disconnect" });
  });

  it("count no probes as failures, but all requests, proven ones too", async () => {
    const limits = { authAttempts: 1, authRequests: 5 };
    const { decide } = bench([keys("keys", () => unknown()), anybody, codes("code", () => proven())], {
      limits,
      policy: [["keys"], ["anybody", "code"]],
    });
    expect(await decide(none)).toMatchObject({ is: "rejected" });
    expect(await decide(query(ed25519("k")))).toMatchObject({ is: "rejected" });
    expect(await decide(query(Buffer.alloc(0)))).toMatchObject({ is: "rejected" });
    expect(await decide(password())).toMatchObject({ is: "rejected", partial: true });
    expect(await decide(none)).toMatchObject({ is: "rejected" });
    expect(await decide(keyboard(() => Promise.resolve([])))).toEqual({
      is: "disconnect",
      reason: "Too many authentication requests",
    });
  });

  it("ask no method once there were too many requests", async () => {
    let asked = 0;
    const method = passwords("users", () => {
      asked += 1;
      return proven();
    });
    const { decide } = bench([method, codes("code", () => proven())], {
      limits: { authAttempts: 6, authRequests: 1 },
      policy: [["users", "code"]],
    });
    await decide(none);
    for (let i = 0; i < 5; i++) expect(await decide(password())).toMatchObject({ is: "disconnect" });
    expect(asked).toBe(0);
  });
});

describe("keyboard-interactive", () => {
  const prompts = (count: number): Questions => ({
    prompts: Array.from({ length: count }, (_, i) => ({ text: `${i}: `, echo: false })),
  });

  it("hands questions to the client and answers to the method, as often as it asks", async () => {
    const asked: Questions[] = [];
    const method = codes("code", async ({ ask }) => {
      const [name] = await ask({ name: "Login", instruction: "Look at your phone", prompts: prompts(1).prompts });
      const more = await ask(prompts(2));
      return [name, ...more].join() === "a,b,c" ? proven() : refused("wrong");
    });
    const answers = [["a"], ["b", "c"]];
    const { decide } = bench([method]);
    const request = keyboard(async (questions) => {
      asked.push(questions);
      return answers.shift() ?? [];
    });
    expect(await decide(request)).toMatchObject({ is: "accepted" });
    expect(asked).toEqual([
      { name: "Login", instruction: "Look at your phone", prompts: prompts(1).prompts },
      prompts(2),
    ]);
  });

  it("asks a name that has proven nothing when it is time for it, however long the method looked, and others at once", async () => {
    vi.useFakeTimers();
    try {
      const code = codes("code", async ({ ask }) => {
        await ask(prompts(1));
        await ask(prompts(1));
        return refused("wrong");
      });
      const policy = [["code"], ["users", "code"]];
      const one = bench([code, passwords("users", () => proven())], { policy, limits: { authRefusalMs: 1000 } });
      const answered: ((answers: readonly string[]) => void)[] = [];
      const request = keyboard(() => new Promise((resolve) => void answered.push(resolve)));
      void one.decide(request);
      await vi.advanceTimersByTimeAsync(99);
      expect(answered).toHaveLength(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(answered).toHaveLength(1);
      answered[0]?.(["x"]);
      await vi.advanceTimersByTimeAsync(99);
      expect(answered).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(answered).toHaveLength(2);
      await one.decide(password());
      void one.decide(request);
      await vi.advanceTimersByTimeAsync(0);
      expect(answered).toHaveLength(3);
      one.login.end();
    } finally {
      vi.useRealTimers();
    }
  });

  it("asks at most 16 questions at once", async () => {
    const asking = (count: number): AuthMethod =>
      codes("code", async ({ ask }) => (await ask(prompts(count)), proven()));
    const request = keyboard(({ prompts: all }) => Promise.resolve(all.map(() => "x")));
    expect(await bench([asking(16)]).decide(request)).toMatchObject({ is: "accepted" });
    const tooMany = bench([asking(17)]);
    expect(await tooMany.decide(request)).toEqual(rejected("keyboard-interactive"));
    expect(reasons(tooMany)).toEqual(["At most 16 prompts may be asked at once"]);
  });

  it.each([0, 2, 3])("refuses %i answers to one question", async (count) => {
    const method = codes("code", async ({ ask }) => (await ask(prompts(1)), proven()));
    const one = bench([method]);
    expect(await one.decide(keyboard(() => Promise.resolve(Array<string>(count).fill("x"))))).toEqual(
      rejected("keyboard-interactive"),
    );
    expect(reasons(one)).toEqual(["The client answered with another number of answers"]);
  });

  it("is refused when the client gives up", async () => {
    const method = codes("code", async ({ ask }) => (await ask(prompts(1)), proven()));
    const one = bench([method]);
    expect(await one.decide(keyboard(() => Promise.reject(new Error("The client left"))))).toEqual(
      rejected("keyboard-interactive"),
    );
    expect(reasons(one)).toEqual(["The client left"]);
  });
});

describe("publickey", () => {
  const [mine, other] = [ed25519("mine"), ed25519("other")];
  const authorized = keys("keys", ({ key }) => (mine.equals(key.blob) ? proven() : unknown()));
  const rsaOf = (bits: number): Buffer =>
    blobOf("ssh-rsa", Buffer.of(1, 0, 1), Buffer.concat([Buffer.of(0), Buffer.alloc(bits / 8, 0xff)]));

  it("shows the method the key: type, blob and fingerprint", async () => {
    let seen: unknown;
    await bench([keys("keys", ({ key }) => ((seen = key), unknown()))]).decide(query(mine));
    expect(seen).toEqual({
      type: "ssh-ed25519",
      blob: mine,
      fingerprint: expect.stringMatching(/^SHA256:.{43}$/) as string,
    });
  });

  it("answers a query by whether the key would do, and proves nothing by it", async () => {
    const one = bench([authorized]);
    expect(await one.decide(query(mine))).toEqual({ is: "usable" });
    expect(await one.decide(query(other))).toEqual(rejected("publickey"));
    expect(one.login.failures).toBe(0);
    expect(await one.decide(signed(other))).toEqual(rejected("publickey"));
    expect(await one.decide(signed(mine))).toMatchObject({ is: "accepted" });
  });

  it("binds the identity of the key that signed, never of one that was only asked for", async () => {
    const owners = keys("keys", ({ key }) => proven({ name: mine.equals(key.blob) ? "admin" : "guest" }));
    const { decide } = bench([owners]);
    expect(await decide(query(mine))).toEqual({ is: "usable" });
    expect(await decide(query(other))).toEqual({ is: "usable" });
    expect(await decide(query(mine))).toEqual({ is: "usable" });
    expect(await decide(signed(other))).toMatchObject({ is: "accepted", user: { name: "guest" } });
  });

  it("binds no name by a query that a later factor could contradict", async () => {
    const owners = keys("keys", ({ key }) => proven({ name: mine.equals(key.blob) ? "admin" : "guest" }));
    const { decide, told } = bench([owners, passwords("users", () => proven({ name: "guest" }))], {
      policy: [["keys", "users"]],
    });
    await decide(query(mine));
    expect(told).toEqual([]);
    expect(await decide(signed(other))).toEqual(partial("password"));
    expect(await decide(password())).toMatchObject({ is: "accepted", user: { name: "guest" } });
  });

  it("proves one factor by one key: it is refused for another, asked for or signed, and another key is not", async () => {
    const policy = [["keys", "more-keys"]];
    const both = [keys("keys", () => proven()), keys("more-keys", () => proven())];
    const one = bench(both, { policy });
    expect(await one.decide(signed(mine, () => false))).toEqual(rejected("publickey"));
    expect(await one.decide(signed(mine))).toEqual(partial("publickey"));
    expect(await one.decide(query(mine))).toEqual(rejected("publickey"));
    expect(one.login.failures).toBe(1);
    expect(await one.decide(signed(mine))).toEqual(rejected("publickey"));
    expect(one.login.failures).toBe(2);
    expect(reasons(one).at(-1)).toBe("The key has proven another factor of this login");
    expect(await one.decide(query(other))).toEqual({ is: "usable" });
    expect(await one.decide(signed(other))).toMatchObject({ is: "accepted" });
    expect(await bench(both, { policy }).decide(signed(mine))).toEqual(partial("publickey"));
  });

  it.each<[string, () => unknown]>([
    ["is false", () => false],
    [
      "cannot be checked",
      () => {
        throw new Error("bad ASN.1");
      },
    ],
    ["checks to an error, which is no truth", () => new Error("malformed")],
    ["checks to 1", () => 1],
    ["checks to a promise", () => Promise.resolve(true)],
    ["checks to nothing", () => undefined],
  ])("is refused when the signature %s", async (_, verifySignature) => {
    const one = bench([authorized]);
    expect(await one.decide(signed(mine, verifySignature))).toEqual(rejected("publickey"));
    expect(reasons(one)).toEqual(["The signature is wrong"]);
    expect(one.login.failures).toBe(1);
  });

  it("checks the signature of an authorised key only: what a stranger sent is not parsed", async () => {
    let checked = 0;
    const count = (): boolean => {
      checked += 1;
      return true;
    };
    const { decide } = bench([authorized]);
    await decide(signed(other, count));
    expect(checked).toBe(0);
    await decide(signed(mine, count));
    expect(checked).toBe(1);
  });

  it.each([1024, 16_384])(
    "refuses an authorised RSA key of %i bits, queried or signed, without a check",
    async (bits) => {
      let checked = 0;
      const one = bench([keys("keys", () => proven())]);
      expect(await one.decide(query(rsaOf(bits), "rsa-sha2-256"))).toEqual(rejected("publickey"));
      const request = signed(rsaOf(bits), () => (checked += 1) > 0, "rsa-sha2-256");
      expect(await one.decide(request)).toEqual(rejected("publickey"));
      expect(reasons(one)).toEqual(["The RSA key is too short or too long"]);
      expect(checked).toBe(0);
      expect(await one.decide(signed(rsaOf(2048), () => true, "rsa-sha2-512"))).toMatchObject({ is: "accepted" });
    },
  );

  it.each([
    ["a signature by SHA-1", rsaOf(2048), "ssh-rsa"],
    ["a key that is not of the type its algorithm is for", mine, "rsa-sha2-256"],
    ["a key of an unknown type", blobOf("ssh-dss"), "ssh-dss"],
    ["an empty key", Buffer.alloc(0), "ssh-ed25519"],
    ["a key of 30 KB", blobOf("ssh-rsa", Buffer.of(3), Buffer.alloc(30_000, 1)), "rsa-sha2-256"],
  ])("refuses %s before any method sees it, and counts only what is signed", async (_, blob, algorithm) => {
    let asked = 0;
    const method = keys("keys", () => {
      asked += 1;
      return proven();
    });
    const one = bench([method]);
    expect(await one.decide(query(blob, algorithm))).toEqual(rejected("publickey"));
    expect(one.login.failures).toBe(0);
    expect(one.told).toEqual([]);
    expect(await one.decide(signed(blob, () => true, algorithm))).toEqual(rejected("publickey"));
    expect(one.login.failures).toBe(1);
    expect(one.told.map(({ verdict }) => verdict.is)).toEqual(["refused"]);
    expect(asked).toBe(0);
  });
});

describe("A password that has to be changed", () => {
  const expiring = passwords("users", ({ password: text, newPassword }) => {
    if (text !== "old") return refused("wrong");
    if (newPassword === undefined) return changeRequired("It has expired");
    return newPassword === "short" ? changeRequired("Too short") : proven({ claims: { newPassword } });
  });
  const change = (newPassword: unknown, text = "old", username = "alice"): AuthRequest => ({
    username,
    mechanism: "password",
    password: text,
    newPassword,
  });

  it("is asked for, and logs in once it is changed; asking counts as no failure", async () => {
    const one = bench([expiring]);
    expect(await one.decide(password("old"))).toEqual({ is: "changeRequired", prompt: "It has expired" });
    expect(await one.decide(change("short"))).toEqual({ is: "changeRequired", prompt: "Too short" });
    expect(await one.decide(change("long enough"))).toMatchObject({
      is: "accepted",
      user: { claims: { newPassword: "long enough" } },
    });
    expect(reasons(one)).toEqual(["changeRequired", "changeRequired", "proven"]);
    expect(one.login.failures).toBe(0);
  });

  it("is not changed where nobody asked for it, or after something else was tried", async () => {
    const one = bench([expiring], { limits: { authAttempts: 20 } });
    expect(await one.decide(change("long enough"))).toEqual(rejected("password"));
    await one.decide(password("old"));
    await one.decide(none);
    expect(await one.decide(change("long enough"))).toEqual(rejected("password"));
    await one.decide(password("old"));
    expect(await one.decide(change("long enough", "old", "bob"))).toEqual(rejected("password"));
    expect(reasons(one).filter((reason) => reason === "Nobody asked for a new password")).toHaveLength(3);
  });

  it("is changed by the method that asked, and by no other", async () => {
    const asked: string[] = [];
    const other = passwords("other", ({ newPassword }) => {
      asked.push(String(newPassword));
      return unknown();
    });
    const one = bench([other, expiring], { policy: [["other"], ["users"]] });
    await one.decide(password("old"));
    expect(await one.decide(change("long enough"))).toMatchObject({ is: "accepted" });
    expect(asked).toEqual(["undefined"]);
  });

  it.each([
    ["empty", ""],
    ["too long", "a".repeat(1025)],
    ["with NUL", "a\0b"],
    ["a list", ["new"]],
    ["null", null],
  ])("is not changed to one that is %s", async (_, text) => {
    const one = bench([expiring]);
    await one.decide(password("old"));
    expect(await one.decide(change(text))).toEqual(rejected("password"));
    expect(reasons(one).at(-1)).toBe("The new password is not acceptable");
  });

  it("is a matter of passwords: another method that asks for it has answered nothing", async () => {
    const one = bench([keys("keys", () => changeRequired("another key"))]);
    expect(await one.decide(signed(ed25519("k")))).toEqual(rejected("publickey"));
    expect(reasons(one)).toEqual(['The method "keys" asks for another password, and is no password method']);
  });
});

describe("A code at the end of a password", () => {
  const seen: string[] = [];
  const first = passwords("first", ({ password: text }) => {
    seen.push(text);
    return text === "right" ? proven({ groups: ["staff"], claims: { secret: "s" } }) : refused("wrong");
  });
  const detaching = (verify: Verify<"keyboard-interactive">): AuthMethod =>
    ({
      name: "code",
      mechanism: "keyboard-interactive",
      verify,
      detach: ({ password: text }) =>
        /\d{6}$/.test(text) ? { password: text.slice(0, -6), answers: [text.slice(-6)] } : undefined,
    }) satisfies AuthMethod<"keyboard-interactive">;
  const prompts = [{ text: "Code: ", echo: false }];
  const second = detaching(async ({ ask }) => ((await ask({ prompts }))[0] === "123456" ? proven() : refused("old")));
  const policy = [["first", "code"]];

  it("proves both factors in one request, and observers are told of each", async () => {
    const one = bench([first, second], { policy });
    expect(await one.decide(password("right123456"))).toMatchObject({ is: "accepted", user: { groups: ["staff"] } });
    expect(one.told.map(({ login }) => `${login.mechanism} ${login.factors.join()}`)).toEqual([
      "password first",
      "keyboard-interactive first,code",
    ]);
  });

  it("is one failed attempt when either half is wrong, and the client cannot tell which", async () => {
    const one = bench([first, second], { policy });
    expect(await one.decide(password("right000000"))).toEqual(rejected("password"));
    expect(await one.decide(password("wrong123456"))).toEqual(rejected("password"));
    expect(reasons(one)).toEqual(["old", "wrong"]);
    expect(one.login.failures).toBe(2);
    expect(await one.decide(password("right"))).toEqual(partial("keyboard-interactive"));
  });

  it("leaves a password that is none: it does not reach the method", async () => {
    seen.length = 0;
    const one = bench([first, second], { policy });
    expect(await one.decide(password("123456"))).toEqual(rejected("password"));
    expect(seen).toEqual([]);
    expect(reasons(one)).toEqual(["The password is not acceptable without the answers at its end"]);
  });

  it("is given once: a second question rejects, and so does one with other prompts", async () => {
    const twice = detaching(async ({ ask }) => {
      await ask({ prompts });
      await ask({ prompts });
      return proven();
    });
    const two = detaching(async ({ ask }) => (await ask({ prompts: [...prompts, ...prompts] }), proven()));
    for (const method of [twice, two]) {
      expect(await bench([first, method], { policy }).decide(password("right123456"))).toEqual(rejected("password"));
    }
  });

  it("is looked for only where the policy has the code right after the password", async () => {
    const other = passwords("other", ({ password: text }) => (text === "right123456" ? proven() : refused("wrong")));
    const one = bench([other, second, first], { policy: [["other"], ["first", "code"]] });
    expect(await one.decide(password("right123456"))).toMatchObject({ is: "accepted" });
  });

  it("proves nothing for a user whose policy does not go on with it", async () => {
    const one = bench([first, second, keys("keys", () => proven())], {
      policy: { default: [["first", "code"]], groups: { staff: [["first", "keys"]] } },
    });
    expect(await one.decide(password("right123456"))).toEqual(rejected("password"));
    expect(await one.decide(password("right"))).toEqual(partial("publickey"));
  });

  it("is seen together with what the password's factor says of the user", async () => {
    const drafts: unknown[] = [];
    const looking = detaching(({ draft, factors }) => {
      drafts.push(draft.claims?.["secret"], factors);
      return proven();
    });
    await bench([first, looking], { policy }).decide(password("right123456"));
    expect(drafts).toEqual(["s", ["first"]]);
  });
});

describe("An attempt that the client abandons", () => {
  it("proves nothing, whatever comes of it, counts as failed, and its signal is aborted", async () => {
    let signal: AbortSignal | undefined;
    let settle: (verdict: Verdict) => void = () => undefined;
    const slow = codes("code", async (attempt) => {
      ({ signal } = attempt);
      await attempt.ask({ prompts: [] }).catch(() => undefined);
      return new Promise((resolve) => (settle = resolve));
    });
    const one = bench([slow, passwords("users", () => proven())], { policy: [["code"], ["users", "code"]] });
    let asked = (): void => undefined;
    const asking = new Promise<void>((resolve) => (asked = resolve));
    const abandoned = one.decide(keyboard(() => (asked(), Promise.reject(new Error("gone")))));
    await asking;
    expect(await one.decide(password())).toEqual(partial("keyboard-interactive"));
    expect(await abandoned).toMatchObject({ is: "disconnect" });
    expect(signal?.aborted).toBe(true);
    settle(proven());
    expect(reasons(one)).toEqual(["The client began another attempt", "proven"]);
    expect(one.login.failures).toBe(1);
  });
});

describe("A login whose client has left, or whose time is over", () => {
  it("ends with it, even when a method never settles", async () => {
    let signal: AbortSignal | undefined;
    const one = bench([
      passwords("users", (attempt) => {
        ({ signal } = attempt);
        setImmediate(() => one.login.end());
        return new Promise(() => undefined);
      }),
    ]);
    const answer = one.decide(password());
    expect(await answer).toEqual({ is: "disconnect", reason: "The client has left" });
    expect(signal?.aborted).toBe(true);
    expect(await one.decide(password())).toMatchObject({ is: "disconnect" });
    expect(one.told).toEqual([]);
  });

  it("asks no method any more", async () => {
    let asked = 0;
    const one = bench([passwords("users", () => ((asked += 1), proven()))]);
    const answer = one.decide(password());
    one.login.end();
    expect(await answer).toMatchObject({ is: "disconnect" });
    expect(asked).toBe(0);
  });

  it("does not wait for a refusal's time", async () => {
    const one = bench([passwords("users", () => refused("wrong"))], { limits: { authRefusalMs: 3_600_000 } });
    const answer = one.decide(password());
    setImmediate(() => one.login.end());
    expect(await answer).toMatchObject({ is: "disconnect" });
  });
});

describe("Throttled logins", () => {
  const strict = (): Throttle =>
    new Throttle(memoryStore(), {
      authFailuresPerUserAndSource: 2,
      authFailuresPerSource: 100,
      authFailuresPerUser: 100,
      authFailuresMs: 60_000,
    });

  it("ask no method for passwords and codes, look like any refusal, and leave keys alone", async () => {
    let asked = 0;
    const users = passwords("users", ({ password: text }) => {
      asked += 1;
      return text === "right" ? proven() : refused("wrong");
    });
    const shared = strict();
    const policy = [["users"], ["keys"]];
    const guess = bench([users, keys("keys", () => proven())], { policy, throttle: shared });
    await guess.decide(password("a"));
    await guess.decide(password("b"));
    const later = bench([users, keys("keys", () => proven())], { policy, throttle: shared });
    expect(await later.decide(password("right"))).toEqual(rejected("password", "publickey"));
    expect(reasons(later)).toEqual(["Too many failed logins of this user from this source"]);
    expect(asked).toBe(2);
    expect(await later.decide(signed(ed25519("k")))).toMatchObject({ is: "accepted" });
  });

  it("count no password that a broken directory could not judge, and every one that was right", async () => {
    const shared = strict();
    const broken = passwords("users", () => {
      throw new Error("LDAP is down");
    });
    for (let i = 0; i < 5; i++) await bench([broken], { throttle: shared }).decide(password());
    for (let i = 0; i < 5; i++) {
      expect(await bench([anybody], { throttle: shared }).decide(password())).toMatchObject({ is: "accepted" });
    }
  });

  it("count codes whose method failed: it may have asked, and said something", async () => {
    const shared = strict();
    const broken = codes("code", async ({ ask }) => {
      await ask({ prompts: [{ text: "?", echo: true }] });
      throw new Error("down");
    });
    const request = keyboard(() => Promise.resolve(["1"]));
    for (let i = 0; i < 2; i++) await bench([broken], { throttle: shared }).decide(request);
    const one = bench([codes("code", () => proven())], { throttle: shared });
    expect(await one.decide(request)).toEqual(rejected("keyboard-interactive"));
  });

  it("are refused when the store fails, except by key", async () => {
    const store = Object.assign(memoryStore(), { add: () => Promise.reject(new Error("The disk is full")) });
    const broken = new Throttle(store, {
      authFailuresPerUserAndSource: 2,
      authFailuresPerSource: 2,
      authFailuresPerUser: 2,
      authFailuresMs: 1000,
    });
    const one = bench([anybody, keys("keys", () => proven())], { policy: [["anybody"], ["keys"]], throttle: broken });
    expect(await one.decide(password())).toEqual(rejected("password", "publickey"));
    expect(reasons(one)).toEqual(["The disk is full"]);
    expect(await one.decide(signed(ed25519("k")))).toMatchObject({ is: "accepted" });
  });
});
