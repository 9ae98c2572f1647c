import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttackChannel } from "./channel.ts";
import { Target } from "./oracle.ts";
import { account, authRequest, passwordRequest, type Peer } from "./peer.ts";
import { message, mpint, MSG, str, u32, u8 } from "./wire.ts";

/** Attempts to get in, or to bring the server down, by what a login may say. */

interface UserKey {
  readonly type: string;
  readonly blob: Buffer;
  readonly privateKey: KeyObject;
}

const ed25519 = makeEd25519();
const other = makeEd25519();
const rsa = makeRsa(2048);
const weak = makeRsa(1024);
const ecdsa = makeEcdsa();

let target: Target;
beforeAll(async () => {
  const keys = { tester: ed25519.blob, other: other.blob, rsa: rsa.blob, weak: weak.blob, ecdsa: ecdsa.blob };
  target = await Target.start({
    keys,
    limits: { perSource: 200, perSourceUnauthenticated: 200 },
    maxStartups: "200:30:400",
  });
});
afterAll(() => target?.stop());

/** Sends one request and answers the type of what came back: 51, 52, 60; 0 for the end of the connection. */
async function ask(peer: Peer, payload: Buffer): Promise<number> {
  peer.send(payload);
  try {
    return (await peer.expect(MSG.USERAUTH_FAILURE, MSG.USERAUTH_SUCCESS, MSG.USERAUTH_PK_OK))[0]!;
  } catch (error) {
    if (peer.ending === undefined) throw error;
    return 0;
  }
}

async function attempt(payload: Buffer | ((peer: Peer) => Buffer)): Promise<number> {
  const peer = await target.peer({ stage: "service" });
  return ask(peer, typeof payload === "function" ? payload(peer) : payload);
}

