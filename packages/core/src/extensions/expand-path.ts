import { SftpError } from "../errors.ts";
import type { Extension } from "../extension.ts";
import { sftpPath } from "../path.ts";

/** REALPATH that knows `~` and `~user` (OpenSSH PROTOCOL, section 4.9). Only the user's own name is known. */
export const expandPath: Extension<"realpath"> = {
  name: "expand-path@openssh.com",
  operation: "realpath",
  decode: ({ reader, user }) => {
    const text = reader.text();
    if (!text.startsWith("~")) return { path: sftpPath(text, user.home) };
    const slash = text.indexOf("/");
    const name = text.slice(1, slash === -1 ? undefined : slash);
    if (name !== "" && name !== user.name) throw new SftpError("noSuchFile", "No such user");
    return { path: sftpPath(slash === -1 ? "" : text.slice(slash + 1).replace(/^\/+/, ""), user.home) };
  },
  encode: (reply, path) => reply.names([{ name: path, stats: {} }]),
};
