import { describe, expect, it } from "vitest";
import { fido, keyTypes, madeKey, type MadeKey } from "../../test/made-keys.ts";
import { mpint, string } from "../../test/raw-wire.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { PublicKey } from "./method.ts";
import { isSignedBy, readSignature } from "./signature.ts";

const keys = new Map(keyTypes.map((type) => [type, madeKey(type)]));
const data = Buffer.from("what is signed");
const plain = ({ type, blob }: Pick<MadeKey, "type" | "blob">): PublicKey => ({
  type,
  blob,
  fingerprint: fingerprintOf(blob),
});
const holds = (key: Pick<MadeKey, "type" | "blob">, signature: Buffer, signed: Buffer = data): boolean =>
  isSignedBy(plain(key), readSignature(signature), signed);
/** Never throws, whatever it is given. */
const holdsQuietly = (key: Pick<MadeKey, "type" | "blob">, signature: Buffer): boolean => {
  try {
    readSignature(signature);
  } catch {
    return false;
  }
  return holds(key, signature);
};

describe.each([...keys])("a signature by a key of type %s", (type, key) => {
  it("holds over what was signed, and over nothing else", () => {
    expect(holds(key, key.sign(data))).toBe(true);
    expect(holds(key, key.sign(data), Buffer.concat([data, data]))).toBe(false);
    expect(holds(key, key.sign(data), Buffer.alloc(0))).toBe(false);
  });

  it("holds for that key alone", () => {
    const other = type === "ssh-rsa" ? keys.get("ssh-ed25519")! : madeKey(type);
    expect(holds(other, key.sign(data))).toBe(false);
    for (const [name, strange] of keys) if (name !== type) expect(holds(strange, key.sign(data))).toBe(false);
  });

  it("does not hold with any bit changed, cut off anywhere, or with something behind it", () => {
    const good = key.sign(data);
    for (let at = 0; at < good.length; at++) {
      const changed = Buffer.from(good);
      changed.writeUInt8((changed[at] ?? 0) ^ (1 << (at % 8)), at);
      expect(holdsQuietly(key, changed), `byte ${at}`).toBe(false);
      expect(holdsQuietly(key, good.subarray(0, at)), `${at} bytes`).toBe(false);
    }
    expect(holdsQuietly(key, Buffer.concat([good, Buffer.of(0)]))).toBe(false);
  });

  it("does not hold for a key that is cut off or has something behind its end", () => {
    const good = key.sign(data);
    expect(holds({ type, blob: key.blob.subarray(0, -1) }, good)).toBe(false);
    expect(holds({ type, blob: Buffer.concat([key.blob, Buffer.of(0)]) }, good)).toBe(false);
    expect(holds({ type, blob: Buffer.concat([key.blob, string("")]) }, good)).toBe(false);
  });
});

describe("a signature by RSA", () => {
  const rsa = keys.get("ssh-rsa")!;

  it("may be by SHA-256 and SHA-512, and not by SHA-1", () => {
    expect(holds(rsa, rsa.sign(data, { algorithm: "rsa-sha2-256" }))).toBe(true);
    expect(holds(rsa, rsa.sign(data, { algorithm: "rsa-sha2-512" }))).toBe(true);
    expect(holds(rsa, rsa.sign(data, { algorithm: "ssh-rsa" }))).toBe(false);
  });

  it("is not taken for one by another hash", () => {
    const { bytes } = readSignature(rsa.sign(data, { algorithm: "rsa-sha2-256" }));
    expect(holds(rsa, Buffer.concat([string("rsa-sha2-512"), string(bytes)]))).toBe(false);
  });

  it("may leave out zeros in front", () => {
    for (let i = 0; i < 5000; i++) {
      const message = Buffer.from(`message ${i}`);
      const { algorithm, bytes } = readSignature(rsa.sign(message));
      if (bytes[0] !== 0) continue;
      expect(holds(rsa, Buffer.concat([string(algorithm), string(bytes.subarray(1))]), message)).toBe(true);
      return;
    }
    expect.fail("No signature began with a zero");
  });

  it.each([1024, 2040])("does not hold for a key of %i bits", (bits) => {
    const short = madeKey("ssh-rsa", { bits });
    expect(holds(short, short.sign(data))).toBe(false);
  });

  it("does not hold for a key with a huge exponent", () => {
    const [, modulus] = [0, rsa.fields.subarray(7)];
    const blob = Buffer.concat([string("ssh-rsa"), mpint(Buffer.alloc(256, 0xff)), modulus]);
    expect(holds({ type: "ssh-rsa", blob }, rsa.sign(data))).toBe(false);
  });
});

describe("a signature by ECDSA", () => {
  const key = keys.get("ecdsa-sha2-nistp256")!;

  it("does not hold with numbers that are wider than the curve, or none", () => {
    for (const numbers of [
      [Buffer.alloc(33, 1), Buffer.alloc(32, 1)],
      [Buffer.alloc(0), Buffer.alloc(0)],
      [Buffer.of(1), Buffer.of(1)],
    ]) {
      const bytes = Buffer.concat(numbers.map((number) => mpint(number)));
      expect(holds(key, Buffer.concat([string(key.type), string(bytes)]))).toBe(false);
    }
  });

  it("does not hold for a point off the curve", () => {
    const blob = Buffer.from(key.blob);
    blob.writeUInt8((blob.at(-1) ?? 0) ^ 1, blob.length - 1);
    expect(holds({ type: key.type, blob }, key.sign(data))).toBe(false);
  });
});

describe("a signature by a FIDO key", () => {
  const key = keys.get("sk-ssh-ed25519@openssh.com")!;

  it("tells what the authenticator has signed beside the data", () => {
    const signature = key.sign(data, { flags: fido.touched | fido.verified, counter: 0xffff_fffe });
    expect(readSignature(signature).fido).toEqual({ flags: 5, counter: 0xffff_fffe });
    expect(holds(key, signature)).toBe(true);
  });

  it("does not hold for the same key under another application", () => {
    const blob = Buffer.concat([key.blob.subarray(0, -8), string("web:")]);
    expect(holds({ type: key.type, blob }, key.sign(data))).toBe(false);
  });
});
