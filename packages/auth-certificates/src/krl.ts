import { printable } from "@sluice/core";
import { Reader } from "@sluice/core/protocol";
import type { Revocations } from "./revocations.ts";
import { Revoked, type RevokedCertificates } from "./revoked.ts";

const magic = Buffer.from("SSHKRL\n\0", "latin1");

/** As many as OpenSSH takes: 2^24 bits. */
const maxBitmapBytes = 2 * 2 ** 20 + 1;

const section = { certificates: 1, key: 2, sha1: 3, signature: 4, sha256: 5, extension: 255 } as const;
const part = { list: 0x20, range: 0x21, bitmap: 0x22, keyId: 0x23, extension: 0x39 } as const;

/** Whether these are the bytes of a key revocation list, rather than text. */
export function isKrl(bytes: Uint8Array): boolean {
  return magic.equals(bytes.subarray(0, magic.length));
}

/**
 * Reads a key revocation list (PROTOCOL.krl of OpenSSH, format 1). What is not understood refuses the list, unless it is an extension that
 * says it may be ignored.
 *
 * @throws Error that says what is wrong
 */
export function readKrl(bytes: Uint8Array): Revocations {
  try {
    return read(new Reader(bytes, magic.length));
  } catch (error) {
    const why = error instanceof Error ? error.message : "malformed";
    throw new Error(`the key revocation list cannot be used: ${why}`, { cause: error });
  }
}

function read(reader: Reader): Revoked {
  const format = reader.u32();
  if (format !== 1) throw new Error(`its format is ${format}; 1 is understood`);
  // The list's own number, its date, and flags of which there are none.
  for (let i = 0; i < 3; i++) u64(reader);
  // Reserved, and a comment.
  reader.bytes();
  reader.bytes();
  const revoked = new Revoked();
  while (reader.remaining > 0) readSection(revoked, reader.u8(), new Reader(reader.bytes()));
  return revoked;
}

function readSection(revoked: Revoked, type: number, reader: Reader): void {
  switch (type) {
    case section.certificates:
      readCertificates(revoked, reader);
      return;
    case section.key:
      for (const blob of strings(reader)) revoked.addKey(blob);
      return;
    case section.sha1:
      for (const hash of strings(reader)) revoked.addHash(ofLength(hash, 20));
      return;
    case section.sha256:
      for (const hash of strings(reader)) revoked.addHash(ofLength(hash, 32));
      return;
    case section.extension:
      skipExtension(reader);
      return;
    case section.signature:
      throw new Error(
        "it is signed inside, which OpenSSH does not take either; sign the file with ssh-keygen -Y instead",
      );
    default:
      throw new Error(`it has a section of the unknown type ${type}`);
  }
}

function readCertificates(revoked: Revoked, reader: Reader): void {
  const ofAuthority = revoked.of(reader.bytes());
  // Reserved.
  reader.bytes();
  while (reader.remaining > 0) {
    const type = reader.u8();
    const inner = new Reader(reader.bytes());
    readPart(ofAuthority, type, inner);
    if (inner.remaining > 0) throw new Error("a section has something behind its end");
  }
}

function readPart({ serials, keyIds }: RevokedCertificates, type: number, reader: Reader): void {
  switch (type) {
    case part.list: {
      if (reader.remaining % 8 !== 0) throw new Error("a list of serials is cut off");
      serials.addList(BigUint64Array.from({ length: reader.remaining / 8 }, () => u64(reader)));
      return;
    }
    case part.range:
      serials.addRange(u64(reader), u64(reader));
      return;
    case part.bitmap: {
      const first = u64(reader);
      const number = reader.bytes();
      if ((number[0] ?? 0) >= 0x80 || number.length > maxBitmapBytes)
        throw new Error("a bitmap of serials is malformed");
      // A copy, so that the rest of the file is let go.
      serials.addBitmap(first, Buffer.from(number));
      return;
    }
    case part.keyId:
      while (reader.remaining > 0) keyIds.add(keyId(reader));
      return;
    case part.extension:
      skipExtension(reader);
      return;
    default:
      throw new Error(`it has a section of certificates of the unknown type ${type}`);
  }
}

function keyId(reader: Reader): string {
  const text = reader.text();
  if (text.includes("\0")) throw new Error("a key id has NUL in it");
  return text;
}

function skipExtension(reader: Reader): void {
  const name = reader.text();
  const critical = reader.u8() !== 0;
  reader.bytes();
  if (reader.remaining > 0) throw new Error("an extension has something behind its end");
  if (critical)
    throw new Error(`it has the critical extension "${printable(name).slice(0, 64)}", which is not supported`);
}

function* strings(reader: Reader): Generator<Buffer> {
  while (reader.remaining > 0) yield reader.bytes();
}

function ofLength(hash: Buffer, length: number): Buffer {
  if (hash.length !== length) throw new Error(`a hash has ${hash.length} bytes in place of ${length}`);
  return hash;
}

function u64(reader: Reader): bigint {
  const high = BigInt(reader.u32());
  return (high << 32n) | BigInt(reader.u32());
}
