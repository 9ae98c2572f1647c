import { describe, expect, it } from "vitest";
import { cheapHash } from "../test/support.ts";
import { GateFull } from "./gate.ts";
import { hashPassword, verifyPassword } from "./password.ts";

describe("hashing passwords", () => {
  it.each(["argon2id", "scrypt"] as const)("with %s tells the right password from others", async (algorithm) => {
    const hash = await hashPassword("correct horse", algorithm);
    expect(hash.startsWith(`$${algorithm}$`)).toBe(true);
    expect(await verifyPassword(hash, "correct horse")).toBe(true);
    expect(await verifyPassword(hash, "correct horsf")).toBe(false);
    expect(await verifyPassword(hash, "correct horse ")).toBe(false);
    expect(await verifyPassword(hash, "")).toBe(false);
  });

  it("is by argon2id with the recommended cost unless told otherwise, and never twice the same", async () => {
    const hash = await hashPassword("correct horse");
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(await hashPassword("correct horse")).not.toBe(hash);
  });

  it("takes passwords up to 1,024 bytes", async () => {
    const longest = "ü".repeat(512);
    const hash = await hashPassword(longest, "scrypt");
    expect(await verifyPassword(hash, longest)).toBe(true);
    expect(await verifyPassword(hash, `${longest}x`)).toBe(false);
    await expect(hashPassword(`${longest}x`)).rejects.toThrow("longer than 1024 bytes");
    await expect(hashPassword("")).rejects.toThrow("empty");
  });
});

describe("verifying passwords", () => {
  it("agrees with the test vector of RFC 7914, section 12", async () => {
    const digest =
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887";
    const text = (data: Buffer): string => data.toString("base64").replace(/=+$/, "");
    const hash = `$scrypt$ln=14,r=8,p=1$${text(Buffer.from("SodiumChloride"))}$${text(Buffer.from(digest, "hex"))}`;
    expect(await verifyPassword(hash, "pleaseletmein")).toBe(true);
    expect(await verifyPassword(hash, "pleaseletmeim")).toBe(false);
  });

  it("agrees with the reference implementation of Argon2", async () => {
    const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    expect(await verifyPassword(hash, "password")).toBe(true);
    expect(await verifyPassword(hash, "passwore")).toBe(false);
  });

  it("agrees with what another program made with scrypt", async () => {
    expect(await verifyPassword(cheapHash("pässword"), "pässword")).toBe(true);
  });

  it("refuses more than may wait, and serves those who wait", async () => {
    const hash = cheapHash("right");
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => verifyPassword(hash, "right")));
    const served = results.filter((result) => result.status === "fulfilled");
    const turnedAway = results.filter((result) => result.status === "rejected");
    expect(served).toHaveLength(66);
    expect(served.every((result) => result.value)).toBe(true);
    expect(turnedAway.every((result) => result.reason instanceof GateFull)).toBe(true);
    expect(await verifyPassword(hash, "right")).toBe(true);
  });

  it("says that a hash is malformed", async () => {
    await expect(verifyPassword("secret", "secret")).rejects.toThrow("is not a password hash");
  });
});
