import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { parseHash } from "./hash.ts";

const salt = "c2FsdHNhbHRzYWx0c2FsdA";
const digest = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
const scrypt = `$scrypt$ln=15,r=8,p=1$${salt}$${digest}`;
const argon2 = `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${digest}`;

describe("a password hash", () => {
  it.each([
    scrypt,
    argon2,
    `$scrypt$ln=19,r=8,p=16$${salt}$${digest}`,
    `$argon2id$v=19$m=524288,t=16,p=16$${salt}$${digest}`,
  ])("comes out as it went in: %s", (text) => {
    expect(String(parseHash(text))).toBe(text);
  });

  it("does not show in JSON or when it is inspected", () => {
    expect(JSON.stringify({ hash: parseHash(scrypt) })).toBe('{"hash":"***"}');
    expect(inspect(parseHash(argon2), { depth: 9 })).not.toContain("MDEy");
  });

  it("makes a decoy of the same effort that is another hash", () => {
    const hash = parseHash(argon2);
    expect(hash.decoy().effort).toBe(hash.effort);
    expect(String(hash.decoy())).not.toBe(String(hash));
    expect(parseHash(scrypt).effort).not.toBe(hash.effort);
  });

  it.each([
    ["a password", "hunter2hunter2", "is not a password hash"],
    ["nothing", "", "is not a password hash"],
    ["bcrypt", "$2b$12$abcdefghijklmnopqrstuv", "only scrypt and argon2id"],
    ["crypt(3)", "$6$salt$hash", "only scrypt and argon2id"],
    ["argon2i", argon2.replace("argon2id", "argon2i"), "only scrypt and argon2id"],
    ["an old version", argon2.replace("v=19", "v=16"), "v=19 is needed"],
    ["no version", argon2.replace("$v=19", ""), "v=19 is needed"],
    ["parameters in another order", scrypt.replace("ln=15,r=8", "r=8,ln=15"), "ln=…,r=…,p=…"],
    ["a parameter too many", argon2.replace("p=1", "p=1,keyid=AAAA"), "m=…,t=…,p=…"],
    ["a parameter of zero", scrypt.replace("p=1", "p=0"), "malformed"],
    ["a leading zero", scrypt.replace("ln=15", "ln=015"), "malformed"],
    ["no hash", `$scrypt$ln=15,r=8,p=1$${salt}`, "complete"],
    ["a part too many", `${scrypt}$x`, "complete"],
    ["padding", `${scrypt}=`, "base64"],
    ["base64url", scrypt.replace(digest, digest.replace("M", "-")), "base64"],
    ["stray bits at the end", scrypt.replace(digest, `${digest.slice(0, -1)}Z`), "base64"],
    ["a short salt", scrypt.replace(salt, "c2FsdA"), "salt of 4 bytes"],
    ["a short hash", scrypt.replace(digest, "c2FsdA"), "hash of 4 bytes"],
    ["an empty hash", `$scrypt$ln=15,r=8,p=1$${salt}$`, "hash of 0 bytes"],
    ["a long hash", scrypt.replace(digest, "A".repeat(100)), "hash of 75 bytes"],
    ["ln=21", scrypt.replace("ln=15", "ln=21"), "at most 20"],
    ["ln=20 with r=8, which is 1 GiB", scrypt.replace("ln=15", "ln=20"), "1024 MiB"],
    ["a huge r", scrypt.replace("r=8", "r=999999999"), "MiB of memory"],
    ["a huge p", scrypt.replace("p=1", "p=17"), "p=17"],
    ["a huge m", argon2.replace("m=19456", "m=4294967295"), "MiB of memory"],
    ["a huge t", argon2.replace("t=2", "t=17"), "t=17"],
    ["many lanes", argon2.replace("p=1", "p=255"), "p=255"],
    ["less memory than lanes need", argon2.replace("m=19456,t=2,p=1", "m=8,t=2,p=2"), "m=8"],
  ])("is refused for %s", (_, text, why) => {
    expect(() => parseHash(text)).toThrow(why);
  });

  it.each(["hunter2hunter2", scrypt.replace("p=1", "p=x"), `${argon2}=`])(
    "is refused without being repeated: %s",
    (text) => {
      expect(() => parseHash(text)).toThrow(/^(?!.*(hunter2|MDEy))/);
    },
  );
});
