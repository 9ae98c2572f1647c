import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { certificateType, madeCertificate, madeKey } from "../../test/made-keys.ts";
import { Writer } from "../protocol/writer.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { userAlgorithms } from "./key-type.ts";
import { isStrongEnough, readPublicKey, sameKey } from "./public-key.ts";

const accepted = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];
const blobOf = (type: string, ...fields: readonly Uint8Array[]): Buffer => {
  const writer = new Writer().text(type);
  for (const field of fields) writer.bytes(field);
  return writer.finish();
};
const ed25519 = blobOf("ssh-ed25519", Buffer.alloc(32, 7));
const rsaOf = (modulus: Uint8Array): Buffer => blobOf("ssh-rsa", Buffer.of(1, 0, 1), modulus);

/** A modulus of so many bits, as an mpint: with a zero in front where the first bit is set (RFC 4251, section 5). */
function modulusOf(bits: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits / 8), 0xff);
  bytes.writeUInt8(0xff >> ((8 - (bits % 8)) % 8), 0);
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}

describe("fingerprintOf", () => {
  it("is what OpenSSH prints", () => {
    // ssh-keygen -lf for GitHub's published host key of this type.
    const blob = Buffer.from("AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", "base64");
    expect(fingerprintOf(blob)).toBe("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
  });
});

describe("readPublicKey", () => {
  it.each([
    ["ssh-ed25519", "ssh-ed25519"],
    ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"],
    ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"],
    ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"],
    ["ssh-rsa", "rsa-sha2-256"],
    ["ssh-rsa", "rsa-sha2-512"],
  ])("accepts keys of type %s that sign by %s", (type, algorithm) => {
    const blob = blobOf(type, Buffer.alloc(32, 1));
    expect(readPublicKey(blob, algorithm, accepted)).toEqual({ type, blob, fingerprint: fingerprintOf(blob) });
  });

  it.each(["ssh-ed25519", "sk-ecdsa-sha2-nistp256@openssh.com"] as const)(
    "reads a certificate over a key of type %s",
    (type) => {
      const [key, authority] = [madeKey(type), madeKey()];
      const blob = madeCertificate(key, authority, { serial: 9n });
      const read = readPublicKey(blob, certificateType(type), userAlgorithms);
      expect(read).toMatchObject({ type: certificateType(type), blob, fingerprint: fingerprintOf(blob) });
      expect(read).toMatchObject({
        certificate: {
          serial: 9n,
          key: { type, blob: key.blob },
          authority: { blob: authority.blob },
          principals: ["alice"],
        },
      });
    },
  );

  it("takes a certificate by an algorithm of certificates alone, and a plain key by one of plain keys", () => {
    const key = madeKey();
    const blob = madeCertificate(key, key);
    const refusal = /^Signatures by /;
    for (const algorithm of ["ssh-ed25519", certificateType("ssh-rsa"), certificateType("ecdsa-sha2-nistp256")]) {
      expect(readPublicKey(blob, algorithm, [...userAlgorithms, algorithm])).toMatch(refusal);
    }
    expect(readPublicKey(key.blob, certificateType("ssh-ed25519"), userAlgorithms)).toMatch(refusal);
    expect(readPublicKey(blob, certificateType("ssh-ed25519"), ["ssh-ed25519"])).toMatch(refusal);
    expect(readPublicKey(blob.subarray(0, -1), certificateType("ssh-ed25519"), userAlgorithms)).toBe(
      "The certificate is malformed",
    );
  });

  it("looks at no certificate over 30 KiB", () => {
    const key = madeKey();
    const sized = (reserved: number): Buffer => madeCertificate(key, key, { reserved: Buffer.alloc(reserved) });
    const empty = sized(0).length;
    const algorithm = certificateType("ssh-ed25519");
    expect(readPublicKey(sized(30_720 - empty), algorithm, userAlgorithms)).toMatchObject({
      certificate: { serial: 1n },
    });
    expect(readPublicKey(sized(30_721 - empty), algorithm, userAlgorithms)).toBe("The key is too large");
  });

  it("refuses signatures by SHA-1", () => {
    expect(readPublicKey(rsaOf(modulusOf(2048)), "ssh-rsa", [...accepted, "ssh-rsa"])).toBe(
      "Signatures by ssh-rsa are not accepted for ssh-rsa keys",
    );
  });

  it.each([
    ["ssh-ed25519", "rsa-sha2-256"],
    ["ssh-ed25519", "ecdsa-sha2-nistp256"],
    ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"],
    ["ssh-rsa", "ssh-ed25519"],
    ["ssh-rsa", ""],
  ])("refuses a key of type %s that is said to sign by %s", (type, algorithm) => {
    expect(readPublicKey(blobOf(type, Buffer.alloc(32)), algorithm, accepted)).toMatch(/^Signatures by /);
  });

  it("refuses an algorithm that the server does not take", () => {
    expect(readPublicKey(ed25519, "ssh-ed25519", ["rsa-sha2-512"])).toMatch(/^Signatures by ssh-ed25519/);
    expect(readPublicKey(ed25519, "ssh-ed25519", [])).toMatch(/^Signatures by ssh-ed25519/);
  });

  it.each([
    "ssh-dss",
    "ssh-dss-cert-v01@openssh.com",
    "sk-ssh-ed25519",
    "sk-ssh-ed25519@openssh.com-cert-v01@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "SSH-ED25519",
    "ssh-ed25519\0",
    "",
    "__proto__",
    "constructor",
    "toString",
  ])("refuses keys of type %j", (type) => {
    expect(readPublicKey(blobOf(type, Buffer.alloc(32)), "ssh-ed25519", accepted)).toMatch(/^Keys of type /);
    expect(readPublicKey(blobOf(type, Buffer.alloc(32)), type, [...accepted, type])).toMatch(/^Keys of type /);
  });

  it("shows a stranger's type and algorithm as printable text", () => {
    const refusal = readPublicKey(blobOf("x\u001b[2J\n{}", Buffer.alloc(1)), "ssh-ed25519", accepted);
    expect(refusal).not.toMatch(/\p{Cc}/u);
    expect(readPublicKey(blobOf("x".repeat(4000)), "ssh-ed25519", accepted)).toMatch(/^.{1,300}$/);
    const algorithm = readPublicKey(blobOf("ssh-ed25519", Buffer.alloc(32)), `ssh-\u007f${"x".repeat(4000)}`, accepted);
    expect(algorithm).not.toMatch(/\p{Cc}/u);
    expect(algorithm).toMatch(/^.{1,300}$/);
  });

  it.each([
    ["an empty one", Buffer.alloc(0)],
    ["one that is shorter than its type", Buffer.of(0, 0, 0, 11, 0x73)],
    ["one whose type has a length of 2^32 - 1", Buffer.of(0xff, 0xff, 0xff, 0xff, 1)],
  ])("refuses a malformed blob: %s", (_, blob) => {
    expect(readPublicKey(blob, "ssh-ed25519", accepted)).toBe("The key is malformed");
  });

  it("looks at no blob over 4,096 bytes", () => {
    expect(readPublicKey(blobOf("ssh-rsa", Buffer.alloc(4096 - 15)), "rsa-sha2-256", accepted)).toMatchObject({
      type: "ssh-rsa",
    });
    expect(readPublicKey(blobOf("ssh-rsa", Buffer.alloc(4096 - 14)), "rsa-sha2-256", accepted)).toBe(
      "The key is too large",
    );
    expect(readPublicKey(Buffer.alloc(1_000_000), "ssh-rsa", accepted)).toBe("The key is too large");
  });
});

describe("isStrongEnough", () => {
  const strong = (blob: Buffer, type = "ssh-rsa"): boolean =>
    isStrongEnough({ type, blob, fingerprint: fingerprintOf(blob) });

  it.each([512, 1023, 1024, 2040, 8193, 8200, 16_384])("refuses RSA of %i bits", (bits) => {
    expect(strong(rsaOf(modulusOf(bits)))).toBe(false);
  });

  it.each([2041, 2047])("refuses RSA of %i bits, which only fills as many bytes as 2,048 do", (bits) => {
    expect(strong(rsaOf(modulusOf(bits)))).toBe(false);
  });

  it.each([2048, 2049, 3072, 4096, 8185, 8192])("accepts RSA of %i bits", (bits) => {
    expect(strong(rsaOf(modulusOf(bits)))).toBe(true);
  });

  it("counts no zeros in front of a short modulus", () => {
    expect(strong(rsaOf(Buffer.concat([Buffer.alloc(129), modulusOf(1024)])))).toBe(false);
  });

  it.each([
    ["nothing behind the type", blobOf("ssh-rsa")],
    ["no modulus", blobOf("ssh-rsa", Buffer.of(1, 0, 1))],
    ["an empty modulus", rsaOf(Buffer.alloc(0))],
    ["a modulus of zeros", rsaOf(Buffer.alloc(257))],
  ])("refuses an RSA key with %s", (_, blob) => {
    expect(strong(blob)).toBe(false);
  });

  it.each(["ssh-ed25519", "ecdsa-sha2-nistp256"])("accepts keys of type %s, which have one size", (type) => {
    expect(strong(blobOf(type, Buffer.alloc(32)), type)).toBe(true);
  });

  it.each([
    [1024, false],
    [2048, true],
  ])("judges a real RSA key of %i bits", (modulusLength, expected) => {
    const { n = "" } = generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ format: "jwk" });
    expect(strong(rsaOf(Buffer.concat([Buffer.of(0), Buffer.from(n, "base64url")])))).toBe(expected);
  });
});

describe("sameKey", () => {
  it("compares byte for byte", () => {
    const other = Buffer.from(ed25519);
    expect(sameKey(ed25519, other)).toBe(true);
    other.writeUInt8((other.at(-1) ?? 0) ^ 1, other.length - 1);
    expect(sameKey(ed25519, other)).toBe(false);
    expect(sameKey(ed25519, ed25519.subarray(1))).toBe(false);
    expect(sameKey(Buffer.alloc(0), ed25519)).toBe(false);
  });
});
