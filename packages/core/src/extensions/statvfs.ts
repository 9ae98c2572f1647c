import type { Extension } from "../extension.ts";
import type { FileSystemStats } from "../filesystem.ts";
import type { ReplyMaker } from "../protocol/replies.ts";

const readOnlyFlag = 1;
const noSetuidFlag = 2;

/** Eleven numbers in the order of POSIX `struct statvfs` (OpenSSH PROTOCOL, section 4.4). */
function encode(reply: ReplyMaker, stats: FileSystemStats): Uint8Array {
  return reply.extended((writer) => {
    writer.u64(stats.blockSize).u64(stats.fragmentSize);
    writer.u64(stats.blocks).u64(stats.freeBlocks).u64(stats.availableBlocks);
    writer.u64(stats.files).u64(stats.freeFiles).u64(stats.availableFiles);
    writer
      .u64(0)
      .u64(noSetuidFlag | (stats.readOnly ? readOnlyFlag : 0))
      .u64(stats.maxNameLength);
  });
}

/** Free space by path. */
export const statvfs: Extension<"statfs"> = {
  name: "statvfs@openssh.com",
  data: "2",
  operation: "statfs",
  decode: (fields) => ({ path: fields.path() }),
  encode,
};

/** Free space by handle. */
export const fstatvfs: Extension<"statfs"> = {
  name: "fstatvfs@openssh.com",
  data: "2",
  operation: "statfs",
  decode: (fields) => ({ path: fields.pathOfHandle() }),
  encode,
};