describe("a public key", () => {
  test("logs in when it is authorised and has signed", () =>
    target.attack(async () => {
      expect(await attempt((peer) => signed(peer, "tester", ed25519))).toBe(MSG.USERAUTH_SUCCESS);
      expect(await attempt((peer) => signed(peer, "rsa", rsa, "rsa-sha2-256"))).toBe(MSG.USERAUTH_SUCCESS);
      expect(await attempt((peer) => signed(peer, "rsa", rsa, "rsa-sha2-512"))).toBe(MSG.USERAUTH_SUCCESS);
      expect(await attempt((peer) => signed(peer, "ecdsa", ecdsa))).toBe(MSG.USERAUTH_SUCCESS);
    }));

  test("that was only asked about does not log in the one that signs", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, query("tester", ed25519))).toBe(MSG.USERAUTH_PK_OK);
      expect(await ask(peer, query("tester", other))).toBe(MSG.USERAUTH_FAILURE);
      expect(await ask(peer, signed(peer, "tester", other))).toBe(MSG.USERAUTH_FAILURE);
      expect(await ask(peer, signed(peer, "tester", ed25519))).toBe(MSG.USERAUTH_SUCCESS);
    }));

  test("asked about is no login: nothing is served", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, query("tester", ed25519))).toBe(MSG.USERAUTH_PK_OK);
      peer.send(message(MSG.CHANNEL_OPEN, str("session"), u32(0), u32(1 << 20), u32(32_768)));
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
    }));

  test("of one user asked about does not log in another user", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, query("other", other))).toBe(MSG.USERAUTH_PK_OK);
      expect([0, MSG.USERAUTH_FAILURE]).toContain(await ask(peer, signed(peer, "tester", other)));
    }));

  test("with a signature for another session, user, algorithm or message does not log in", () =>
    target.attack(async () => {
      const stranger = await target.peer({ stage: "service" });
      const cases: ((peer: Peer) => Buffer)[] = [
        (peer) => signed(peer, "tester", ed25519, "ssh-ed25519", signature(stranger, "tester", ed25519)),
        (peer) => signed(peer, "tester", ed25519, "ssh-ed25519", signature(peer, "other", ed25519)),
        (peer) => signed(peer, "tester", ed25519, "ssh-ed25519", signature(peer, "tester", other)),
        (peer) => signed(peer, "rsa", rsa, "rsa-sha2-256", signature(peer, "rsa", rsa, "rsa-sha2-512")),
      ];
      for (const make of cases) expect(await attempt(make)).toBe(MSG.USERAUTH_FAILURE);
    }));

  test("with a malformed signature does not log in", () =>
    target.attack(
      async () => {
        const users: [string, UserKey, string][] = [
          ["tester", ed25519, "ssh-ed25519"],
          ["ecdsa", ecdsa, "ecdsa-sha2-nistp256"],
          ["rsa", rsa, "rsa-sha2-256"],
        ];
        for (const [user, key, algorithm] of users) {
          const good = await signatureBytes(key, algorithm);
          const bad: Buffer[] = [
            Buffer.alloc(0),
            Buffer.alloc(good.length),
            Buffer.alloc(good.length, 0xff),
            good.subarray(0, good.length - 1),
            Buffer.concat([good, u8(0)]),
            Buffer.concat([mpint(Buffer.alloc(0)), mpint(Buffer.alloc(0))]),
            Buffer.concat([u32(0xffff_ffff), good]),
            Buffer.alloc(4000, 1),
          ];
          for (const bytes of bad) {
            const blob = Buffer.concat([str(algorithm), str(bytes)]);
            expect(await attempt((peer) => signed(peer, user, key, algorithm, blob))).not.toBe(MSG.USERAUTH_SUCCESS);
          }
          for (const blob of [
            Buffer.alloc(0),
            str(algorithm),
            str(""),
            Buffer.concat([str("x"), str(good)]),
            u32(0xffff_ffff),
          ]) {
            expect(await attempt((peer) => signed(peer, user, key, algorithm, blob))).not.toBe(MSG.USERAUTH_SUCCESS);
          }
        }
      },
      { connections: 39 },
    ));

  test("of another type than its algorithm says, empty, or nonsense is refused", () =>
    target.attack(
      async () => {
        const fake = (type: string, blob: Buffer): UserKey => ({ type, blob, privateKey: ed25519.privateKey });
        const cases: [string, UserKey][] = [
          ["rsa-sha2-256", ed25519],
          ["ssh-ed25519", rsa],
          ["ecdsa-sha2-nistp256", ed25519],
          ["ssh-dss", fake("ssh-dss", Buffer.concat([str("ssh-dss"), ...[1, 2, 3, 4].map((n) => mpint(u8(n)))]))],
          ["ssh-ed25519", fake("ssh-ed25519", Buffer.alloc(0))],
          ["ssh-ed25519", fake("ssh-ed25519", str(""))],
          ["ssh-ed25519", fake("ssh-ed25519", str("ssh-ed25519"))],
          ["ssh-ed25519", fake("ssh-ed25519", Buffer.concat([str("ssh-ed25519"), str("")]))],
          ["ssh-ed25519", fake("ssh-ed25519", Buffer.concat([str("ssh-ed25519"), u32(0xffff_ffff)]))],
          ["__proto__", fake("__proto__", str("__proto__"))],
          ["constructor", fake("constructor", str("constructor"))],
          ["ssh-ed25519", fake("ssh-ed25519", str("__proto__"))],
          ["../../etc/passwd", ed25519],
          ["", ed25519],
          ["ssh-ed25519-cert-v01@openssh.com", ed25519],
          ["sk-ssh-ed25519@openssh.com", ed25519],
        ];
        for (const [algorithm, key] of cases) {
          expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(query("tester", key, algorithm)));
          const unverified = (peer: Peer): Buffer =>
            signed(peer, "tester", key, algorithm, Buffer.concat([str(algorithm), str(Buffer.alloc(64))]));
          expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(unverified));
        }
      },
      { connections: 32 },
    ));

  test("that is enormous is refused before anybody computes with it", () =>
    target.attack(
      async () => {
        for (const bytes of [2049, 4000, 7000, 30_000]) {
          const blob = Buffer.concat([
            str("ssh-rsa"),
            mpint(Buffer.alloc(bytes / 2, 0xff)),
            mpint(Buffer.alloc(bytes, 0xfd)),
          ]);
          const key: UserKey = { type: "ssh-rsa", blob, privateKey: rsa.privateKey };
          const forged = (peer: Peer): Buffer =>
            signed(peer, "rsa", key, "rsa-sha2-512", Buffer.concat([str("rsa-sha2-512"), str(Buffer.alloc(256))]));
          expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(forged));
          expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(query("rsa", key, "rsa-sha2-512")));
        }
      },
      { connections: 8 },
    ));

  test("that signs with SHA-1, or is too short, does not log in though it is authorised", () =>
    target.attack(async () => {
      expect(await attempt((peer) => signed(peer, "rsa", rsa, "ssh-rsa"))).toBe(MSG.USERAUTH_FAILURE);
      expect(await attempt(query("rsa", rsa, "ssh-rsa"))).toBe(MSG.USERAUTH_FAILURE);
      expect(await attempt((peer) => signed(peer, "weak", weak, "rsa-sha2-256"))).toBe(MSG.USERAUTH_FAILURE);
    }));

  test("is answered alike for users that exist and users that do not", () =>
    target.attack(async () => {
      expect(await attempt(query("tester", other))).toBe(MSG.USERAUTH_FAILURE);
      expect(await attempt(query("nobody", other))).toBe(MSG.USERAUTH_FAILURE);
      expect(await attempt(query("nobody", ed25519))).toBe(MSG.USERAUTH_FAILURE);
    }));
});

