import { BadPacket, Reader } from "../protocol/reader.ts";
import { Writer } from "../protocol/writer.ts";

/** What is looked at of a client's KEXINIT (RFC 4253, section 7.1). */
export interface ClientKexInit {
  readonly kex: readonly string[];
  readonly serverHostKey: readonly string[];
  /** Whether the client has sent the first packet of the method that it hopes for. */
  readonly guessFollows: boolean;
}

/** Message number and cookie. */
const headBytes = 17;
/** Ciphers, MACs, compression and languages, each for two directions. */
const otherLists = 8;

/** Reads a KEXINIT, or answers nothing for one that is malformed. */
export function readKexInit(payload: Uint8Array): ClientKexInit | undefined {
  try {
    const reader = new Reader(payload, headBytes);
    const kex = reader.name().split(",");
    const serverHostKey = reader.name().split(",");
    for (let list = 0; list < otherLists; list++) reader.bytes();
    return { kex, serverHostKey, guessFollows: reader.remaining > 0 && reader.bool() };
  } catch (error) {
    if (error instanceof BadPacket) return undefined;
    throw error;
  }
}

/** The same KEXINIT with other key exchange methods. */
export function replaceKex(payload: Uint8Array, kex: readonly string[]): Buffer {
  const reader = new Reader(payload, headBytes);
  reader.bytes();
  return new Writer(payload.length).raw(payload.subarray(0, headBytes)).text(kex.join(",")).raw(reader.rest()).finish();
}
