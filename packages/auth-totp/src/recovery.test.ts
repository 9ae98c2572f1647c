import { memoryStore } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { bench } from "../test/support.ts";
import { readRecoveryCode } from "./recovery.ts";

describe("a recovery code", () => {
  it("is good once at the prompt for codes, however it is typed", async () => {
    const { enroll, login, registrar, log } = bench();
    await enroll();
    const codes = await registrar.recoveryCodes("alice");
    expect(codes).toHaveLength(10);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^[bcdfghjkmnp-tv-z]{4}(-[bcdfghjkmnp-tv-z]{4}){3}$/);
    const [first = "", second = "", third = ""] = codes;
    expect((await login(first)).is).toBe("proven");
    expect((await login(first)).is).toBe("refused");
    expect((await login(second.toUpperCase())).is).toBe("proven");
    expect((await login(` ${third.replaceAll("-", " ")}`)).is).toBe("proven");
    expect((await registrar.status("alice")).recoveryCodes).toBe(7);
    expect(log.text()).toContain("A recovery code was used");
    expect(log.text()).not.toContain(first);
  });

  it("succeeds once of 50 at the same time, and takes no other with it", async () => {
    const store = memoryStore();
    const benches = [bench({ failures: 100 }, store), bench({ failures: 100 }, store)];
    await benches[0]!.enroll();
    const codes = await benches[0]!.registrar.recoveryCodes("alice");
    const verdicts = await Promise.all(codes.flatMap((code) => benches.map((each) => each.login(code))));
    expect(verdicts.filter(({ is }) => is === "proven")).toHaveLength(10);
    expect((await benches[0]!.registrar.status("alice")).recoveryCodes).toBe(0);
  });

  it("is stored as a hash that needs the key", async () => {
    const { enroll, registrar, store, login } = bench();
    await enroll();
    const [code = ""] = await registrar.recoveryCodes("alice");
    const entries: string[] = [];
    for await (const [, value] of store.list("totp/")) entries.push(value);
    expect(entries.join("\n")).not.toContain(code);
    expect(entries.join("\n")).not.toContain(code.replaceAll("-", ""));
    const other = bench({ key: Buffer.alloc(32, 9).toString("hex").replace(/../g, "09") }, store);
    expect((await other.login(code)).is).toBe("refused");
    expect((await login(code)).is).toBe("proven");
  });

  it("of another user, or replaced by new ones, is refused", async () => {
    const { enroll, registrar, login } = bench();
    await enroll("alice");
    await enroll("bob");
    const [old = ""] = await registrar.recoveryCodes("alice");
    await registrar.recoveryCodes("bob");
    expect((await login(old, { user: "bob" })).is).toBe("refused");
    await registrar.recoveryCodes("alice");
    expect((await login(old)).is).toBe("refused");
  });

  it("is refused while too many codes were wrong", async () => {
    const { enroll, registrar, login } = bench();
    await enroll();
    const [code = ""] = await registrar.recoveryCodes("alice");
    for (let i = 0; i < 5; i++) await login("bbbb-bbbb-bbbb-bbbb");
    expect((await login(code)).is).toBe("refused");
    expect((await registrar.status("alice")).recoveryCodes).toBe(10);
  });

  it.each([
    "",
    "bbbb-bbbb-bbbb-bbb",
    "bbbb-bbbb-bbbb-bbbbb",
    "aaaa-bbbb-bbbb-bbbb",
    "ßßßß-bbbb-bbbb-bbbb",
    "b".repeat(999),
  ])("%j is none", (answer) => {
    expect(readRecoveryCode(answer)).toBeUndefined();
  });
});
