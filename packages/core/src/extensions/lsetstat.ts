import type { Extension } from "../extension.ts";

/** Sets attributes of a symbolic link itself (OpenSSH PROTOCOL, section 4.7). */
export const lsetstat: Extension<"setstat"> = {
  name: "lsetstat@openssh.com",
  operation: "setstat",
  decode: (fields) => ({ path: fields.path(), follow: false, attributes: fields.attributes() }),
};
