import { describe, expect, it } from "vitest";
import { ecdsaKey, ed25519Key, fidoKey, rsaKey, rsaKeyOf, testKey } from "../test/support.ts";
import { parseKey } from "./key.ts";

const { key, line } = ed25519Key();

describe("an authorized_keys line", () => {
  it.each([
    ["ssh-ed25519", () => ed25519Key()],
    ["ecdsa-sha2-nistp256", () => ecdsaKey("256")],
    ["ecdsa-sha2-nistp384", () => ecdsaKey("384")],
    ["ecdsa-sha2-nistp521", () => ecdsaKey("521")],
    ["ssh-rsa", () => rsaKey(2048)],
    ["sk-ssh-ed25519@openssh.com", () => fidoKey("ed25519")],
    ["sk-ecdsa-sha2-nistp256@openssh.com", () => fidoKey("ecdsa")],
  ])("of the type %s is read", (type, make) => {
    const made = make();
    const read = parseKey(made.line);
    expect(read).toMatchObject({ type, comment: "", from: undefined, expiresAt: undefined, authority: undefined });
    expect(read).toMatchObject({ touchRequired: true, verifyRequired: false });
    expect(read.blob.equals(made.key.blob)).toBe(true);
    expect(read.fingerprint).toBe(made.key.fingerprint);
  });

  it("keeps its comment, blanks and all", () => {
    expect(parseKey(`  ${line}  alice on her laptop `).comment).toBe("alice on her laptop");
  });

  it("has the fingerprint that ssh-keygen prints", () => {
    const known = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIG8QgHzrLxjPmgvUg6MogPGLmv0oyoc8ht81RbViydW";
    expect(parseKey(known).fingerprint).toBe("SHA256:raDs3HII3bNWr/YJdiCmHeH/lVpCaCLnA/dnuZoZECY");
  });

  it("may have options before the key, with blanks and commas inside quotes", () => {
    const read = parseKey(
      `restrict,command="internal-sftp",from="10.0.0.0/8,!10.0.0.5",expiry-time="20271231Z" ${line} build`,
    );
    expect(read.comment).toBe("build");
    expect(read.expiresAt).toEqual(new Date("2027-12-31T00:00:00Z"));
    expect(read.from?.allows("10.0.0.4")).toBe(true);
    expect(read.from?.allows("10.0.0.5")).toBe(false);
  });

  it.each([2048, 3072, 4096, 8192])("may be an RSA key of %i bits", (bits) => {
    expect(parseKey(rsaKeyOf(bits).line).type).toBe("ssh-rsa");
  });

  it.each([
    ["an RSA key of 1024 bits", rsaKeyOf(1024).line, "1024 bits; at least 2048"],
    ["an RSA key of 2040 bits", rsaKeyOf(2040).line, "2040 bits; at least 2048"],
    ["an RSA key of 8200 bits", rsaKeyOf(8200).line, "8200 bits; at most 8192"],
    ["an RSA key of 16384 bits", rsaKeyOf(16_384).line, "16384 bits; at most 8192"],
    ["an even RSA modulus", rsaWith([Buffer.of(1, 0, 1), Buffer.alloc(257, 0x7e)]), "well-formed RSA"],
    [
      "a negative RSA modulus",
      testKey("ssh-rsa", [Buffer.of(1, 0, 1), Buffer.alloc(256, 0xff)]).line,
      "well-formed RSA",
    ],
    ["an RSA exponent of 1", rsaWith([Buffer.of(1), Buffer.alloc(257, 1)]), "well-formed RSA"],
    ["RSA without a modulus", rsaWith([Buffer.of(1, 0, 1)]), "well-formed RSA"],
    ["RSA with a field too many", rsaWith([Buffer.of(1, 0, 1), Buffer.alloc(257, 1), Buffer.of(1)]), "well-formed RSA"],
    ["a short Ed25519 key", testKey("ssh-ed25519", [Buffer.alloc(31)]).line, "well-formed Ed25519"],
    ["a point that is not on the curve", ecdsaWith(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)])), "not a point"],
    ["a compressed point", ecdsaWith(Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)])), "well-formed ECDSA"],
    ["another type in the key than in the line", line.replace("ssh-ed25519", "ssh-rsa"), "not of the type ssh-rsa"],
    ["a key that is cut off", line.slice(0, -8), "cut off or malformed"],
    ["base64 that is cut off", line.slice(0, -1), "base64 is malformed"],
    ["base64 with other characters", `${line.slice(0, -4)}!!!!`, "base64 is malformed"],
    ["a type alone", "ssh-ed25519", "base64 is malformed"],
    ["nothing", "", "is not a key"],
    ["something else", "hello world", "is not a key"],
    ["two lines", `${line}\n${line}`, "one line"],
    ["another file format", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "ssh-keygen -i"],
    ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn", "is not a line as in authorized_keys"],
    ["a security key that is cut off", "sk-ssh-ed25519@openssh.com AAAA", "cut off or malformed"],
    ["a security key without an application", fidoWith([Buffer.alloc(32, 1)]), "well-formed Ed25519"],
    [
      "a security key with an empty application",
      fidoWith([Buffer.alloc(32, 1), Buffer.alloc(0)]),
      "names no application",
    ],
    [
      "a security key with a field too many",
      fidoWith([Buffer.alloc(32, 1), Buffer.from("ssh:"), Buffer.from("ssh:")]),
      "well-formed Ed25519",
    ],
    ["a security key of another kind", "sk-webauthn@example.org AAAA", "are not supported"],
    ["a certificate", "ssh-ed25519-cert-v01@openssh.com AAAA", "are not supported"],
    ["a DSA key", "ssh-dss AAAA", "ssh-dss are not supported"],
    [
      "a certificate as an authority",
      "cert-authority ssh-ed25519-cert-v01@openssh.com AAAA",
      "ssh-ed25519-cert-v01@openssh.com are not supported",
    ],
  ])("is refused for %s", (_, text, why) => {
    expect(() => parseKey(text)).toThrow(why);
  });

  it.each([
    ['permitopen="host:22"', 'option "permitopen" is not supported'],
    ['environment="A=b"', 'option "environment" is not supported'],
    ["no-touch-required", "option no-touch-required is for security keys"],
    ["verify-required", "option verify-required is for security keys"],
    ['verify-required="yes"', "takes no value"],
    ['principals="alice"', "is for keys with the option cert-authority"],
    ["cert-authority,principals", "needs a value"],
    ['cert-authority,principals=""', "has an empty name"],
    ['cert-authority,principals="alice,,bob"', "has an empty name"],
    ["pty", 'option "pty" is not supported'],
    ['expirytime="20271231"', 'did you mean "expiry-time"'],
    ['no-pty="yes"', "takes no value"],
    ["from", "needs a value"],
    ["from=10.0.0.1", "malformed"],
    ['from="10.0.0.1",,no-pty', "malformed"],
    ["no-pty,", "malformed"],
    ["no-pty,NO-PTY", "given twice"],
    ['from="10.0.0.1",from="10.0.0.2"', "given twice"],
    ['from="10.0.0.1/8"', "bits set beyond its prefix"],
    ['expiry-time="soon"', "YYYYMMDD"],
    ['command="rsync --server"', 'can only be "internal-sftp"'],
    ['command="internal-sftp -R"', 'can only be "internal-sftp"'],
  ])("is refused with the option %s", (options, why) => {
    expect(() => parseKey(`${options} ${line}`)).toThrow(why);
  });

  it("accepts, in any case, the options that ask for what is never given", () => {
    const options = "no-pty,no-agent-forwarding,no-port-forwarding,no-X11-forwarding,no-user-rc,RESTRICT";
    expect(parseKey(`${options} ${line}`).blob.equals(key.blob)).toBe(true);
  });
});

