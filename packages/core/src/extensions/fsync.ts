import type { Extension } from "../extension.ts";

/** Forces what was written to stable storage (OpenSSH PROTOCOL, section 4.6). */
export const fsync: Extension<"sync"> = {
  name: "fsync@openssh.com",
  operation: "sync",
  decode: (fields) => ({ file: fields.file() }),
};
