import type { Extension } from "../extension.ts";

/** More than this is told as this: no client counts further. */
const most = Number.MAX_SAFE_INTEGER;

/**
 * Free space by path, in bytes (draft-ietf-secsh-filexfer-extensions-00, section 4). The same question as `statvfs@openssh.com`, so that whoever
 * answers that one answers this one; what is the user's is what is used and what they may still take.
 */
export const spaceAvailable: Extension<"statfs"> = {
  name: "space-available",
  operation: "statfs",
  decode: (fields) => ({ path: fields.path() }),
  encode: (reply, { fragmentSize, blocks, freeBlocks, availableBlocks }) =>
    reply.extended((writer) => {
      for (const count of [blocks, freeBlocks, blocks - freeBlocks + availableBlocks, availableBlocks]) {
        writer.u64(Math.min(Math.max(count, 0) * fragmentSize, most));
      }
      writer.u32(fragmentSize);
    }),
};
