import { expect, it } from "vitest";
import type { Connection } from "../connection.ts";
import { memoryStore } from "../memory-store.ts";
import { Writer } from "../protocol/writer.ts";
import { LoginProcess, type LoginSetup } from "./login.ts";
import {
  changeRequired,
  proven,
  refused,
  unknown,
  type AuthMethod,
  type AuthPolicies,
  type AuthPolicy,
  type Mechanism,
  type Verdict,
} from "./method.ts";
import { Policy } from "./policy.ts";
import type { AuthAnswer, AuthRequest } from "./request.ts";
import { Throttle, type ThrottleLimits } from "./throttle.ts";

/** What a method does with a message, by the method's name. */
type Does = "proven" | "as bob" | "in admins" | "in none" | "change" | "refused" | "unknown" | "throws" | "nonsense";
type Doings = Readonly<Record<string, Does>>;
interface Message {
  readonly mechanism: Mechanism | "none" | "hostbased";
  readonly username: string;
  readonly does: Doings;
  /** For a password: what stands at its end. */
  readonly append?: Doings;
  readonly change: boolean;
  readonly signature: "none" | "good" | "bad";
  /** The client does not answer what it is asked, and goes on with the next message. */
  readonly silent: boolean;
}
type Limits = LoginSetup["limits"] & ThrottleLimits;

const registered: readonly (readonly [name: string, mechanism: Mechanism])[] = [
  ["users", "password"],
  ["ldap", "password"],
  ["keys", "publickey"],
  ["users", "publickey"],
  ["code", "keyboard-interactive"],
  ["sms", "keyboard-interactive"],
];
const names = ["users", "ldap", "keys", "code", "sms"];
const disconnect = { is: "disconnect" };

/** What is counted over all connections. */
class Counts {
  readonly pair: Record<string, number> = {};
  readonly user: Record<string, number> = {};
  readonly known: Record<string, boolean> = {};
  source = 0;
}

/** The rules of RFC 4252, of the policies and of the counts once more, as plainly as they can be written. */
class Model {
  proven: string[] = [];
  told: string[] = [];
  sent?: string;
  name?: string;
  groups?: string[];
  failures = 0;
  requests = 0;
  asked?: { readonly method: string; readonly username: string } | undefined;
  pending = false;
  /** What stands in the keys that have proven something. */
  readonly used = new Set<string>();

  readonly policies: AuthPolicies;
  readonly limits: Limits;
  readonly counts: Counts;

  constructor(policies: AuthPolicies, limits: Limits, counts: Counts) {
    this.policies = policies;
    this.limits = limits;
    this.counts = counts;
  }

  next(factors: string[], name = this.name, groups = this.groups): (typeof registered)[number][] {
    const open = this.applicable(name, groups)
      .flat()
      .filter((sequence) => factors.every((factor, i) => sequence[i] === factor));
    const following = [...new Set(open.map((sequence) => sequence[factors.length]))];
    return following.flatMap((factor) => registered.filter(([other]) => other === factor));
  }

  applicable(name?: string, groups?: string[]): AuthPolicy[] {
    const { default: rest, users = {}, groups: byGroup = {} } = this.policies;
    if (name === undefined) return [rest, ...Object.values(users), ...Object.values(byGroup)];
    if (users[name] !== undefined) return [users[name]];
    if (groups === undefined) return [rest, ...Object.values(byGroup)];
    return [groups.includes("admins") ? (byGroup["admins"] ?? rest) : rest];
  }

  rejected(partial = false): unknown {
    return { is: "rejected", methods: [...new Set(this.next(this.proven).map(([, it]) => it))], partial };
  }

  fail(verdict?: string): unknown {
    if (verdict !== undefined) this.told.push(`${verdict} [${this.proven.join()}]`);
    this.failures += 1;
    return this.failures >= this.limits.authAttempts ? disconnect : this.rejected();
  }

  /** Whether one more attempt is let through; it is counted then. */
  count(user: string): boolean {
    const { pair, user: users, known } = this.counts;
    if ((pair[user] ?? 0) >= this.limits.authFailuresPerUserAndSource) return false;
    if (known[user] !== true) {
      if (this.counts.source >= this.limits.authFailuresPerSource) return false;
      if ((users[user] ?? 0) >= this.limits.authFailuresPerUser) return false;
      this.counts.source += 1;
      users[user] = (users[user] ?? 0) + 1;
    }
    pair[user] = (pair[user] ?? 0) + 1;
    return true;
  }