test("Too many attempts end alike for users that exist and users that do not: answers, reason, and what is left to try", () =>
  target.attack(
    async () => {
      const tell = async (username: string, make: (name: string) => Buffer): Promise<string[]> => {
        const peer = await target.peer({ stage: "service" });
        const told: string[] = [];
        while (peer.ending === undefined && told.length < 50) {
          peer.send(make(username));
          const reply = await peer.expect(MSG.USERAUTH_FAILURE, MSG.USERAUTH_PK_OK).catch(() => undefined);
          told.push(reply?.toString("hex") ?? `ended by ${(await peer.dropped()).disconnect}`);
        }
        return told;
      };
      const ways: ((name: string) => Buffer)[] = [
        (name) => passwordRequest(name, "wrong"),
        (name) => query(name, other),
        (name) => authRequest(name, "none"),
        (name) => authRequest(name, "hostbased"),
      ];
      for (const way of ways) expect(await tell("nobody", way)).toEqual(await tell("tester", way));
    },
    { connections: 8 },
  ));

describe("a method", () => {
  const blob = Buffer.concat([
    str("ssh-ed25519"),
    str(ed25519.blob),
    str("host.example"),
    str("root"),
    str(Buffer.alloc(83)),
  ]);

  test.each([
    ["none", authRequest("tester", "none")],
    ["hostbased", authRequest("tester", "hostbased", blob)],
    ["an unknown one", authRequest("tester", "gssapi-with-mic", u32(0))],
    ["one without a name", authRequest("tester", "")],
    ["__proto__", authRequest("tester", "__proto__", u8(0))],
    [
      "of a service that does not exist",
      message(50, str("tester"), str("ssh-shell"), str("password"), u8(0), str(account.password)),
    ],
    ["of a service without a name", message(50, str("tester"), str(""), str("password"), u8(0), str(account.password))],
    ["cut short", authRequest("tester", "password", u8(0))],
    ["password change", authRequest("tester", "password", u8(1), str(account.password), str("new"))],
    [
      "password change to the same",
      authRequest("tester", "password", u8(1), str(account.password), str(account.password)),
    ],
    ["half a password change", authRequest("tester", "password", u8(1), str(account.password))],
    ["nothing at all", message(50)],
    ["a name that is too long for its packet", message(50, str("tester", 0xffff_ffff))],
  ])("%s does not log in", (_what, payload) =>
    target.attack(async () => expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(payload))),
  );

  test("that fails by itself is a refusal, and the next attempt may succeed", () =>
    target.attack(async () => {
      expect(await attempt(passwordRequest("broken", "x"))).toBe(MSG.USERAUTH_FAILURE);
      expect(await attempt(passwordRequest())).toBe(MSG.USERAUTH_SUCCESS);
    }));
});

describe("a password", () => {
  test.each([
    ["empty", ""],
    ["a NUL", "\0"],
    ["a NUL and more", "\0x"],
    ["the right one and a NUL", `${account.password}\0`],
    ["the right one and more", `${account.password}x`],
    ["35 kB", Buffer.alloc(34_000, "x")],
    ["8 kB", Buffer.alloc(8000, "x")],
    ["1,025 bytes", Buffer.alloc(1025, "x")],
    ["no UTF-8", Buffer.from("fffefdc0af", "hex")],
    ["a terminal's escape codes", "\u001b]0;x\u0007"],
  ])("that is %s does not log in", (_what, password) =>
    target.attack(async () =>
      expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(passwordRequest("tester", password))),
    ),
  );
});