describe("an authorized_keys line with a security key", () => {
  it("may do without a touch, and demand verification", () => {
    const { line: fido } = fidoKey("ed25519");
    expect(parseKey(`no-touch-required ${fido}`)).toMatchObject({ touchRequired: false, verifyRequired: false });
    expect(parseKey(`Verify-Required,restrict ${fido}`)).toMatchObject({ touchRequired: true, verifyRequired: true });
  });
});

describe("an authorized_keys line with an authority", () => {
  it("is for the user's own name, or for principals", () => {
    expect(parseKey(`cert-authority ${line}`).authority).toEqual({ principals: undefined });
    expect(parseKey(`cert-authority,principals="alice,Ame\u0301lie" ${line}`).authority).toEqual({
      principals: ["alice", "Am\u00e9lie"],
    });
  });

  it("may have the options of security keys, which are of what it certifies", () => {
    const read = parseKey(`cert-authority,no-touch-required,verify-required,from="10.0.0.0/8" ${line}`);
    expect(read).toMatchObject({ touchRequired: false, verifyRequired: true });
    expect(read.from?.allows("10.0.0.1")).toBe(true);
  });
});

function fidoWith(fields: readonly Buffer[]): string {
  return testKey("sk-ssh-ed25519@openssh.com", fields).line;
}

function rsaWith(fields: readonly Buffer[]): string {
  return testKey("ssh-rsa", fields).line;
}

function ecdsaWith(point: Buffer): string {
  return testKey("ecdsa-sha2-nistp256", [Buffer.from("nistp256"), point]).line;
}