  uncount(user: string): void {
    this.counts.pair[user]! -= 1;
    if (this.counts.known[user] === true) return;
    this.counts.source -= 1;
    this.counts.user[user]! -= 1;
  }

  decide(message: Message): unknown {
    const { mechanism, username, signature } = message;
    const asked = this.asked?.username === username ? this.asked.method : undefined;
    this.asked = undefined;
    if (this.pending) {
      this.pending = false;
      this.fail("refused");
    }
    this.requests += 1;
    if (this.requests > this.limits.authRequests || this.failures >= this.limits.authAttempts) return disconnect;
    if (mechanism === "none") return this.rejected();
    if (mechanism === "hostbased") return this.fail();
    if (this.sent !== undefined && this.sent !== username) return this.fail("refused");
    if (mechanism !== "publickey") return this.decideSecret(message, asked);
    const key = textOf(message);
    if (this.used.has(key)) return signature === "none" ? this.rejected() : this.fail("refused");
    const [method, does] = this.first(message.does, "publickey");
    const isProven = ["proven", "as bob", "in admins", "in none"].includes(does);
    if (signature === "none") return isProven ? { is: "usable" } : this.rejected();
    if (!isProven) return this.fail(does === "unknown" ? "unknown" : "refused");
    if (signature === "bad") return this.fail("refused");
    const before = this.proven.length;
    const answer = this.prove([[method, does]], username);
    if (this.proven.length > before) this.used.add(key);
    return answer;
  }

  /** Which of the methods whose turn it is knows, and what it does. */
  first(doings: Doings, mechanism: Mechanism, only?: string): [string, Does] {
    const turn = this.next(this.proven).filter(([name, its]) => its === mechanism && (only ?? name) === name);
    const knowing = turn.find(([name]) => doings[name] !== "unknown");
    return knowing === undefined ? ["", "unknown"] : [knowing[0], doings[knowing[0]]!];
  }

  decideSecret({ mechanism, username, does: doings, append, change, silent }: Message, asked?: string): unknown {
    const isPassword = mechanism === "password";
    if (isPassword && change && asked === undefined) return this.fail("refused");
    if (!this.count(username)) return this.fail("refused");
    const asks = this.next(this.proven).some(([, its]) => its === "keyboard-interactive");
    if (!isPassword && silent && asks) {
      this.pending = true;
      return "pending";
    }
    const [method, does] = this.first(doings, mechanism as Mechanism, isPassword && change ? asked : undefined);
    if (does === "unknown") return this.fail("unknown");
    if (does === "throws" || does === "nonsense" || (does === "change" && !isPassword)) {
      if (isPassword) this.uncount(username);
      return this.fail("refused");
    }
    if (does === "change") {
      this.uncount(username);
      this.told.push(`changeRequired [${this.proven.join()}]`);
      this.asked = { method, username };
      return { is: "changeRequired" };
    }
    if (does === "refused") return this.fail("refused");
    const detaches = this.next([...this.proven, method]).some(([name]) => name === "code");
    if (!isPassword || append === undefined || !detaches) {
      this.uncount(username);
      return this.prove([[method, does]], username);
    }
    const known = this.known([[method, does]], username);
    const goesOn = known !== undefined && this.next([...this.proven, method], ...known).some(([it]) => it === "code");
    const second = append["code"]!;
    if (!goesOn) return this.fail("refused");
    if (second === "unknown") return this.fail("unknown");
    if (["refused", "throws", "nonsense", "change"].includes(second)) return this.fail("refused");
    this.uncount(username);
    return this.prove(
      [
        [method, does],
        ["code", second],
      ],
      username,
    );
  }

  /** Who the user is with these factors, too. */
  known(factors: readonly [string, Does][], username: string): [string, string[] | undefined] | undefined {
    let { name, groups } = this;
    for (const [, does] of factors) {
      const its = does === "as bob" ? "bob" : (name ?? username);
      if (name !== undefined && name !== its) return undefined;
      name = its;
      if (does === "in none") groups = groups ?? [];
      if (does === "in admins") groups = ["admins"];
    }
    return [name ?? username, groups];
  }

