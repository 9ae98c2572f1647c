import { memoryStore } from "@sluice/core";
import { authAttempt, authMethodSuite, runSuite } from "@sluice/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { bench, failingStore, secretOf, testKey } from "../test/support.ts";
import { base32Of } from "./secrets.ts";

runSuite(
  "the method totp",
  authMethodSuite<"keyboard-interactive">({
    create: async () => {
      const { method, enroll, code } = bench({ failures: 100 });
      const alice = await enroll("alice");
      const zoe = await enroll("Zo\u00eb");
      const answering = (answer: string) => ({ ask: async () => [answer] });
      return {
        method,
        good: { username: "alice", credentials: answering(code(alice)) },
        other: { username: "Zo\u00eb", credentials: answering(code(zoe)) },
        wrong: [
          { username: "alice", credentials: answering(code(zoe)) },
          { username: "alice", credentials: answering("") },
          { username: "bob", credentials: answering(code(alice)) },
        ],
      };
    },
  }),
  { describe, it },
);

const proven = { is: "proven", user: {}, asked: 1 };
const refusedFor = (reason: string | RegExp): object => ({
  is: "refused",
  reason: typeof reason === "string" ? reason : (expect.stringMatching(reason) as string),
  asked: 1,
});

describe("a code", () => {
  it("is good once", async () => {
    const { enroll, code, login } = bench();
    const secret = await enroll();
    expect(await login(code(secret))).toEqual(proven);
    expect(await login(code(secret))).toEqual(refusedFor("the code was used before"));
  });

  it("is good when it was typed with spaces, and one step early or late, not two", async () => {
    for (const steps of [-2, -1, 0, 1, 2]) {
      const { enroll, code, login, clock } = bench();
      const secret = await enroll();
      clock.now += 300_000;
      const spaced = code(secret, steps).replace(/(...)/, " $1 ");
      expect((await login(spaced)).is).toBe(Math.abs(steps) < 2 ? "proven" : "refused");
    }
  });

  it("that is older than the one used last is refused", async () => {
    const { enroll, code, login } = bench();
    const secret = await enroll();
    expect((await login(code(secret, 1))).is).toBe("proven");
    expect(await login(code(secret, 0))).toEqual(refusedFor(/^a later code was used before/));
  });

  it("used to confirm the enrolment is used up", async () => {
    const { enroll, code, login } = bench();
    const secret = await enroll();
    expect((await login(code(secret, -1))).is).toBe("refused");
  });

  it("of another user is wrong", async () => {
    const { enroll, code, login } = bench();
    await enroll("alice");
    const bob = await enroll("bob");
    expect(await login(code(bob), { user: "alice" })).toEqual(refusedFor("wrong code"));
    expect((await login(code(bob), { user: "bob" })).is).toBe("proven");
  });

  it("counts for the name that earlier factors gave the user, not for what was typed", async () => {
    const { enroll, code, login } = bench();
    const secret = await enroll("alice");
    expect((await login(code(secret), { user: "ALICE", draft: { name: "alice" } })).is).toBe("proven");
    expect((await login(code(secret), { user: "alice", draft: { name: "bob" } })).is).toBe("refused");
  });

  it("has the length, hash and period that it was enrolled with, whatever the options say later", async () => {
    const store = memoryStore();
    const before = bench({ digits: 8, algorithm: "sha256", period: 60 }, store);
    const secret = await before.enroll();
    const after = bench({}, store, before.clock);
    expect((await after.login(after.code(secret))).is).toBe("proven");
  });

  it.each([
    [-3_600_000, "an hour back"],
    [3_600_000, "an hour ahead"],
  ])("stays used when the clock jumps %i ms (%s) and returns", async (jump) => {
    const { enroll, code, login, clock } = bench();
    const secret = await enroll();
    const used = code(secret);
    expect((await login(used)).is).toBe("proven");
    clock.now += jump;
    const there = await login(code(secret));
    // Back: all these steps are behind the last one. Ahead: time has only passed.
    expect(there.is).toBe(jump < 0 ? "refused" : "proven");
    if (jump < 0) expect(there).toEqual(refusedFor(/the clock of the server has gone back$/));
    clock.now -= jump;
    expect((await login(used)).is).toBe("refused");
    clock.now += 30_000;
    expect((await login(code(secret))).is).toBe(jump < 0 ? "proven" : "refused");
    clock.now += 3_600_000;
    expect((await login(code(secret))).is).toBe("proven");
  });

  it("does not lock its user out of later ones by being used again and again", async () => {
    const { enroll, code, login, clock } = bench();
    const secret = await enroll();
    for (let i = 0; i < 20; i++) await login(code(secret));
    clock.now += 30_000;
    expect((await login(code(secret))).is).toBe("proven");
  });
});