describe("a user name", () => {
  test.each([
    ["empty", ""],
    ["255 bytes", "x".repeat(255)],
    ["256 bytes", "x".repeat(256)],
    ["35 kB", "x".repeat(34_000)],
    ["with a NUL behind", "tester\0"],
    ["with a NUL inside", "tester\0/../admin"],
    ["a path", "../tester"],
    ["an encoded path", "%2e%2e/tester"],
    ["of two lines", "tester\r\nadmin"],
    ["with escape codes", "tester\u001b[2J"],
    ["with text that runs the other way", "\u202etester"],
    ["with a space of no width", "tes\u200bter"],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["hasOwnProperty", "hasOwnProperty"],
    ["in other case", "TESTER"],
    ["in other letters that look the same", "t\u0435ster"],
    ["with a space behind", "tester "],
    ["with a dot behind", "tester."],
    ["in wide letters", "\uff54\uff45\uff53\uff54\uff45\uff52"],
    ["no UTF-8", Buffer.from([0x74, 0xc0, 0xae])],
    ["half a surrogate", Buffer.from("eda080", "hex")],
    ["with C1 controls", "tester\u0085"],
    ["of a line separator", "tester\u2028"],
    ["a filter of LDAP", "*)(uid=*))(|(uid=*"],
    ["a formula", "=cmd|' /C calc'!A0"],
  ])("%s does not log in as somebody", (_what, username) =>
    target.attack(async () => {
      expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(passwordRequest(username)));
      expect([0, MSG.USERAUTH_FAILURE]).toContain(await attempt(query(username, ed25519)));
    }),
  );

  test("that changes between requests of a connection logs in nobody, or the one who proved himself", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      await ask(peer, passwordRequest("nobody", "x"));
      await ask(peer, passwordRequest());
      if (peer.ending !== undefined) return;
      const lines = await target.waitFor(() => target.linesOf(peer).filter(({ msg }) => msg === "Logged in"));
      expect(lines.map((line) => line["user"])).toEqual(["tester"]);
    }));
});

describe("too many attempts", () => {
  const wrong = passwordRequest("tester", "wrong");
  test.each([
    ["wrong passwords", [wrong]],
    ["questions for the methods", [authRequest("tester", "none")]],
    ["questions about keys", [query("tester", other)]],
    ["alternating methods", [wrong, authRequest("tester", "none"), query("tester", other)]],
  ])("by %s end the connection", (_what, requests) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      let count = 0;
      for (; count < 1000; count++) if ((await ask(peer, requests[count % requests.length]!)) === 0) break;
      expect(count).toBeLessThanOrEqual(20);
    }),
  );

  test("by keyboard-interactive end the connection, however many submethods are asked for", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      const begin = authRequest("tester", "keyboard-interactive", str(""), str("pam,".repeat(1000)));
      let rounds = 0;
      for (; rounds < 100 && (await ask(peer, begin)) === MSG.USERAUTH_INFO_REQUEST; rounds++) {
        if ((await ask(peer, answers("wrong"))) === 0) break;
      }
      expect(rounds).toBeLessThanOrEqual(20);
    }));

  test("by abandoned questions end the connection", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      let rounds = 0;
      while (rounds < 100 && (await ask(peer, keyboard())) === MSG.USERAUTH_INFO_REQUEST) rounds += 1;
      expect(rounds).toBeLessThanOrEqual(20);
    }));
});

