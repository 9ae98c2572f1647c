/** The data types of RFC 4251, section 5, as an attacker writes them: nothing is checked. */

export function u8(value: number): Buffer {
  return Buffer.from([value & 0xff]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function u64(value: bigint | number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}

/** A string behind its length; the length may be made to lie. */
export function str(value: string | Uint8Array, length?: number): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
  return Buffer.concat([u32(length ?? bytes.length), bytes]);
}

/** A non-negative integer of any length. */
export function mpint(value: Uint8Array): Buffer {
  let bytes = Buffer.from(value);
  while (bytes.length > 0 && bytes[0] === 0) bytes = bytes.subarray(1);
  return str((bytes[0] ?? 0) & 0x80 ? Buffer.concat([u8(0), bytes]) : bytes);
}

/** A message: its number and its fields. */
export function message(type: number, ...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat([u8(type), ...fields]);
}

/** An SFTP packet with its length in front. */
export function sftp(type: number, ...fields: readonly Uint8Array[]): Buffer {
  return str(message(type, ...fields));
}

/** Message numbers (RFC 4250, section 4.1). */
export const MSG = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  DEBUG: 4,
  SERVICE_REQUEST: 5,
  SERVICE_ACCEPT: 6,
  EXT_INFO: 7,
  KEXINIT: 20,
  NEWKEYS: 21,
  KEX_ECDH_INIT: 30,
  KEX_ECDH_REPLY: 31,
  USERAUTH_REQUEST: 50,
  USERAUTH_FAILURE: 51,
  USERAUTH_SUCCESS: 52,
  USERAUTH_BANNER: 53,
  USERAUTH_PK_OK: 60,
  USERAUTH_INFO_REQUEST: 60,
  USERAUTH_INFO_RESPONSE: 61,
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  REQUEST_FAILURE: 82,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
  CHANNEL_SUCCESS: 99,
  CHANNEL_FAILURE: 100,
} as const;