  prove(factors: [string, Does][], username: string): unknown {
    let { proven: done } = this;
    const told: string[] = [];
    let complete = false;
    for (const [i, [method]] of factors.entries()) {
      const known = this.known(factors.slice(0, i + 1), username);
      if (known === undefined) return this.fail("refused");
      done = [...done, method];
      complete = this.applicable(...known).every((policy) =>
        policy.some((sequence) => sequence.every((factor, at) => done[at] === factor)),
      );
      if (!complete && this.next(done, ...known).length === 0) return this.fail("refused");
      told.push(`proven [${done.join()}]`);
    }
    const [name, groups] = this.known(factors, username)!;
    Object.assign(this, { proven: done, name, groups, sent: username });
    this.told.push(...told);
    if (!complete) return this.rejected(true);
    this.counts.pair[username] = 0;
    this.counts.known[username] = true;
    return { is: "accepted", user: { name, home: "/", groups: groups ?? [], claims: {} } };
  }
}

const act = (name: string, does: Doings): Verdict => {
  switch (does[name]) {
    case "proven":
      return proven();
    case "as bob":
      return proven({ name: "bob" });
    case "in admins":
      return proven({ groups: ["admins"] });
    case "in none":
      return proven({ groups: [] });
    case "change":
      return changeRequired("It has expired");
    case "refused":
      return refused("no");
    case "unknown":
      return unknown();
    case "throws":
      throw new Error("down");
    default:
      return "yes" as unknown as Verdict;
  }
};
interface Text {
  readonly does: Doings;
  readonly append?: Doings;
}
const parse = (text: string): Text => JSON.parse(text) as Text;
const textOf = ({ does, append }: Text): string => JSON.stringify({ does, append });

const methods = registered.map(([name, mechanism]): AuthMethod => {
  if (mechanism === "password") {
    const method: AuthMethod<"password"> = {
      name,
      mechanism,
      verify: ({ password }) => act(name, parse(password).does),
    };
    return method;
  }
  if (mechanism === "publickey") {
    const method: AuthMethod<"publickey"> = {
      name,
      mechanism,
      verify: ({ key }) => act(name, parse(Buffer.from(key.blob.subarray(19)).toString()).does),
    };
    return method;
  }
  const method: AuthMethod<"keyboard-interactive"> = {
    name,
    mechanism,
    async verify({ ask }) {
      const [text = ""] = await ask({ prompts: [{ text: "?", echo: true }] });
      return act(name, parse(text).does);
    },
    ...(name === "code" && {
      detach({ password }) {
        const { does, append } = parse(password);
        if (append === undefined) return undefined;
        return { password: JSON.stringify({ does }), answers: [JSON.stringify({ does: append })] };
      },
    }),
  };
  return method;
});

function requestOf(message: Message, asked: () => void): AuthRequest {
  const { mechanism, username, change, signature, silent } = message;
  const text = textOf(message);
  switch (mechanism) {
    case "password":
      return { username, mechanism, password: text, ...(change && { newPassword: "another" }) };
    case "publickey": {
      const blob = new Writer().text("ssh-ed25519").bytes(Buffer.from(text)).finish();
      const signed = { verifySignature: () => signature === "good" || "The signature is wrong" };
      return { username, mechanism, algorithm: "ssh-ed25519", blob, ...(signature !== "none" && signed) };
    }
    case "keyboard-interactive": {
      const answer = (): Promise<string[]> => {
        asked();
        return silent ? new Promise(() => undefined) : Promise.resolve([text]);
      };
      return { username, mechanism, ask: answer };
    }
    default:
      return { username, mechanism };
  }
}

/** A small generator of its own: a seed is all that a failure needs (mulberry32). */
function random(seed: number): <T>(...choices: readonly T[]) => T {
  let state = seed;
  return (...choices) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return choices[((mixed ^ (mixed >>> 14)) >>> 0) % choices.length]!;
  };
}
type Pick = ReturnType<typeof random>;

function policyOf(pick: Pick): AuthPolicy {
  const sequence = (): string[] => [
    ...new Set([pick(...names), ...pick([], [pick(...names)], [pick(...names), "code"])]),
  ];
  return pick(
    [sequence()],
    [sequence(), sequence()],
    [["ldap", "code"], ["keys"]],
    [["users"], ["ldap", "code"]],
    [["keys", "users"]],
  );
}

function doings(pick: Pick): Doings {
  const some: readonly Does[] = ["proven", "proven", "in none", "in admins", "as bob", "unknown", "refused", "change"];
  return Object.fromEntries(names.map((name) => [name, pick<Does>(...some, "throws", "nonsense")]));
}

