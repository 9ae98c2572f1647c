import { afterEach, describe, expect, it } from "vitest";
import ssh2 from "ssh2";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { latch, SftpClient, startTestServer, type TestServer, type TestServerOptions } from "@sluice/testing";
import { proven, refused, unknown, type AuthAttempt, type AuthMethod, type Verdict } from "./auth/method.ts";
import { sameKey } from "./auth/public-key.ts";
import type { User } from "./connection.ts";
import { generateHostKey } from "./ssh/hostkeys.ts";
import { memorySockets } from "./ssh/memory-socket.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

/** Who has opened sessions, in order. */
const users: User[] = [];

async function serve(methods: readonly AuthMethod[], options: TestServerOptions = {}): Promise<TestServer> {
  running = await startTestServer({
    fs: createMemoryFileSystem(),
    methods,
    ...options,
    prepare: (server) => {
      server.onSession((session) => void users.push(session.user));
      options.prepare?.(server);
    },
  });
  return running;
}

/** What the server said to one attempt. */
interface Answer {
  readonly methods: readonly string[];
  readonly partial: boolean;
}

interface Protocol {
  authPassword(username: string, password: string, newPassword?: string): void;
  authPK(
    username: string,
    key: unknown,
    algorithm: string,
    sign: (data: Buffer, done: (signature: Buffer) => void) => void,
  ): void;
}

/** One login attempt: what ssh2's client is told to do next, or something that sends messages by itself. */
type Step = Record<string, unknown> | ((protocol: Protocol) => void);

interface Outcome {
  readonly loggedIn: boolean;
  readonly answers: readonly Answer[];
  readonly client: ssh2.Client;
}

/** Tries the steps one after the other; resolves when the login has succeeded or the connection is gone. */
function attempt(...steps: readonly Step[]): Promise<Outcome> {
  const client = new ssh2.Client();
  const sockets = memorySockets();
  const answers: Answer[] = [];
  const left = [...steps];
  return new Promise((resolve) => {
    client.on("error", () => undefined);
    client.once("ready", () => resolve({ loggedIn: true, answers, client }));
    client.once("close", () => resolve({ loggedIn: false, answers, client }));
    running!.server.accept(sockets.server);
    client.connect({
      sock: sockets.client,
      username: "unused",
      authHandler: ((methods: string[] | null, partial: boolean | null, next: (step: unknown) => void) => {
        if (methods !== null) answers.push({ methods, partial: partial === true });
        const step = left.shift();
        if (typeof step === "function") step((client as unknown as { _protocol: Protocol })._protocol);
        else next(step ?? false);
        return undefined;
      }) as unknown as ssh2.AuthHandlerMiddleware,
    });
  });
}

const username = "ann";
const none: Step = { type: "none", username };
const password = (text: string, name = username): Step => ({ type: "password", username: name, password: text });
const publickey = (key: unknown, name = username): Step => ({ type: "publickey", username: name, key });

type Prompts = readonly { readonly prompt: string; readonly echo: boolean }[];
const interactive = (
  answer: (prompts: Prompts, finish: (answers: string[]) => void) => void,
  name = username,
): Step => ({
  type: "keyboard-interactive",
  username: name,
  prompt: (
    _name: string,
    _instructions: string,
    _language: string,
    prompts: Prompts,
    finish: (answers: string[]) => void,
  ) => answer(prompts, finish),
});

const passwords = (right: string, verdict: Verdict = proven()): AuthMethod<"password"> => ({
  name: "passwords",
  mechanism: "password",
  verify: (it) => (it.password === right ? verdict : refused("wrong")),
});
const codes = (right: string, verdict: Verdict = proven()): AuthMethod<"keyboard-interactive"> => ({
  name: "codes",
  mechanism: "keyboard-interactive",
  verify: async ({ ask }) => {
    const [code] = await ask({ prompts: [{ text: "Code: ", echo: true }] });
    return code === right ? verdict : refused("wrong code");
  },
});

