import { SftpError } from "../errors.ts";
import type { Extension } from "../extension.ts";

/** Copies between open files on the server's side (draft-ietf-secsh-filexfer-extensions-00, section 7). */
export const copyData: Extension<"copy"> = {
  name: "copy-data",
  operation: "copy",
  decode: (fields) => {
    const from = fields.file();
    const position = fields.reader.u64();
    const length = fields.reader.u64();
    const to = fields.file();
    if (!from.flags.read) throw new SftpError("permissionDenied", "The source is not open for reading");
    if (!to.flags.write) throw new SftpError("permissionDenied", "The target is not open for writing");
    return { from, position, length, to, toPosition: fields.reader.u64() };
  },
};
