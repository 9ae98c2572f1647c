import { describe, expect, it } from "vitest";
import {
  always,
  certificateType,
  fido,
  keyTypes,
  madeCertificate,
  madeKey,
  value,
  type CertificateFields,
  type MadeKey,
} from "../../test/made-keys.ts";
import { string } from "../../test/raw-wire.ts";
import { checkSignature, keyRefused } from "./key-check.ts";
import { userAlgorithms } from "./key-type.ts";
import type { KeyDemands, PublicKey } from "./method.ts";
import { readPublicKey } from "./public-key.ts";

const [ca, otherCa, alice] = [madeKey(), madeKey(), madeKey()];
const touchKey = madeKey("sk-ssh-ed25519@openssh.com");
const rsa = madeKey("ssh-rsa");
const data = Buffer.from("a request");
const trust: KeyDemands = { authority: ca.blob };
const nowMs = 1_800_000_000_500;
const now = 1_800_000_000n;
const use = { remoteAddress: "10.1.2.3", nowMs };
const none = Buffer.alloc(0);

/** The public key algorithm by which a client offers a plain key, or a certificate over one. */
function algorithmFor(type: string, isCertificate: boolean): string {
  const name = type === "ssh-rsa" ? "rsa-sha2-512" : type;
  return isCertificate ? certificateType(name) : name;
}

function offered(blob: Buffer, type: string, isCertificate: boolean): PublicKey {
  const key = readPublicKey(blob, algorithmFor(type, isCertificate), userAlgorithms);
  if (typeof key === "string") throw new Error(key);
  return key;
}

const certified = (fields: CertificateFields = {}, key = alice, authority = ca): PublicKey =>
  offered(madeCertificate(key, authority, fields), key.type, true);
const judge = (fields: CertificateFields, key = alice, authority = ca): string | undefined =>
  keyRefused(certified(fields, key, authority), { authority: authority.blob }, use);