describe("parallel use of one code", () => {
  it("succeeds exactly once, in 100 rounds of 50, and not after a restart", async () => {
    const store = memoryStore();
    const first = bench({}, store);
    const secret = await first.enroll();
    for (let round = 0; round < 100; round++) {
      const code = first.code(secret);
      // Two servers on one store: what makes a code good once is the store, not a lock in the process.
      const second = bench({}, store, first.clock);
      const verdicts = await Promise.all(
        Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? first : second).login(code)),
      );
      expect(verdicts.filter(({ is }) => is === "proven")).toHaveLength(1);
      const restarted = bench({}, store, first.clock);
      expect(await restarted.login(code)).toEqual(refusedFor("the code was used before"));
      first.clock.now += 30_000;
    }
  });

  it("is allowed to one client for a while where the option says so", async () => {
    const { enroll, code, login, clock } = bench({ parallelMs: 5000 });
    const secret = await enroll();
    const answers = await Promise.all(Array.from({ length: 10 }, () => login(code(secret))));
    expect(answers.every(({ is }) => is === "proven")).toBe(true);
    expect((await login(code(secret), { address: "192.0.2.99" })).is).toBe("refused");
    clock.now += 4999;
    expect((await login(code(secret))).is).toBe("proven");
    clock.now += 1;
    expect((await login(code(secret))).is).toBe("refused");
    clock.now -= 10_000;
    expect((await login(code(secret))).is).toBe("refused");
  });
});

describe("wrong codes", () => {
  it("are refused five times, and then right ones too, until the time is over", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { enroll, code, login, log } = bench({ failureWindowMs: 60_000 });
    const secret = await enroll();
    for (let i = 0; i < 5; i++) {
      expect((await login("000000")).is).toBe("refused");
      vi.advanceTimersByTime(5000);
    }
    vi.advanceTimersByTime(34_999);
    expect(await login(code(secret))).toEqual(refusedFor(/^5 wrong codes within 1 min: .*right or wrong$/));
    expect(log.text()).toContain("Too many wrong one-time codes");
    vi.advanceTimersByTime(1);
    expect((await login(code(secret))).is).toBe("proven");
  });

  it("of one user say nothing of another", async () => {
    const { enroll, code, login } = bench();
    await enroll("alice");
    const bob = await enroll("bob");
    for (let i = 0; i < 6; i++) await login("000000", { user: "alice" });
    expect((await login(code(bob), { user: "bob" })).is).toBe("proven");
  });

  it("are counted for all processes, and 200 at once are no more than five", async () => {
    const store = memoryStore();
    const benches = [bench({}, store), bench({}, store)];
    const secret = await benches[0]!.enroll();
    benches[1]!.clock.now = benches[0]!.clock.now;
    const right = benches[0]!.code(secret);
    // The right one is the tenth: nine wrong ones are in front of it.
    const guesses = Array.from({ length: 200 }, (_, i) => (i === 9 ? right : String(i).padStart(6, "0")));
    const verdicts = await Promise.all(guesses.map((guess, i) => benches[i % 2]!.login(guess)));
    expect(verdicts.filter(({ is }) => is === "proven")).toEqual([]);
    const reasons = verdicts.map((verdict) => (verdict.is === "refused" ? verdict.reason : verdict.is));
    expect(reasons.filter((reason) => reason === "wrong code").length).toBeLessThanOrEqual(5);
  });

  it("are codes: what is none is refused and not counted", async () => {
    const { enroll, code, login } = bench();
    const secret = await enroll();
    for (const answer of ["", "12345", "1234567", "password", "", "", "", ""]) {
      expect(await login(answer)).toEqual(refusedFor("no code"));
    }
    expect((await login(code(secret))).is).toBe("proven");
  });

  it("do not come to be forgotten by a right one", async () => {
    const { enroll, code, login, clock } = bench();
    const secret = await enroll();
    for (let i = 0; i < 4; i++) await login("000000");
    expect((await login(code(secret))).is).toBe("proven");
    await login("000000");
    clock.now += 30_000;
    expect(await login(code(secret))).toEqual(refusedFor(/^5 wrong codes/));
  });
});

describe("who is not enrolled", () => {
  it("is asked all the same, and refused", async () => {
    expect(await bench().login("123456")).toEqual(refusedFor("not enrolled for one-time codes"));
  });

  it("passes without being asked where only the enrolled are", async () => {
    const { enroll, login } = bench({ required: "enrolled" });
    await enroll("bob");
    expect(await login("123456")).toEqual({ ...proven, asked: 0 });
    expect(await login("123456", { user: "bob" })).toMatchObject({ is: "refused", asked: 1 });
  });

  it("passes without being asked unless in one of the groups", async () => {
    const { login } = bench({ required: { groups: ["admins", "finance"] } });
    expect(await login("1", { draft: { groups: ["staff"] } })).toEqual({ ...proven, asked: 0 });
    expect(await login("1", { draft: { groups: ["staff", "finance"] } })).toMatchObject({ is: "refused", asked: 1 });
    expect(await login("1", {})).toEqual({ ...proven, asked: 0 });
  });
});

