import type { Extension } from "../extension.ts";

/** A rename that replaces its target (OpenSSH PROTOCOL, section 4.3). */
export const posixRename: Extension<"rename"> = {
  name: "posix-rename@openssh.com",
  operation: "rename",
  decode: (fields) => ({ from: fields.path(), to: fields.path(), overwrite: true }),
};
