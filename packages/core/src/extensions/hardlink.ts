import type { Extension } from "../extension.ts";

/** A hard link; the existing path comes first (OpenSSH PROTOCOL, section 4.5). */
export const hardlink: Extension<"link"> = {
  name: "hardlink@openssh.com",
  operation: "link",
  decode: (fields) => ({ existing: fields.path(), path: fields.path() }),
};
