import { Reader } from "../protocol/reader.ts";
import { Writer } from "../protocol/writer.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { certifiedType, plainType } from "./key-type.ts";
import type { Certificate, PublicKey } from "./method.ts";

/** As many as OpenSSH takes. */
const maxPrincipals = 256;
const maxOptions = 64;

/** For whom a certificate is (PROTOCOL.certkeys). */
export const certificateTypes = { user: 1, host: 2 } as const;

/** A certificate with what is needed to check it. */
export interface SignedCertificate extends Certificate {
  /** One of `certificateTypes`. */
  readonly type: number;
  /** What the authority has signed. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/**
 * Reads a certificate (PROTOCOL.certkeys of OpenSSH). Nothing of it is checked but its form: not whether it is valid, nor who signed it.
 *
 * @throws Error where it is malformed, or holds more than 256 principals or 64 options
 */
export function readCertificate(blob: Uint8Array): SignedCertificate {
  const reader = new Reader(blob);
  const type = certifiedType(reader.name());
  if (type === undefined) throw new Error("The certificate is of an unknown type");
  // A nonce, against collisions of the hash that is signed.
  reader.bytes();
  const key = new Writer().text(type.name);
  for (let i = 0; i < type.fields; i++) key.bytes(reader.bytes());
  const serial = u64(reader);
  const kind = reader.u32();
  const keyId = text(reader);
  const principals = readPrincipals(reader.bytes());
  const validAfter = u64(reader);
  const validBefore = u64(reader);
  const criticalOptions = readOptions(reader.bytes());
  const extensions = readOptions(reader.bytes());
  // Reserved; ignored as in OpenSSH.
  reader.bytes();
  const authority = readAuthority(reader.bytes());
  const signed = blob.length - reader.remaining;
  const signature = reader.bytes();
  if (reader.remaining > 0) throw new Error("The certificate has something behind its end");
  return {
    key: keyOf(type.name, key.finish()),
    type: kind,
    serial,
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    extensions,
    authority,
    signed: Buffer.from(blob.buffer, blob.byteOffset, signed),
    signature,
  };
}

function keyOf(type: string, blob: Buffer): PublicKey {
  return { type, blob, fingerprint: fingerprintOf(blob) };
}

/** A certificate signs no others: there are no chains. */
function readAuthority(blob: Buffer): PublicKey {
  const type = new Reader(blob).name();
  if (plainType(type) === undefined) throw new Error("The authority's key is of an unknown type");
  return keyOf(type, blob);
}

function readPrincipals(bytes: Buffer): string[] {
  const reader = new Reader(bytes);
  const principals: string[] = [];
  while (reader.remaining > 0) {
    if (principals.length === maxPrincipals) throw new Error("The certificate has too many principals");
    principals.push(text(reader));
  }
  return principals;
}

function readOptions(bytes: Buffer): ReadonlyMap<string, Uint8Array> {
  const reader = new Reader(bytes);
  const options = new Map<string, Uint8Array>();
  while (reader.remaining > 0) {
    const name = text(reader);
    if (options.size === maxOptions) throw new Error("The certificate has too many options");
    if (options.has(name)) throw new Error("The certificate has an option twice");
    options.set(name, reader.bytes());
  }
  return options;
}

/** What C programs would read otherwise than we do is not read at all. */
function text(reader: Reader): string {
  const value = reader.text();
  if (value.includes("\0")) throw new Error("The certificate has a name with NUL in it");
  return value;
}

function u64(reader: Reader): bigint {
  const high = BigInt(reader.u32());
  return (high << 32n) | BigInt(reader.u32());
}