function messageOf(pick: Pick): Message {
  return {
    mechanism: pick(
      "password",
      "password",
      "publickey",
      "keyboard-interactive",
      "keyboard-interactive",
      "none",
      "hostbased",
    ),
    username: pick("alice", "alice", "alice", "bob"),
    does: doings(pick),
    ...pick({}, {}, { append: doings(pick) }),
    change: pick(true, false, false),
    signature: pick("none", "good", "good", "bad"),
    silent: pick(true, false, false, false),
  };
}

/** Whether an answer is all that the model says of it. */
function agrees(answer: unknown, expected: unknown): boolean {
  if (typeof expected === "string") return answer === expected;
  return Object.entries(expected as object).every(
    ([name, value]) => JSON.stringify((answer as Record<string, unknown>)[name]) === JSON.stringify(value),
  );
}

const log = { child: () => log, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const sequences = Number(process.env["SLUICE_LOGIN_SEQUENCES"] ?? 10_000);
const seed = Number(process.env["SLUICE_SEED"] ?? 20_261_122);

/** Each sequence: policies and limits, and messages over connections that share their counts. */
async function play(each: number, seen: Map<string, number>): Promise<void> {
  const pick = random(each);
  const count = (kind: string): void => void seen.set(kind, (seen.get(kind) ?? 0) + 1);
  const users = pick({}, { users: { bob: policyOf(pick) } });
  const groups = pick({}, { groups: { admins: policyOf(pick) } });
  const policies: AuthPolicies = { default: policyOf(pick), ...users, ...groups };
  const limits: Limits = {
    authAttempts: pick(1, 2, 3, 6, 6, 6),
    authRequests: pick(3, 10, 20),
    authRefusalMs: 0,
    authFailuresPerUserAndSource: pick(1, 3, 100),
    authFailuresPerSource: pick(2, 4, 100),
    authFailuresPerUser: pick(2, 4, 100),
    authFailuresMs: 60_000,
  };
  const counts = new Counts();
  const throttle = new Throttle(memoryStore(), limits);
  const setup = {
    limits,
    throttle,
    signatureAlgorithms: ["ssh-ed25519"],
    guards: [],
    policy: new Policy(policies, methods),
  };
  for (let connections = 0; connections < 3; connections++) {
    const model = new Model(policies, limits, counts);
    const told: string[] = [];
    const leaving = new AbortController();
    const connection = { log, remoteAddress: "192.0.2.1", signal: leaving.signal } as unknown as Connection;
    const observers: LoginSetup["observers"] = [
      ({ factors }, verdict) => void told.push(`${verdict.is} [${factors.join()}]`),
    ];
    const login = new LoginProcess({ ...setup, observers }, connection);
    let previous: Message | undefined;
    for (let sent = 0; sent < 8; sent++) {
      const fresh = messageOf(pick);
      // Often the same key or password once more.
      const message: Message = { ...fresh, ...pick({}, { ...previous, signature: fresh.signature }) };
      previous = message;
      if (message.mechanism === "publickey" && model.used.has(textOf(message))) count("used");
      const asked = new Promise<AuthAnswer | "pending">((resolve) => {
        const request = requestOf(message, () => message.silent && resolve("pending"));
        void login.decide(request).then((decided) => resolve(decided));
      });
      const answer = await asked;
      const expected = model.decide(message);
      if (!agrees(answer, expected)) expect.fail(`sequence ${each}: ${JSON.stringify({ message, answer, expected })}`);
      const kind =
        answer === "pending" ? "pending" : answer.is === "rejected" && answer.partial ? "partial" : answer.is;
      count(kind);
      if (kind === "accepted" || kind === "disconnect") break;
    }
    if (told.join() !== model.told.join())
      expect({ sequence: each, told }).toEqual({ sequence: each, told: model.told });
    leaving.abort();
  }
}

it(
  `does over ${sequences} random sequences of messages what a small model does`,
  { timeout: 60_000 + sequences * 30 },
  async () => {
    const seen = new Map<string, number>();
    for (let i = 0; i < sequences; i++) await play(seed + i, seen);
    // A model that never lets anybody in would agree with a server that does not either.
    const kinds = ["accepted", "usable", "partial", "changeRequired", "pending", "rejected", "disconnect", "used"];
    expect(kinds.filter((kind) => (seen.get(kind) ?? 0) <= sequences / 100)).toEqual([]);
  },
);
