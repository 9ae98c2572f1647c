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
    return { from, position, length, to, toPosition: fields.reader.u64() };
  },
};