interface KeyPair {
  readonly private: string;
  readonly blob: Buffer;
}
function keyPair(type: "ed25519" | "ecdsa" | "rsa", bits?: number): KeyPair {
  if (type === "ed25519") {
    // Not by ssh2, which makes one key in 256 that it cannot read.
    const made = generateHostKey("ed25519");
    return { private: made.privateKey, blob: Buffer.from(made.publicKey.split(" ")[1]!, "base64") };
  }
  const pair =
    type === "ecdsa"
      ? ssh2.utils.generateKeyPairSync("ecdsa", { bits: bits as 256 })
      : ssh2.utils.generateKeyPairSync("rsa", { bits: bits! });
  return { private: pair.private, blob: (ssh2.utils.parseKey(pair.public) as ssh2.ParsedKey).getPublicSSH() };
}
const keys = (...authorised: readonly KeyPair[]): AuthMethod<"publickey"> => ({
  name: "keys",
  mechanism: "publickey",
  verify: ({ key }) => (authorised.some(({ blob }) => sameKey(blob, key.blob)) ? proven() : unknown()),
});
const [mine, stranger] = [keyPair("ed25519"), keyPair("ed25519")];

/** Who is logged in. */
async function user({ client, loggedIn }: Outcome): Promise<User> {
  expect(loggedIn).toBe(true);
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
    client.subsys("sftp", (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
  });
  await SftpClient.start(channel);
  return users.at(-1)!;
}

describe("a password", () => {
  it("logs in when it is right, and not when it is wrong", async () => {
    await serve([passwords("right")]);
    expect(await user(await attempt(password("right")))).toMatchObject({ name: "ann", home: "/", groups: [] });
    const wrong = await attempt(password("wrong"), password("Right"), password("right "));
    expect(wrong.loggedIn).toBe(false);
    expect(wrong.answers).toEqual(Array.from({ length: 3 }, () => ({ methods: ["password"], partial: false })));
    expect((await attempt(password("wrong"), password("right"))).loggedIn).toBe(true);
  });

  it("that is empty, too long or holds a NUL byte never reaches the method", async () => {
    const seen: string[] = [];
    await serve([
      {
        name: "lenient",
        mechanism: "password",
        verify: (it) => {
          seen.push((it as AuthAttempt<"password">).password);
          return proven();
        },
      },
    ]);
    for (const bad of ["", "\0", "\0secret", "secret\0", "x".repeat(1025), "ü".repeat(513)]) {
      expect((await attempt(password(bad))).loggedIn).toBe(false);
    }
    expect(seen).toEqual([]);
    expect((await attempt(password("x".repeat(1024)))).loggedIn).toBe(true);
  });

  it("that comes with a new one, to be changed, never reaches the method", async () => {
    let asked = 0;
    await serve([
      {
        name: "lenient",
        mechanism: "password",
        verify: () => {
          asked += 1;
          return proven();
        },
      },
    ]);
    const outcome = await attempt((protocol) => protocol.authPassword(username, "old", "new"));
    expect(outcome.loggedIn).toBe(false);
    expect(asked).toBe(0);
  });
});