describe("requests that do not wait for their answers", () => {
  const mixes: [string, Buffer[]][] = [
    ["two passwords", [passwordRequest("slow", "x"), passwordRequest("slow", "x")]],
    ["a password behind a slow one", [passwordRequest("slow", "x"), passwordRequest()]],
    ["a query behind a slow password", [passwordRequest("slow", "x"), query("slow", ed25519)]],
    ["ten passwords", Array.from({ length: 10 }, () => passwordRequest("tester", "wrong"))],
    ["none and a password", [authRequest("tester", "none"), passwordRequest()]],
    ["keyboard-interactive and an answer at once", [keyboard(), answers("41")]],
    ["keyboard-interactive twice", [keyboard(), keyboard()]],
    [
      "a password, keyboard-interactive and a query",
      [passwordRequest("tester", "wrong"), keyboard(), query("tester", ed25519)],
    ],
    [
      "a password and a channel",
      [passwordRequest("slow", "x"), message(90, str("session"), u32(0), u32(9999), u32(9999))],
    ],
    [
      "the right password and a channel",
      [passwordRequest(), message(90, str("session"), u32(0), u32(9999), u32(9999))],
    ],
  ];

  test.each(mixes)("are refused, or answered in order: %s", (_what, requests) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      peer.sendNow(...requests);
      await Promise.race([
        peer.ended,
        peer.expect(MSG.USERAUTH_SUCCESS, MSG.USERAUTH_FAILURE, MSG.USERAUTH_INFO_REQUEST),
      ]).catch(() => {});
      await target.release();
      peer.close();
      const reason = await target.reasonOf(peer);
      expect(reason).not.toMatch(/No auth in progress|not in progress|undefined|TypeError/);
      const users = target
        .linesOf(peer)
        .filter(({ msg }) => msg === "Logged in")
        .map((line) => line["user"]);
      // Only a password that was right, and not for somebody else's request, may have logged in.
      if (requests.every((request) => !request.includes(account.password) || request.includes("slow")))
        expect(users).toEqual([]);
      else expect(users.every((user) => user === "tester")).toBe(true);
    }),
  );
});

describe("keyboard-interactive", () => {
  test("logs in by the right answer", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
      expect(await ask(peer, answers("42"))).toBe(MSG.USERAUTH_SUCCESS);
    }));

  test.each([
    [
      "a query, then the key",
      async (peer: Peer) => {
        expect(await ask(peer, query("tester", ed25519))).toBe(MSG.USERAUTH_PK_OK);
        expect(await ask(peer, signed(peer, "tester", ed25519))).toBe(MSG.USERAUTH_SUCCESS);
      },
    ],
    [
      "a wrong password, then the right one",
      async (peer: Peer) => {
        expect(await ask(peer, passwordRequest("tester", "wrong"))).toBe(MSG.USERAUTH_FAILURE);
        expect(await ask(peer, passwordRequest())).toBe(MSG.USERAUTH_SUCCESS);
      },
    ],
    [
      "itself",
      async (peer: Peer) => {
        expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
        expect(await ask(peer, answers("42"))).toBe(MSG.USERAUTH_SUCCESS);
      },
    ],
    [
      "none, then itself",
      async (peer: Peer) => {
        expect(await ask(peer, authRequest("tester", "none"))).toBe(MSG.USERAUTH_FAILURE);
        expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
        expect(await ask(peer, answers("42"))).toBe(MSG.USERAUTH_SUCCESS);
      },
    ],
  ])("may be left for %s", (_what, next) =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
      await next(peer);
      await AttackChannel.sftp(peer);
    }),
  );

  test("left for another method takes no answer any more", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
      expect(await ask(peer, passwordRequest("tester", "wrong"))).toBe(MSG.USERAUTH_FAILURE);
      expect(await ask(peer, answers("42"))).toBe(0);
    }));

  test("takes one answer to each question", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
      peer.sendNow(answers("42"), answers("42"));
      await Promise.race([peer.ended, peer.expect(MSG.USERAUTH_SUCCESS)]).catch(() => {});
    }));

  test.each([
    ["no answer", message(61, u32(0))],
    ["three answers", answers("42", "42", "42")],
    ["17 answers", answers(...Array.from({ length: 17 }, () => "42"))],
    ["2^25 answers", message(61, u32(1 << 25))],
    ["2^32 - 1 answers", message(61, u32(0xffff_ffff))],
    ["a count and no answer", message(61, u32(1))],
    ["an answer that is too long for its packet", message(61, u32(1), str("42", 0xffff_ffff))],
    ["an answer of 34 kB", answers("4".repeat(34_000))],
    ["nothing", message(61)],
  ])("does not log in by %s", (_what, payload) =>
    target.attack(
      async () => {
        const peer = await target.peer({ stage: "service" });
        expect(await ask(peer, keyboard())).toBe(MSG.USERAUTH_INFO_REQUEST);
        expect([0, MSG.USERAUTH_FAILURE]).toContain(await ask(peer, payload));
      },
      { growth: 16 * 1024 * 1024 },
    ),
  );

  test("takes no answer to what was not asked", () =>
    target.attack(async () => expect(await attempt(answers("42"))).toBe(0)));
});

