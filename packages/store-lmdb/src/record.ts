/** The version of the encoding, the first byte of each record and the value of `formatKey`. */
export const formatVersion = 1;

const headerBytes = 9;

/** A value and when it expires. */
export interface StoredRecord {
  readonly value: string;
  /** By the store's clock; infinite where it never does. */
  readonly until: number;
}

/** Version (1 byte), expiry as a big-endian double (8 bytes), the value in UTF-8. */
export function encodeRecord({ value, until }: StoredRecord): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + Buffer.byteLength(value));
  bytes.writeUInt8(formatVersion, 0);
  bytes.writeDoubleBE(until, 1);
  bytes.write(value, headerBytes);
  return bytes;
}

/** @throws Error where the bytes were written by another version */
export function decodeRecord(bytes: Uint8Array, length: number): StoredRecord {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  if (length < headerBytes || record[0] !== formatVersion) {
    throw new Error(
      "The store holds an entry of another version; update @sluice/store-lmdb in every process that uses it",
    );
  }
  return { until: record.readDoubleBE(1), value: record.toString("utf8", headerBytes) };
}

// All keys share one tree, told apart by their first byte.
const metaByte = 0x01;
const entryByte = 0x02;
const expiryByte = 0x03;

/** Where the format's version is. */
export const formatKey: Buffer = Buffer.from([metaByte, ...Buffer.from("format")]);
/** Where the latest time is that a process has seen. */
export const timeKey: Buffer = Buffer.from([metaByte, ...Buffer.from("time")]);

/** Where the entry of that key is. */
export function entryKey(key: string): Buffer {
  return Buffer.from(`${String.fromCodePoint(entryByte)}${key}`);
}

/** The key of an entry. */
export function keyOfEntry(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8", 1);
}

/** After every key that begins with the prefix: UTF-8 has no byte 0xff. */
export function afterPrefix(prefix: string): Buffer {
  return Buffer.concat([entryKey(prefix), Buffer.from([0xff])]);
}

/** In the order of time, so that a sweep finds what has expired without reading the rest. */
export function expiryKey(until: number, entry: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(9 + entry.length - 1);
  key.writeUInt8(expiryByte, 0);
  key.writeBigUInt64BE(BigInt(Math.floor(until)), 1);
  key.set(entry.subarray(1), 9);
  return key;
}

/** The key of the entry that an expiry is about. */
export function entryOfExpiry(key: Uint8Array): Buffer {
  return Buffer.from([entryByte, ...key.subarray(9)]);
}
