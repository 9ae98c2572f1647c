import { createHash, timingSafeEqual } from "node:crypto";
import { Reader } from "../protocol/reader.ts";
import { printable } from "../protocol/text.ts";
import type { PublicKey } from "./method.ts";

/** Key types that are accepted, with the signature algorithms that each may use (RFC 8332, RFC 5656, RFC 8709). No SHA-1. */
const signatureAlgorithms: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-256", "rsa-sha2-512"],
};

/** Largest key blob looked at: an RSA key of 16,384 bits has about 2 KiB. */
const maxBlobBytes = 4096;
const leastRsaBits = 2048;
const mostRsaBits = 8192;

/** As OpenSSH prints it: `SHA256:` and base64 without padding. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/**
 * Reads what the client sent as its key. Only the type is looked at: the rest is parsed when the key is known to be authorised.
 *
 * @param accepted the signature algorithms that the server takes
 * @returns the key, or why it is not acceptable
 */
export function readPublicKey(
  blob: Buffer,
  signatureAlgorithm: string,
  accepted: readonly string[],
): PublicKey | string {
  if (blob.length > maxBlobBytes) return "The key is too large";
  let type: string;
  try {
    type = new Reader(blob).name();
  } catch {
    return "The key is malformed";
  }
  const algorithms = signatureAlgorithms[type];
  if (!Object.hasOwn(signatureAlgorithms, type) || algorithms === undefined)
    return `Keys of type ${printable(type).slice(0, 64)} are not accepted`;
  if (!algorithms.includes(signatureAlgorithm) || !accepted.includes(signatureAlgorithm))
    return `Signatures by ${printable(signatureAlgorithm).slice(0, 64)} are not accepted for ${type} keys`;
  return { type, blob, fingerprint: fingerprintOf(blob) };
}

/** Whether an authorised key may be used: RSA from 2,048 to 8,192 bits. */
export function isStrongEnough(key: PublicKey): boolean {
  if (key.type !== "ssh-rsa") return true;
  try {
    const reader = new Reader(key.blob);
    reader.bytes();
    reader.bytes();
    const modulus = reader.bytes();
    const first = modulus.findIndex((byte) => byte !== 0);
    const bits = first === -1 ? 0 : (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
    return bits >= leastRsaBits && bits <= mostRsaBits;
  } catch {
    return false;
  }
}

/** Whether two keys are the same, byte for byte. */
export function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
