import type { Extension } from "../extension.ts";
import { maxDataBytes, maxPacketBytes } from "../protocol/packets.ts";
import { Writer } from "../protocol/writer.ts";

const name = "limits@openssh.com";

/** Tells the largest packet, read and write, and how many handles may be open (OpenSSH PROTOCOL, section 4.8). */
export function limits(handles: number): Extension<"extended"> {
  const answer = new Writer(32).u64(maxPacketBytes).u64(maxDataBytes).u64(maxDataBytes).u64(handles).finish();
  return {
    name,
    operation: "extended",
    decode: (fields) => {
      fields.allowLargeReplies();
      return { name, data: fields.reader.rest() };
    },
    answer: () => Promise.resolve(answer),
  };
}
