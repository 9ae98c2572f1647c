import { memoryStore } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { bench, secretOf, testKey } from "../test/support.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("enrolling", () => {
  it("gives an address for apps, and stores nothing before a code confirms it", async () => {
    const { registrar, store, code } = bench({ issuer: "Acme Files" });
    const pending = await registrar.enroll("alice@example.com");
    const url = new URL(pending.uri);
    expect(`${url.protocol}//${url.host}${decodeURIComponent(url.pathname)}`).toBe(
      "otpauth://totp/Acme Files:alice@example.com",
    );
    expect(Object.fromEntries(url.searchParams)).toEqual({ secret: pending.secret, issuer: "Acme Files" });
    expect(secretOf(pending.secret).bytes).toHaveLength(20);
    expect(await all(store.list(""))).toEqual([]);
    expect(await pending.confirm("000000")).toBe(false);
    expect(await pending.confirm("nonsense")).toBe(false);
    expect(await all(store.list(""))).toEqual([]);
    expect(await pending.confirm(code(secretOf(pending.secret)))).toBe(true);
    const entries = await all(store.list(""));
    expect(entries.map(([key]) => key)).toEqual(["totp/secret/alice%40example.com", "totp/step/alice%40example.com"]);
    expect(JSON.stringify(entries)).not.toContain(pending.secret);
    expect(JSON.stringify(entries)).not.toContain(Buffer.from(secretOf(pending.secret).bytes).toString("base64url"));
  });

  it("tells apps what is not usual", async () => {
    const { uri } = await bench({ digits: 8, algorithm: "sha512", period: 60 }).registrar.enroll("alice");
    expect(uri).toContain("&algorithm=SHA512&digits=8&period=60");
  });

  it("again needs force, and then the codes of before are worth nothing", async () => {
    const { registrar, enroll, code, login } = bench();
    const old = await enroll();
    const [recovery = ""] = await registrar.recoveryCodes("alice");
    await expect(registrar.enroll("alice")).rejects.toMatchObject({ name: "EnrolmentError", problem: "enrolled" });
    const pending = await registrar.enroll("alice", { force: true });
    expect((await login(code(old))).is).toBe("proven");
    const secret = secretOf(pending.secret);
    expect(await pending.confirm(code(secret))).toBe(true);
    for (const answer of [code(old, 1), recovery]) expect((await login(answer)).is).toBe("refused");
    expect((await login(code(secret, 1))).is).toBe("proven");
  });

  it("twice at the same time, one is in force and the other is told", async () => {
    const { registrar, code } = bench();
    const [one, two] = [await registrar.enroll("alice"), await registrar.enroll("alice")];
    expect(await one.confirm(code(secretOf(one.secret)))).toBe(true);
    await expect(two.confirm(code(secretOf(two.secret)))).rejects.toMatchObject({ problem: "changed" });
  });

  it.each(["", "a\nb", "a\0b", "\u202ea", "x".repeat(256), "\ud800"])("nobody is called %j", async (name) => {
    const { registrar } = bench();
    for (const call of [registrar.enroll(name), registrar.reset(name), registrar.recoveryCodes(name)]) {
      await expect(call).rejects.toMatchObject({ problem: "name" });
    }
  });

  it("names that are long or odd are users of their own", async () => {
    const { enroll, code, login } = bench();
    const names = ["字".repeat(85), `${"字".repeat(84)}孑`, "__proto__", "a/b", "a%2Fb", "../x", "#", "Zo\u00eb"];
    for (const user of names) {
      const secret = await enroll(user);
      for (const other of names) {
        if (other !== user) expect((await login(code(secret), { user: other })).is).toBe("refused");
      }
      expect((await login(code(secret), { user: user.normalize("NFD") })).is).toBe("proven");
    }
  });

  it("is done elsewhere where secrets come from a claim", async () => {
    const { registrar } = bench({ claim: "otp", key: undefined });
    await expect(registrar.enroll("alice")).rejects.toMatchObject({ problem: "elsewhere" });
    await expect(registrar.recoveryCodes("alice")).rejects.toMatchObject({ problem: "key" });
    expect(await bench({ claim: "otp", key: testKey }).registrar.recoveryCodes("alice")).toHaveLength(10);
  });
});

describe("resetting", () => {
  it("forgets everything, and lets a user in again whom a clock had locked out", async () => {
    const { registrar, enroll, store, code, login, clock } = bench();
    const secret = await enroll();
    await registrar.recoveryCodes("alice");
    for (let i = 0; i < 6; i++) await login("000000");
    clock.now += 86_400_000;
    expect((await login(code(secret))).is).toBe("refused");
    expect(await registrar.reset("alice")).toBe(true);
    expect(await all(store.list(""))).toEqual([]);
    expect(await registrar.reset("alice")).toBe(false);
  });
});

describe("the status", () => {
  it("tells what there is, and nothing secret", async () => {
    const { registrar, enroll, code, login, clock } = bench();
    expect(await registrar.status("alice")).toEqual({
      user: "alice",
      isReadable: true,
      recoveryCodes: 0,
      failures: 0,
      isLimited: false,
    });
    const enrolledAt = new Date(clock.now);
    const secret = await enroll();
    await registrar.recoveryCodes("alice");
    const lastUsedAt = new Date(clock.now);
    await login(code(secret));
    for (let i = 0; i < 7; i++) await login("000000");
    const status = { user: "alice", isReadable: true, recoveryCodes: 10, failures: 5, isLimited: true };
    expect(await registrar.status("alice")).toEqual({ ...status, enrolledAt, lastUsedAt });
    await enroll("bob");
    const users = await all(registrar.list());
    expect(users.map(({ user }) => user)).toEqual(["alice", "bob"]);
  });

  it("tells of a key that is not given", async () => {
    const store = memoryStore();
    await bench({}, store).enroll();
    const other = bench({ key: Buffer.alloc(32, 1).toString("base64") }, store);
    expect((await other.registrar.status("alice")).isReadable).toBe(false);
  });
});