test("who is logged in gains nothing by logging in again", () =>
  target.attack(async () => {
    const peer = await target.peer();
    peer.send(passwordRequest("other", "x"), query("other", other));
    await Promise.race([peer.ended, peer.roundTrip()]).catch(() => {});
    expect(
      target
        .linesOf(peer)
        .filter(({ msg }) => msg === "Logged in")
        .map((line) => line["user"]),
    ).toEqual(["tester"]);
  }));

function keyboard(): Buffer {
  return authRequest("tester", "keyboard-interactive", str(""), str(""));
}

function answers(...texts: readonly string[]): Buffer {
  return message(MSG.USERAUTH_INFO_RESPONSE, u32(texts.length), ...texts.map((text) => str(text)));
}

function query(username: string | Uint8Array, key: UserKey, algorithm: string = key.type): Buffer {
  return authRequest(username, "publickey", u8(0), str(algorithm), str(key.blob));
}

/** A request with a signature: the right one, or another. */
function signed(peer: Peer, username: string, key: UserKey, algorithm = key.type, forged?: Buffer): Buffer {
  const proof = forged ?? signature(peer, username, key, algorithm);
  return authRequest(username, "publickey", u8(1), str(algorithm), str(key.blob), str(proof));
}

/** What signs a request of this user on this connection (RFC 4252, section 7). */
function signature(peer: Peer, username: string, key: UserKey, algorithm = key.type): Buffer {
  const request = authRequest(username, "publickey", u8(1), str(algorithm), str(key.blob));
  const data = Buffer.concat([str(peer.sessionId!), request]);
  return Buffer.concat([str(algorithm), str(rawSignature(key, algorithm, data))]);
}

function rawSignature(key: UserKey, algorithm: string, data: Buffer): Buffer {
  if (algorithm === "ssh-ed25519") return sign(null, data, key.privateKey);
  if (algorithm === "ecdsa-sha2-nistp256") {
    const pair = sign("sha256", data, { key: key.privateKey, dsaEncoding: "ieee-p1363" });
    return Buffer.concat([mpint(pair.subarray(0, 32)), mpint(pair.subarray(32))]);
  }
  const hash = algorithm === "ssh-rsa" ? "sha1" : algorithm === "rsa-sha2-512" ? "sha512" : "sha256";
  return sign(hash, data, key.privateKey);
}

/** A signature of the right form, of nothing in particular. */
async function signatureBytes(key: UserKey, algorithm: string): Promise<Buffer> {
  return rawSignature(key, algorithm, Buffer.from("something else"));
}

function makeEd25519(): UserKey {
  const pair = generateKeyPairSync("ed25519");
  const { x } = pair.publicKey.export({ format: "jwk" });
  const blob = Buffer.concat([str("ssh-ed25519"), str(Buffer.from(x!, "base64url"))]);
  return { type: "ssh-ed25519", blob, privateKey: pair.privateKey };
}

function makeRsa(modulusLength: number): UserKey {
  const pair = generateKeyPairSync("rsa", { modulusLength });
  const { n, e } = pair.publicKey.export({ format: "jwk" });
  const blob = Buffer.concat([
    str("ssh-rsa"),
    mpint(Buffer.from(e!, "base64url")),
    mpint(Buffer.from(n!, "base64url")),
  ]);
  return { type: "ssh-rsa", blob, privateKey: pair.privateKey };
}

function makeEcdsa(): UserKey {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = pair.publicKey.export({ format: "jwk" });
  const point = Buffer.concat([u8(4), Buffer.from(x!, "base64url"), Buffer.from(y!, "base64url")]);
  const blob = Buffer.concat([str("ecdsa-sha2-nistp256"), str("nistp256"), str(point)]);
  return { type: "ecdsa-sha2-nistp256", blob, privateKey: pair.privateKey };
}