describe("a store that fails", () => {
  it.each(["get", "add", "compareAndSet"] as const)("in %s refuses", async (method) => {
    const store = memoryStore();
    const { enroll, code, clock } = bench({}, store);
    const secret = await enroll();
    for (const required of ["all", "enrolled"] as const) {
      const failing = bench({ required }, failingStore(method, store), clock);
      expect(await failing.login(code(secret))).toMatchObject({
        is: "refused",
        reason: "the code could not be checked: the disk is gone",
      });
      expect(failing.log.text()).toContain("the disk is gone");
    }
  });

  it("or holds nonsense refuses", async () => {
    const { enroll, code, login, store } = bench();
    const secret = await enroll();
    await store.set("totp/step/alice", "nonsense");
    expect(await login(code(secret))).toMatchObject({
      is: "refused",
      reason: "the code could not be checked: The store's entry totp/step/alice is damaged",
    });
  });
});

describe("a key", () => {
  const other = Buffer.alloc(32, 8).toString("base64");

  it("that is not the secret's refuses, and the log says so", async () => {
    const store = memoryStore();
    const before = bench({}, store);
    const secret = await before.enroll();
    const after = bench({ key: other }, store, before.clock);
    expect(await after.login(before.code(secret))).toEqual(refusedFor(/cannot be decrypted: The key [0-9a-f]{8} /));
    expect(after.log.records.find(({ level }) => level === "error")?.message).toContain("cannot be used");
    const rotated = bench({ key: [other, testKey] }, store, before.clock);
    expect((await rotated.login(before.code(secret))).is).toBe("proven");
  });
});

describe("a secret in a claim", () => {
  const text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
  const secret = secretOf(text);
  const options = { key: undefined, claim: "otp" };

  it.each([text, text.toLowerCase(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", [text], `${text}======`])(
    "%j proves, and the claim is named as a secret",
    async (claim) => {
      const { login, code, method } = bench(options);
      const verdict = await login(code(secret), { draft: { claims: { otp: claim, mail: "a@b.c" } } });
      expect(verdict).toEqual({ is: "proven", user: {}, asked: 1 });
      expect(method.secretClaims).toEqual(["otp"]);
    },
  );

  it.each([
    [undefined, "not enrolled for one-time codes"],
    ["", "not enrolled for one-time codes"],
    [[], "not enrolled for one-time codes"],
    [[text, text], 'the secret in the claim "otp" is not one text'],
    [17, 'the secret in the claim "otp" is not one text'],
    [{ toString: () => text }, 'the secret in the claim "otp" is not one text'],
    ["not base32!", 'the secret in the claim "otp" is not base32'],
    ["A".repeat(1000), 'the secret in the claim "otp" is not base32'],
    ["GEZDGNBVGY3TQOJQ", 'the secret in the claim "otp" has 10 bytes, of which 16 are needed (minSecretBytes)'],
  ])("%j is refused", async (claim, reason) => {
    const { login, code } = bench(options);
    expect(await login(code(secret), { draft: { claims: { otp: claim } } })).toEqual(refusedFor(reason));
  });

  it("is good once as well, and may be as short as the option says", async () => {
    const { login, code } = bench({ ...options, minSecretBytes: 10 });
    const draft = { claims: { otp: "GEZDGNBVGY3TQOJQ" } };
    const short = { ...secret, bytes: secret.bytes.slice(0, 10) };
    expect((await login(code(short), { draft })).is).toBe("proven");
    expect((await login(code(short), { draft })).is).toBe("refused");
  });

  it("of objects' own names is not found where there is none", async () => {
    const { login } = bench({ key: undefined, claim: "constructor" });
    expect(await login("000000", { draft: { claims: {} } })).toEqual(refusedFor("not enrolled for one-time codes"));
  });

  it("is written as apps write it", () => {
    expect(base32Of(secret.bytes)).toBe(text);
  });
});

describe("a client", () => {
  it.each([
    [AbortSignal.abort(), "the client left"],
    [new AbortController().signal, "the client gave no answer"],
  ])("that gives no answer is refused, and no wrong code is counted", async (signal, reason) => {
    const { method, registrar } = bench();
    const ask = async (): Promise<string[]> => Promise.reject(new Error("The client gave up"));
    const attempt = authAttempt("keyboard-interactive", { username: "alice", credentials: { ask } }, { signal });
    expect(await method.verify(attempt)).toEqual({ is: "refused", reason });
    expect((await registrar.status("alice")).failures).toBe(0);
  });
});