describe("a key", () => {
  it.each([
    ["ed25519", undefined],
    ["ecdsa", 256],
    ["ecdsa", 384],
    ["ecdsa", 521],
    ["rsa", 2048],
  ] as const)("of type %s (%s bits) logs in when it is authorised", async (type, bits) => {
    const key = keyPair(type, bits);
    const seen: string[] = [];
    await serve([
      {
        name: "keys",
        mechanism: "publickey",
        verify: (it) => {
          const { key: offered } = it as AuthAttempt<"publickey">;
          seen.push(offered.type);
          expect(offered.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
          return sameKey(offered.blob, key.blob) ? proven({ home: "/home" }) : unknown();
        },
      },
    ]);
    expect((await user(await attempt(publickey(key.private)))).home).toBe("/home");
    expect(new Set(seen).size).toBe(1);
    expect((await attempt(publickey(stranger.private))).loggedIn).toBe(false);
  });

  it("that is not authorised is refused, and another may follow", async () => {
    await serve([keys(mine)]);
    const outcome = await attempt(publickey(stranger.private), publickey(mine.private));
    expect(outcome.loggedIn).toBe(true);
    expect(outcome.answers).toEqual([{ methods: ["publickey"], partial: false }]);
  });

  it("whose signature is wrong is refused, whatever the method says", async () => {
    await serve([{ name: "lenient", mechanism: "publickey", verify: () => proven() }]);
    const forged = (sign: (data: Buffer) => Buffer): unknown => {
      const key = ssh2.utils.parseKey(mine.private) as ssh2.ParsedKey;
      return Object.assign(key, { sign });
    };
    const other = ssh2.utils.parseKey(stranger.private) as ssh2.ParsedKey;
    const own = ssh2.utils.parseKey(mine.private) as ssh2.ParsedKey;
    const signatures: ((data: Buffer) => Buffer)[] = [
      (data) => other.sign(data),
      (data) => own.sign(Buffer.concat([data, Buffer.from([0])])),
      () => Buffer.alloc(64),
      () => Buffer.alloc(0),
      (data) => own.sign(data).subarray(0, 63),
    ];
    for (const sign of signatures) {
      const outcome = await attempt(publickey(forged(sign)));
      expect(outcome.loggedIn).toBe(false);
    }
    await running!.log.waitFor(({ fields: { reason } }) => reason === "The signature is wrong");
    expect((await attempt(publickey(mine.private))).loggedIn).toBe(true);
  });

  it("that was only asked about binds nobody: the one that signs does", async () => {
    const users = new Map([
      [mine.blob.toString("hex"), "admin"],
      [stranger.blob.toString("hex"), "guest"],
    ]);
    await serve([
      {
        name: "keys",
        mechanism: "publickey",
        verify: (it) => {
          const name = users.get(Buffer.from((it as AuthAttempt<"publickey">).key.blob).toString("hex"));
          return name === undefined ? unknown() : proven({ name });
        },
      },
    ]);
    // Asks about the admin's key, which the server calls usable, and signs with the guest's.
    const admins = ssh2.utils.parseKey(mine.private) as ssh2.ParsedKey;
    const guests = ssh2.utils.parseKey(stranger.private) as ssh2.ParsedKey;
    let asked = 0;
    const changing = Object.assign(admins, {
      getPublicSSH: () => (asked++ === 0 ? mine.blob : stranger.blob),
      sign: (data: Buffer) => guests.sign(data),
    });
    const outcome = await attempt(publickey(changing));
    if (outcome.loggedIn) expect((await user(outcome)).name).toBe("guest");
    expect(asked).toBeGreaterThanOrEqual(2);
  });

  it("of RSA that is too short is refused, though it is authorised", async () => {
    const short = keyPair("rsa", 1024);
    await serve([keys(short)]);
    expect((await attempt(publickey(short.private))).loggedIn).toBe(false);
    // A client need not ask before it signs.
    const key = ssh2.utils.parseKey(short.private) as ssh2.ParsedKey;
    const unasked = await attempt((protocol) =>
      protocol.authPK(username, key, "rsa-sha2-256", (data, done) => done(key.sign(data, "sha256"))),
    );
    expect(unasked.loggedIn).toBe(false);
    await running!.log.waitFor(({ fields: { reason } }) => reason === "The RSA key is too short or too long");
  });
});

describe("keyboard-interactive", () => {
  it("asks several rounds", async () => {
    const rounds: AuthMethod<"keyboard-interactive"> = {
      name: "rounds",
      mechanism: "keyboard-interactive",
      verify: async ({ ask }) => {
        const [pin] = await ask({
          name: "Token",
          instruction: "Look at it",
          prompts: [{ text: "PIN: ", echo: false }],
        });
        const [next, ...rest] = await ask({
          prompts: [
            { text: "Next code: ", echo: true },
            { text: "Again: ", echo: true },
          ],
        });
        await ask({ instruction: "Thank you", prompts: [] });
        return pin === "1234" && next === "5" && rest[0] === "6" ? proven() : refused("wrong");
      },
    };
    await serve([rounds]);
    const asked: Prompts[] = [];
    const outcome = await attempt(
      interactive((prompts, finish) => {
        asked.push(prompts);
        finish(asked.length === 1 ? ["1234"] : ["5", "6"]);
      }),
    );
    expect(outcome.loggedIn).toBe(true);
    expect(asked).toEqual([
      [{ prompt: "PIN: ", echo: false }],
      [
        { prompt: "Next code: ", echo: true },
        { prompt: "Again: ", echo: true },
      ],
    ]);
  });

  it("refuses another number of answers than was asked for", async () => {
    await serve([codes("42")]);
    for (const answers of [[], ["42", "42"]]) {
      const outcome = await attempt(interactive((_prompts, finish) => finish(answers)));
      expect(outcome.loggedIn).toBe(false);
    }
    expect((await attempt(interactive((_prompts, finish) => finish(["42"])))).loggedIn).toBe(true);
  });

  it("refuses a method that asks more than 16 things at once", async () => {
    await serve([
      {
        name: "curious",
        mechanism: "keyboard-interactive",
        verify: async (it) => {
          const prompts = Array.from({ length: 17 }, (_, i) => ({ text: `${i}`, echo: true }));
          await (it as AuthAttempt<"keyboard-interactive">).ask({ prompts });
          return proven();
        },
      },
    ]);
    expect((await attempt(interactive((prompts, finish) => finish(prompts.map(() => ""))))).loggedIn).toBe(false);
    expect(running!.log.text()).toContain("At most 16 prompts");
  });

  it("may be left for another method, and the answer goes to the right one", async () => {
    let abandoned: unknown;
    await serve(
      [
        passwords("right"),
        {
          name: "codes",
          mechanism: "keyboard-interactive",
          verify: async (it) => {
            try {
              await (it as AuthAttempt<"keyboard-interactive">).ask({ prompts: [{ text: "Code: ", echo: true }] });
            } catch (error) {
              abandoned = error;
              throw error;
            }
            return proven();
          },
        },
      ],
      { auth: [["passwords"], ["codes"]] },
    );
    for (const [text, loggedIn] of [
      ["right", true],
      ["wrong", false],
    ] as const) {
      let protocol: Protocol | undefined;
      abandoned = undefined;
      const client = new ssh2.Client();
      const sockets = memorySockets();
      const over = new Promise<boolean>((resolve) => {
        client.on("error", () => undefined);
        client.once("ready", () => resolve(true));
        client.once("close", () => resolve(false));
      });
      running!.server.accept(sockets.server);
      client.connect({
        sock: sockets.client,
        username,
        authHandler: [
          {
            type: "keyboard-interactive",
            username,
            prompt: () => {
              protocol = (client as unknown as { _protocol: Protocol })._protocol;
              protocol.authPassword(username, text);
            },
          },
        ] as never,
      });
      expect(await over).toBe(loggedIn);
      expect(abandoned).toBeInstanceOf(Error);
    }
    expect((await attempt(interactive((_prompts, finish) => finish(["x"])))).loggedIn).toBe(true);
  });
});

describe("two factors", () => {
  const both: TestServerOptions = { auth: [["passwords", "codes"]] };
  const code = (text: string, name = username): Step => interactive((_prompts, finish) => finish([text]), name);

  it("both have to be proven; the first is answered with partial success", async () => {
    await serve([passwords("right"), codes("42")], both);
    const outcome = await attempt(none, password("right"), code("42"));
    expect(outcome.loggedIn).toBe(true);
    expect(outcome.answers).toEqual([
      { methods: ["password"], partial: false },
      { methods: ["keyboard-interactive"], partial: true },
    ]);
    const half = await attempt(password("right"), code("43"), code("44"));
    expect(half.loggedIn).toBe(false);
    expect(half.answers.map(({ partial }) => partial)).toEqual([true, false, false]);
  });

  it("have an order", async () => {
    await serve([passwords("right"), codes("42")], both);
    const outcome = await attempt(code("42"), password("right"));
    expect(outcome.loggedIn).toBe(false);
    expect(outcome.answers).toEqual([
      { methods: ["password"], partial: false },
      { methods: ["keyboard-interactive"], partial: true },
    ]);
  });

  it("are not proven by proving one of them twice", async () => {
    await serve([passwords("right"), codes("42")], both);
    expect((await attempt(password("right"), password("right"), password("right"))).loggedIn).toBe(false);
  });

  it("must be of one user", async () => {
    await serve([passwords("right"), codes("42", proven({ name: "bob" }))], both);
    expect((await attempt(password("right", "ann"), code("42", "bob"))).loggedIn).toBe(false);
    expect((await attempt(password("right"), code("42"))).loggedIn).toBe(false);
    await running!.log.waitFor(({ fields: { reason } }) => reason === "The factors belong to different users");
  });

  it("add up: groups join, claims merge, the last home counts", async () => {
    await serve(
      [
        passwords("right", proven({ home: "/first", groups: ["staff", "sales"], claims: { mail: "a@x", rank: 1 } })),
        codes("42", proven({ home: "/second", groups: ["sales", "mfa"], claims: { rank: 2 } })),
      ],
      both,
    );
    expect(await user(await attempt(password("right"), code("42")))).toEqual({
      name: "ann",
      home: "/second",
      groups: ["staff", "sales", "mfa"],
      claims: { mail: "a@x", rank: 2 },
    });
  });

  it("are those of one sequence: what one begins, another does not finish", async () => {
    const spare: AuthMethod<"password"> = { name: "spare", mechanism: "password", verify: () => proven() };
    await serve([passwords("right"), codes("42"), keys(mine), spare], {
      auth: [
        ["passwords", "codes"],
        ["keys", "spare"],
      ],
    });
    const outcome = await attempt(password("right"), password("anything"));
    expect(outcome.loggedIn).toBe(false);
    expect(outcome.answers).toEqual([
      { methods: ["keyboard-interactive"], partial: true },
      { methods: ["keyboard-interactive"], partial: false },
    ]);
    expect((await attempt(publickey(mine.private), password("anything"))).loggedIn).toBe(true);
  });

  it("may be asked of some and one of others", async () => {
    await serve([passwords("right"), codes("42"), keys(mine)], { auth: [["keys"], ["passwords", "codes"]] });
    const outcome = await attempt(none, password("right"), code("42"));
    expect(outcome.loggedIn).toBe(true);
    expect(outcome.answers[0]!.methods.toSorted()).toEqual(["password", "publickey"]);
    expect((await attempt(publickey(mine.private))).loggedIn).toBe(true);
  });
});

describe("attempts", () => {
  it("are limited: after so many failures the connection ends", async () => {
    await serve([passwords("right")], { limits: { authAttempts: 3 } });
    const outcome = await attempt(none, password("1"), password("2"), password("3"), password("right"));
    expect(outcome.loggedIn).toBe(false);
    expect(outcome.answers).toHaveLength(3);
    const { fields } = await running!.log.waitFor(({ message }) => message === "Disconnected");
    expect(fields["reason"]).toBe("Too many authentication failures");
  });

  it("are limited in number even where they prove nothing and fail nothing", async () => {
    await serve([passwords("right")], { limits: { authRequests: 10 } });
    const outcome = await attempt(...Array.from({ length: 30 }, () => none));
    expect(outcome.loggedIn).toBe(false);
    expect(outcome.answers).toHaveLength(10);
  });

  it("of no kind at all, and of hostbased, prove nothing", async () => {
    await serve([{ name: "lenient", mechanism: "password", verify: () => proven() }]);
    const hostbased: Step = {
      type: "hostbased",
      username,
      key: mine.private,
      localHostname: "localhost",
      localUsername: username,
    };
    const outcome = await attempt(none, hostbased, none);
    expect(outcome.loggedIn).toBe(false);
    expect(outcome.answers).toHaveLength(3);
    expect(outcome.answers.every(({ methods, partial }) => !partial && methods.join() === "password")).toBe(true);
  });

  it("under a name that no name may be end the connection before any method is asked", async () => {
    const asked: string[] = [];
    await serve([
      {
        name: "lenient",
        mechanism: "password",
        verify: (it) => {
          asked.push(it.username);
          return proven();
        },
      },
    ]);
    for (const name of ["", "a\0b", "a\nb", "a\u202eb", "a\u200bb", "x".repeat(256), "ü".repeat(128)]) {
      expect((await attempt(password("x", name))).loggedIn).toBe(false);
    }
    expect(asked).toEqual([]);
    for (const name of ["__proto__", "constructor", "../x", "x".repeat(255)]) {
      expect((await user(await attempt(password("x", name)))).name).toBe(name);
    }
  });

  it("under names that differ in form alone are of one user", async () => {
    await serve([passwords("right")]);
    expect((await user(await attempt(password("right", "Ame\u0301lie")))).name).toBe("Am\u00e9lie");
  });
});

describe("guards and observers of logins", () => {
  it("refuse before the method is asked, and see how each attempt ended, without its secrets", async () => {
    const seen: unknown[] = [];
    let asked = 0;
    await serve(
      [
        {
          name: "counting",
          mechanism: "password",
          verify: (it) => {
            asked += 1;
            return (it as AuthAttempt<"password">).password === "s3cret-right"
              ? proven({ groups: ["staff"] })
              : refused("no such password");
          },
        },
      ],
      {
        prepare: (server) => {
          server.beforeLogin(async (login) => {
            await Promise.resolve();
            if (login.username === "root") throw new Error("root may not log in");
          });
          server.afterLogin((login, verdict) => {
            seen.push([login.username, login.mechanism, [...login.factors], verdict]);
            expect(JSON.stringify({ ...login, connection: undefined })).not.toContain("s3cret");
          });
        },
      },
    );
    expect((await attempt(password("s3cret-right", "root"))).loggedIn).toBe(false);
    expect(asked).toBe(0);
    expect((await attempt(password("s3cret-wrong"), password("s3cret-right"))).loggedIn).toBe(true);
    expect(seen).toEqual([
      ["root", "password", [], { is: "refused", reason: "root may not log in" }],
      ["ann", "password", [], { is: "refused", reason: "no such password" }],
      ["ann", "password", ["counting"], { is: "proven", user: { groups: ["staff"] } }],
    ]);
    expect(running!.log.text()).not.toContain("s3cret");
  });

  it("that fail as observers change nothing", async () => {
    await serve([passwords("right")], {
      prepare: (server) =>
        server.afterLogin(() => {
          throw new Error("oops");
        }),
    });
    expect((await attempt(password("wrong"), password("right"))).loggedIn).toBe(true);
  });
});

describe("a method", () => {
  const faults: Record<string, () => unknown> = {
    "throws at once": () => {
      throw new Error("LDAP is down at ldap.internal");
    },
    rejects: () => Promise.reject(new Error("LDAP is down at ldap.internal")),
    "answers undefined": () => undefined,
    "answers true": () => true,
    "answers an empty object": () => ({}),
    "answers a word": () => "proven",
    "answers proven without a user": () => ({ is: "proven" }),
    "answers refused without a reason": () => ({ is: "refused" }),
    "answers nonsense later": () => Promise.resolve({ is: "accepted", user: {} }),
    "answers a home that no path can be": () => proven({ home: "/a\0b" }),
    "answers a name that no name may be": () => proven({ name: "a\nb" }),
  };
  it.each(Object.entries(faults))("that %s is a refusal, and no other method is asked", async (_name, verify) => {
    let others = 0;
    await serve(
      [
        { name: "faulty", mechanism: "password", verify: verify as () => Verdict },
        {
          name: "lenient",
          mechanism: "password",
          verify: () => {
            others += 1;
            return proven();
          },
        },
      ],
      { auth: [["faulty"], ["lenient"]] },
    );
    const outcome = await attempt(password("x"));
    expect(outcome.loggedIn).toBe(false);
    expect(outcome.answers).toEqual([{ methods: ["password"], partial: false }]);
    expect(others).toBe(0);
  });

  it("that does not know the user leaves the decision to the next of its mechanism", async () => {
    await serve(
      [
        { name: "first", mechanism: "password", verify: () => unknown() },
        { name: "second", mechanism: "password", verify: () => proven({ groups: ["second"] }) },
      ],
      { auth: [["first"], ["second"]] },
    );
    expect((await user(await attempt(password("x")))).groups).toEqual(["second"]);
  });

  it("that refuses ends the matter for its mechanism", async () => {
    await serve(
      [
        { name: "first", mechanism: "password", verify: () => refused("expired") },
        { name: "second", mechanism: "password", verify: () => proven() },
      ],
      { auth: [["first"], ["second"]] },
    );
    expect((await attempt(password("x"))).loggedIn).toBe(false);
  });

  it("that never settles is told when the client leaves, and what it answers then counts for nothing", async () => {
    const gate = latch();
    const aborted: boolean[] = [];
    const verdicts: string[] = [];
    const ended: string[] = [];
    await serve(
      [
        {
          name: "slow",
          mechanism: "password",
          verify: async ({ signal }) => {
            signal.addEventListener("abort", () => aborted.push(true), { once: true });
            await gate.wait();
            return proven();
          },
        },
      ],
      {
        prepare: (server) => {
          server.afterLogin((_login, verdict) => void verdicts.push(verdict.is));
          server.onDisconnect((_connection, { reason }) => void ended.push(reason));
        },
      },
    );
    const sockets = memorySockets();
    const client = new ssh2.Client();
    client.on("error", () => undefined);
    running!.server.accept(sockets.server);
    client.connect({ sock: sockets.client, username, password: "x" });
    await gate.reached;
    const [connection] = [...running!.server.connections];
    sockets.client.destroy();
    await running!.log.waitFor(({ message }) => message === "Disconnected");
    expect(aborted).toEqual([true]);
    expect(ended).toHaveLength(1);
    gate.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(verdicts).not.toContain("proven");
    expect(running!.log.text()).not.toMatch(/Logged in|A factor was proven/);
    expect(connection).toMatchObject({ phase: "closed", user: undefined });
    expect(running!.server.connections.size).toBe(0);
  });

  it("that is asking when the client leaves is told by a rejection", async () => {
    let why: unknown;
    const asked = latch();
    await serve([
      {
        name: "codes",
        mechanism: "keyboard-interactive",
        verify: async (it) => {
          const answered = (it as AuthAttempt<"keyboard-interactive">).ask({ prompts: [{ text: "?", echo: true }] });
          asked.release();
          try {
            await answered;
          } catch (error) {
            why = error;
          }
          return refused("gone");
        },
      },
    ]);
    const sockets = memorySockets();
    const client = new ssh2.Client();
    client.on("error", () => undefined);
    running!.server.accept(sockets.server);
    client.connect({ sock: sockets.client, username, tryKeyboard: true });
    client.on("keyboard-interactive", () => sockets.client.destroy());
    await asked.wait();
    await running!.log.waitFor(({ message }) => message === "Disconnected");
    await new Promise((resolve) => setImmediate(resolve));
    expect(why).toBeInstanceOf(Error);
  });
});

describe("the time for the login", () => {
  const reasonOf = async (): Promise<unknown> =>
    (await running!.log.waitFor(({ message }) => message === "Disconnected")).fields["reason"];

  it("ends a client that says nothing at all", async () => {
    await serve([passwords("right")], { limits: { loginGraceMs: 30 } });
    const sockets = memorySockets();
    sockets.client.resume();
    running!.server.accept(sockets.server);
    await new Promise((resolve) => sockets.client.once("close", resolve));
    expect(await reasonOf()).toBe("The login took too long");
  });

  it("ends a client that does not even identify itself sooner", async () => {
    await serve([passwords("right")], { limits: { identMs: 30 } });
    const sockets = memorySockets();
    sockets.client.resume();
    sockets.client.write("SSH-2.0-slow");
    running!.server.accept(sockets.server);
    await new Promise((resolve) => sockets.client.once("close", resolve));
    expect(await reasonOf()).toBe("The identification took too long");
  });

  it("ends a client that exchanges keys and then does not log in", async () => {
    await serve([passwords("right")], { limits: { loginGraceMs: 150 } });
    const outcome = await attempt(() => undefined);
    expect(outcome.loggedIn).toBe(false);
    expect(await reasonOf()).toBe("The login took too long");
  });

  it("ends a client whose method never answers", async () => {
    await serve([{ name: "stuck", mechanism: "password", verify: () => new Promise(() => undefined) }], {
      limits: { loginGraceMs: 150 },
    });
    expect((await attempt(password("x"))).loggedIn).toBe(false);
    expect(await reasonOf()).toBe("The login took too long");
  });

  it("is over when the client has logged in", async () => {
    await serve([passwords("right")], { limits: { loginGraceMs: 400 } });
    const outcome = await attempt(password("right"));
    // Begun later, and ended by its time: the time of the first is over as well.
    expect((await attempt(() => undefined)).loggedIn).toBe(false);
    expect((await user(outcome)).name).toBe("ann");
  });
});