describe("a certificate", () => {
  it.each(keyTypes)("over a key of type %s counts, and so does one signed by such a key", (type) => {
    const key = madeKey(type);
    expect(judge({}, key)).toBeUndefined();
    expect(judge({}, alice, key)).toBeUndefined();
  });

  it("counts only where the method says that it trusts the authority", () => {
    expect(keyRefused(certified(), trust, use)).toBeUndefined();
    for (const demands of [undefined, {}, { authority: undefined }, { authority: ca.line }, { touch: true }]) {
      expect(keyRefused(certified(), demands as KeyDemands, use)).toContain("does not say which authority");
    }
    expect(keyRefused(certified(), { authority: otherCa.blob }, use)).toContain("of another authority");
    expect(keyRefused(certified(), { authority: none }, use)).toContain("of another authority");
  });

  it("does not count when another has signed it in the authority's name", () => {
    const wrong = "The authority's signature of the certificate is wrong";
    expect(keyRefused(certified({ authority: ca.blob }, alice, otherCa), trust, use)).toBe(wrong);
    expect(judge({ signature: ca.sign(Buffer.from("something else")) })).toBe(wrong);
    expect(judge({ signature: none })).toBe(wrong);
    expect(judge({ signature: string("ssh-ed25519") })).toBe(wrong);
  });

  it("does not count when the authority signed by SHA-1", () => {
    for (const algorithm of ["rsa-sha2-256", "rsa-sha2-512"])
      expect(judge({ signing: { algorithm } }, alice, rsa)).toBeUndefined();
    expect(judge({ signing: { algorithm: "ssh-rsa" } }, alice, rsa)).toMatch(/signature .* is wrong/);
  });

  it("does not count over or by a short RSA key", () => {
    const short = madeKey("ssh-rsa", { bits: 1024 });
    expect(judge({}, short)).toContain("too short");
    expect(judge({}, alice, short)).toContain("too short");
  });

  it("counts from its first second, and no longer at its last", () => {
    expect(judge({ validAfter: now })).toBeUndefined();
    expect(judge({ validAfter: now + 1n })).toContain("is not valid yet");
    expect(judge({ validBefore: now + 1n })).toBeUndefined();
    expect(judge({ validBefore: now })).toContain("has expired");
    expect(judge({ validBefore: 0n })).toContain("has expired");
    expect(judge({ validAfter: always.validBefore })).toContain("is not valid yet");
  });

  it("is for users, and names at least one", () => {
    expect(judge({ type: 2 })).toContain("is not for users");
    expect(judge({ type: 0 })).toContain("is not for users");
    expect(judge({ principals: [] })).toContain("names no principals");
  });

  it.each([
    ["source-address", value("10.0.0.0/8"), undefined],
    ["source-address", value("192.168.0.0/16,10.1.2.3"), undefined],
    ["source-address", value("10.1.2.4"), "may not be used from this address"],
    ["source-address", value("10.0.0.1/8"), "malformed source-address"],
    ["source-address", value(""), "malformed source-address"],
    ["source-address", none, "malformed source-address"],
    ["source-address", Buffer.concat([value("10.0.0.0/8"), Buffer.of(0)]), "malformed source-address"],
    ["force-command", value("internal-sftp"), undefined],
    ["force-command", value("internal-sftp -R"), "another command"],
    ["force-command", value("/bin/sh"), "another command"],
    ["force-command", none, "another command"],
    ["verify-required", value("x"), "malformed verify-required"],
    ["no-touch-required", none, "not supported"],
    ["permit-pty", none, "not supported"],
    ["x\n@example.org", none, 'option "x\\x0a@example.org", which is not supported'],
  ])("with the critical option %j of %s is judged by it", (name, option, why) => {
    const refusal = judge({ criticalOptions: [[name, option]] });
    if (why === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toContain(why);
  });

  it("may have extensions that nobody knows, but none of ours that is malformed", () => {
    expect(
      judge({
        extensions: [
          ["x@example.org", value("y")],
          ["permit-pty", value("z")],
        ],
      }),
    ).toBeUndefined();
    expect(judge({ extensions: [["no-touch-required", value("y")]] })).toContain("malformed extension");
  });

  it("is told by its key id and serial, fit for a log", () => {
    const why = judge({ keyId: "evil\u001b[2J", serial: 77n, type: 2 });
    expect(why).toBe('The certificate "evil\\x1b[2J" (serial 77) is not for users');
  });

  it("keeps its restrictions when a method has changed what it was shown", () => {
    const key = certified({ criticalOptions: [["source-address", value("192.0.2.1")]] });
    (key.certificate!.criticalOptions as Map<string, Uint8Array>).clear();
    expect(keyRefused(key, trust, use)).toContain("may not be used from this address");
  });

  it("does not count with any bit changed or cut off anywhere, and nothing is thrown", () => {
    const good = madeCertificate(alice, ca, { criticalOptions: [["source-address", value("10.0.0.0/8")]] });
    const counts = (blob: Buffer): boolean => {
      const key = readPublicKey(blob, certificateType("ssh-ed25519"), userAlgorithms);
      if (typeof key === "string") return false;
      return keyRefused(key, { authority: key.certificate?.authority.blob ?? none }, use) === undefined;
    };
    expect(counts(good)).toBe(true);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const changed = Buffer.from(good);
      changed.writeUInt8((changed[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      expect(counts(changed), `bit ${bit}`).toBe(false);
    }
    for (let length = 0; length < good.length; length++) expect(counts(good.subarray(0, length))).toBe(false);
  });
});

describe("the signature of a request", () => {
  const check = (
    signer: MadeKey,
    key: PublicKey,
    demands?: KeyDemands,
    options: { readonly flags?: number; readonly algorithm?: string; readonly named?: string } = {},
  ): true | string =>
    checkSignature(
      key,
      {
        algorithm: options.named ?? algorithmFor(signer.type, key.certificate !== undefined),
        data,
        signature: signer.sign(data, options),
      },
      demands,
    );

  it.each(keyTypes)("by a key of type %s holds for the key and for a certificate over it", (type) => {
    const key = madeKey(type);
    expect(check(key, offered(key.blob, type, false))).toBe(true);
    expect(check(key, certified({}, key), trust)).toBe(true);
    expect(check(madeKey(type), certified({}, key), trust)).toBe("The signature is wrong");
  });

  it("by the authority is not one by the key that it certified", () => {
    expect(check(ca, certified(), trust)).toBe("The signature is wrong");
  });

  it("is by the algorithm that the request names", () => {
    const key = certified({}, rsa);
    const [sha256, sha512] = ["rsa-sha2-256", "rsa-sha2-512"];
    expect(check(rsa, key, trust, { algorithm: sha256, named: certificateType(sha256) })).toBe(true);
    expect(check(rsa, key, trust, { algorithm: sha256, named: certificateType(sha512) })).toBe(
      "The signature is wrong",
    );
    expect(check(rsa, key, trust, { algorithm: "ssh-rsa", named: certificateType("ssh-rsa") })).toBe(
      "The signature is wrong",
    );
    expect(check(rsa, offered(rsa.blob, "ssh-rsa", false), {}, { algorithm: sha256, named: sha512 })).toBe(
      "The signature is wrong",
    );
  });

  it("that is malformed is wrong, and nothing is thrown", () => {
    const good = alice.sign(data);
    const key = offered(alice.blob, "ssh-ed25519", false);
    for (let length = 0; length < good.length; length++) {
      const request = { algorithm: "ssh-ed25519", data, signature: good.subarray(0, length) };
      expect(checkSignature(key, request, undefined)).toBe("The signature is wrong");
    }
  });

  it.each(["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"] as const)(
    "by a FIDO key of type %s needs a touch, and what else is demanded",
    (type) => {
      const signer = madeKey(type);
      const key = offered(signer.blob, type, false);
      const untouched = "The security key was not touched";
      const unverified = "The security key has not verified its user";
      expect(check(signer, key, undefined, { flags: 0 })).toBe(untouched);
      expect(check(signer, key, { touch: true }, { flags: fido.verified })).toBe(untouched);
      expect(check(signer, key, { touch: undefined } as object, { flags: 0 })).toBe(untouched);
      expect(check(signer, key, { touch: false }, { flags: 0 })).toBe(true);
      expect(check(signer, key, { verification: true }, { flags: fido.touched })).toBe(unverified);
      expect(check(signer, key, { verification: true }, { flags: fido.verified })).toBe(untouched);
      expect(check(signer, key, { verification: true }, { flags: fido.touched | fido.verified })).toBe(true);
    },
  );

  it("says of flags only what the authenticator has signed", () => {
    const signature = touchKey.sign(data, { flags: 0 });
    signature.writeUInt8(fido.touched, signature.length - 5);
    const key = offered(touchKey.blob, touchKey.type, false);
    expect(checkSignature(key, { algorithm: touchKey.type, data, signature }, undefined)).toBe(
      "The signature is wrong",
    );
  });

  it("needs no touch only where method and certificate both waive it", () => {
    const waiving = certified({ extensions: [["no-touch-required", none]] }, touchKey);
    const flags = { flags: 0 };
    expect(check(touchKey, waiving, { ...trust, touch: false }, flags)).toBe(true);
    expect(check(touchKey, waiving, trust, flags)).toContain("not touched");
    expect(check(touchKey, certified({}, touchKey), { ...trust, touch: false }, flags)).toContain("not touched");
  });

  it("needs verification where either method or certificate demands it, and no other key can give it", () => {
    const strict = (key: MadeKey): PublicKey => certified({ criticalOptions: [["verify-required", none]] }, key);
    expect(check(touchKey, strict(touchKey), trust, { flags: fido.touched })).toContain("has not verified");
    expect(check(touchKey, strict(touchKey), trust, { flags: fido.touched | fido.verified })).toBe(true);
    expect(check(alice, strict(alice), trust)).toContain("cannot verify its user");
    const plain = offered(alice.blob, alice.type, false);
    expect(check(alice, plain, { verification: true })).toContain("cannot verify its user");
  });
});
