import { changeRequired, proven, refused, unknown, type Mechanism, type Verdict } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { bench, failingStore, secretOf } from "../test/support.ts";

describe("a method that asks at the prompt alone", () => {
  it("takes nothing off passwords", () => {
    expect(bench().method.detach).toBeUndefined();
  });
});

describe("where a code may be appended", () => {
  const options = { mode: "both" } as const;

  it("the code is taken off when it would be accepted, and is not used up by that", async () => {
    const { enroll, code, detach, login } = bench(options);
    const secret = await enroll();
    const detached = { password: "hunter2", answers: [code(secret)] };
    expect(await detach(`hunter2${code(secret)}`)).toEqual(detached);
    expect(await detach(`hunter2${code(secret)}`)).toEqual(detached);
    expect((await login(code(secret))).is).toBe("proven");
    expect(await detach(`hunter2${code(secret)}`)).toBeUndefined();
  });

  it("passwords without a valid code are left whole", async () => {
    const { enroll, code, detach } = bench(options);
    const secret = await enroll();
    for (const password of ["hunter2", "hunter000000", "000000", code(secret), "", "١٢٣٤٥٦", `${code(secret)}x`]) {
      expect(await detach(password)).toBeUndefined();
    }
    expect(await detach(`hunter2${code(secret)}`, { user: "bob" })).toBeUndefined();
  });

  it("a recovery code is taken off as well", async () => {
    const { enroll, registrar, detach, login } = bench(options);
    await enroll();
    const [code = ""] = await registrar.recoveryCodes("alice");
    expect(await detach(`hunter2${code}`)).toEqual({ password: "hunter2", answers: [code] });
    expect((await login(code)).is).toBe("proven");
    expect(await detach(`hunter2${code}`)).toBeUndefined();
  });

  it("guessing is limited, and does not lock the user out of the prompt", async () => {
    const { enroll, code, detach, login } = bench(options);
    const secret = await enroll();
    const guesses = Array.from({ length: 100 }, (_, i) => detach(`hunter2${String(i).padStart(6, "0")}`));
    const looked = await Promise.all(guesses);
    expect(looked.filter((detached) => detached === undefined)).toHaveLength(5);
    expect((await login(code(secret))).is).toBe("proven");
  });

  it("strangers cannot keep the user from appending codes, and guesses behind the password count then", async () => {
    const { enroll, code, detach, login, registrar } = bench(options);
    const secret = await enroll();
    for (let i = 0; i < 20; i++) await detach(`guess${i}000000`);
    expect((await registrar.status("alice")).failures).toBe(0);
    const detached = await detach(`hunter2${code(secret)}`);
    expect(detached).toEqual({ password: "hunter2", answers: [code(secret)] });
    expect((await login(detached?.answers[0] ?? "")).is).toBe("proven");
    for (let i = 0; i < 5; i++) {
      expect(await detach("hunter2000000")).toEqual({ password: "hunter2", answers: ["000000"] });
      expect((await login("000000")).is).toBe("refused");
    }
    expect((await login(code(secret, 1))).is).toBe("refused");
  });

  it("a password that ends like a code is no guess where it is right, however often it is used", async () => {
    const { enroll, judged } = bench(options);
    await enroll();
    for (let i = 0; i < 20; i++) expect(await judged("hunter000000", proven())).toBeUndefined();
    for (let i = 0; i < 20; i++) expect(await judged("hunter000000", changeRequired("New: "))).toBeUndefined();
  });

  it.each<[string, Verdict, Mechanism]>([
    ["is refused", refused("wrong"), "password"],
    ["is nobody's", unknown(), "password"],
    ["is followed by a key that is right", proven(), "publickey"],
  ])("a password that %s was a guess", async (_, verdict, mechanism) => {
    const { enroll, judged } = bench(options);
    await enroll();
    for (let i = 0; i < 5; i++) expect(await judged("hunter000000", verdict, mechanism)).toBeUndefined();
    expect(await judged("hunter000000", verdict, mechanism)).toEqual({ password: "hunter", answers: ["000000"] });
  });

  it("looking up valid ones is not limited", async () => {
    const { enroll, code, detach } = bench(options);
    const secret = await enroll();
    for (let i = 0; i < 10; i++) expect(await detach(`x${code(secret)}`)).toBeDefined();
  });

  it("a store that fails is an error, which core takes for a refusal", async () => {
    const { enroll, code, store, clock } = bench(options);
    const secret = await enroll();
    await expect(bench(options, failingStore("get", store), clock).detach(`x${code(secret)}`)).rejects.toThrow("disk");
    await expect(bench(options, failingStore("add", store), clock).detach(`x${code(secret)}`)).rejects.toThrow("disk");
  });
});

describe("where codes are always appended", () => {
  const options = { mode: "append" } as const;

  it("the end is taken off whether it is right or not, and whoever it is", async () => {
    const { enroll, detach } = bench(options);
    await enroll();
    for (const user of ["alice", "nobody"]) {
      expect(await detach("hunter2000000", { user })).toEqual({ password: "hunter2", answers: ["000000"] });
    }
    expect(await detach("hunter2bbbb-cccc-dddd-ffff")).toEqual({
      password: "hunter2",
      answers: ["bbbb-cccc-dddd-ffff"],
    });
  });

  it("a password without a code is left whole and answers nothing", async () => {
    const { enroll, detach } = bench(options);
    await enroll();
    for (const password of ["hunter", "123456", "12345678x", "hunter12345"]) {
      expect(await detach(password)).toEqual({ password, answers: [] });
    }
  });

  it("those who need none keep their passwords, digits and all", async () => {
    for (const required of ["enrolled", { groups: ["admins"] }] as const) {
      const { enroll, detach } = bench({ ...options, required });
      await enroll("bob");
      expect(await detach("hunter123456")).toEqual({ password: "hunter123456", answers: [] });
      expect(await detach("hunter123456", { user: "bob" })).toEqual({ password: "hunter", answers: ["123456"] });
    }
  });

  it("the length is that of the user's codes, else that of the options", async () => {
    const { enroll, detach } = bench({ ...options, digits: 8 });
    await enroll();
    expect(await detach("hunter1234567890")).toEqual({ password: "hunter12", answers: ["34567890"] });
  });

  it("a secret in a claim, known later, will do", async () => {
    const text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const { detach, login, code } = bench({ ...options, key: undefined, claim: "otp" });
    const right = code(secretOf(text));
    expect(await detach(`hunter2${right}`)).toEqual({ password: "hunter2", answers: [right] });
    expect((await login(right, { draft: { claims: { otp: text } } })).is).toBe("proven");
  });
});
