import type { Ssh2PacketReader, Ssh2Protocol } from "./ssh2.ts";

/** A packet holds 32 KiB of data and its head at most (RFC 4253, section 6.1). */
const maxPayloadBytes = 64 * 1024;

/**
 * Limits what one packet may be decompressed to, by whatever reader of packets ssh2 puts in place: it would go on for as long as there is memory. A
 * packet that holds more ends the connection.
 */
export function boundInflation(protocol: Ssh2Protocol): void {
  const packets = protocol._packetRW;
  let reader = packets.read;
  Object.defineProperty(packets, "read", {
    get: () => reader,
    set: (next: Ssh2PacketReader) => {
      if (next._zlib !== undefined) next._zlib._maxOutputLength = maxPayloadBytes;
      reader = next;
    },
  });
}
