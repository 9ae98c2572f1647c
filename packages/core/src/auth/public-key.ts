import { timingSafeEqual } from "node:crypto";
import { Reader } from "../protocol/reader.ts";
import { printable } from "../protocol/text.ts";
import { readCertificate } from "./certificate.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { rsaBits } from "./key-object.ts";
import { certifiedType, plainType, signatureAlgorithm } from "./key-type.ts";
import type { Certificate, PublicKey } from "./method.ts";

/** Largest key blob looked at: an RSA key of 16,384 bits has about 2 KiB. */
const maxBlobBytes = 4096;
/** A certificate holds two keys and a signature, and names. It comes in one packet with a signature of its own, of which 32 KiB are looked at. */
const maxCertificateBytes = 30 * 1024;

/**
 * Reads what the client sent as its key. Of a plain key only the type is looked at: the rest is parsed when the key is known to be authorised. A
 * certificate is parsed, since only its content says whom it is for; nothing of it is checked.
 *
 * @param algorithm the public key algorithm that the client names (RFC 4252, section 7)
 * @param accepted the algorithms that the server takes
 * @returns the key, or why it is not acceptable
 */
export function readPublicKey(blob: Buffer, algorithm: string, accepted: readonly string[]): PublicKey | string {
  if (blob.length > maxCertificateBytes) return "The key is too large";
  let name: string;
  try {
    name = new Reader(blob).name();
  } catch {
    return "The key is malformed";
  }
  const certified = certifiedType(name);
  if (certified === undefined && blob.length > maxBlobBytes) return "The key is too large";
  const type = certified ?? plainType(name);
  if (type === undefined) return `Keys of type ${printable(name).slice(0, 64)} are not accepted`;
  const isCertificate = certified !== undefined;
  const signature = signatureAlgorithm(algorithm) ?? "";
  const fits = type.signatures.includes(signature) && (signature !== algorithm) === isCertificate;
  if (!fits || !accepted.includes(algorithm))
    return `Signatures by ${printable(algorithm).slice(0, 64)} are not accepted for ${name} keys`;
  const key = { type: name, blob, fingerprint: fingerprintOf(blob) };
  if (!isCertificate) return key;
  const certificate = parse(blob);
  return certificate === undefined ? "The certificate is malformed" : { ...key, certificate };
}

function parse(blob: Buffer): Certificate | undefined {
  try {
    const { signed: _signed, signature: _signature, type: _type, ...certificate } = readCertificate(blob);
    return certificate;
  } catch {
    return undefined;
  }
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
    return bits >= rsaBits.least && bits <= rsaBits.most;
  } catch {
    return false;
  }
}

/** Whether two keys are the same, byte for byte. */
export function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
