import { createHash, verify, type KeyObject, type VerifyKeyObjectInput } from "node:crypto";
import { Reader } from "../protocol/reader.ts";
import { keyObject } from "./key-object.ts";
import { plainType } from "./key-type.ts";
import type { PublicKey } from "./method.ts";

/** A signature as it is sent (RFC 4253, section 6.6; PROTOCOL.u2f of OpenSSH for FIDO keys). */
export interface Signature {
  readonly algorithm: string;
  readonly bytes: Buffer;
  /** What a FIDO authenticator has signed beside the data. */
  readonly fido?: { readonly flags: number; readonly counter: number };
}

/** Flags of a FIDO signature (Web Authentication, section 6.1). */
export const fidoFlags = { touched: 0x01, verified: 0x04 } as const;

/** Reads a signature. @throws Error where it is malformed, or has anything behind its end */
export function readSignature(blob: Uint8Array): Signature {
  const reader = new Reader(blob);
  const algorithm = reader.name();
  const bytes = reader.bytes();
  const fido = plainType(algorithm)?.fido === true ? { flags: reader.u8(), counter: reader.u32() } : undefined;
  if (reader.remaining > 0) throw new Error("The signature has something behind its end");
  return { algorithm, bytes, ...(fido === undefined ? {} : { fido }) };
}

/** Whether a plain key has made this signature over this data, by an algorithm that it may use. Never throws. */
export function isSignedBy(key: PublicKey, signature: Signature, data: Uint8Array): boolean {
  const type = plainType(key.type);
  if (type === undefined || !type.signatures.includes(signature.algorithm)) return false;
  try {
    return check(keyObject(key), type.fido ? fidoData(key, signature, data) : data, signature);
  } catch {
    return false;
  }
}

function check(key: KeyObject, data: Uint8Array, { algorithm, bytes }: Signature): boolean {
  switch (algorithm) {
    case "ssh-ed25519":
    case "sk-ssh-ed25519@openssh.com":
      return holds(null, data, key, bytes);
    case "ecdsa-sha2-nistp256":
    case "sk-ecdsa-sha2-nistp256@openssh.com":
      return checkEcdsa("sha256", 32, data, key, bytes);
    case "ecdsa-sha2-nistp384":
      return checkEcdsa("sha384", 48, data, key, bytes);
    case "ecdsa-sha2-nistp521":
      return checkEcdsa("sha512", 66, data, key, bytes);
    case "rsa-sha2-256":
      return checkRsa("sha256", data, key, bytes);
    case "rsa-sha2-512":
      return checkRsa("sha512", data, key, bytes);
    default:
      return false;
  }
}

/** Only `true` is true. */
function holds(
  hash: string | null,
  data: Uint8Array,
  key: VerifyKeyObjectInput | KeyObject,
  signature: Buffer,
): boolean {
  const verified: unknown = verify(hash, data, key, signature);
  return verified === true;
}

/** The numbers r and s (RFC 5656, section 3.1.2), which node:crypto takes at the curve's full width. */
function checkEcdsa(hash: string, width: number, data: Uint8Array, key: KeyObject, bytes: Buffer): boolean {
  const reader = new Reader(bytes);
  const [r, s] = [atWidth(reader.bytes(), width), atWidth(reader.bytes(), width)];
  if (r === undefined || s === undefined || reader.remaining > 0) return false;
  return holds(hash, data, { key, dsaEncoding: "ieee-p1363" }, Buffer.concat([r, s]));
}

/** Signers may leave zeros in front out. */
function checkRsa(hash: string, data: Uint8Array, key: KeyObject, bytes: Buffer): boolean {
  const width = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  const whole = atWidth(bytes, width);
  return whole !== undefined && holds(hash, data, key, whole);
}

function atWidth(number: Buffer, width: number): Buffer | undefined {
  const zeros = number.findIndex((byte) => byte !== 0);
  const digits = zeros < 0 ? Buffer.alloc(0) : number.subarray(zeros);
  return digits.length > width ? undefined : Buffer.concat([Buffer.alloc(width - digits.length), digits]);
}

/** What an authenticator signs in place of the data itself. */
function fidoData(key: PublicKey, { fido }: Signature, data: Uint8Array): Buffer {
  if (fido === undefined) throw new Error("A FIDO signature without its flags");
  const reader = new Reader(key.blob);
  let application = reader.bytes();
  while (reader.remaining > 0) application = reader.bytes();
  const seen = Buffer.alloc(5);
  seen.writeUInt8(fido.flags, 0);
  seen.writeUInt32BE(fido.counter, 1);
  return Buffer.concat([sha256(application), seen, sha256(data)]);
}

function sha256(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}
