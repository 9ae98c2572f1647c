import { SftpError } from "../errors.ts";
import type { Extension } from "../extension.ts";

/** Where a user's sessions start (draft-ietf-secsh-filexfer-extensions-00, section 5). Only the user's own is told. */
export const homeDirectory: Extension<"realpath"> = {
  name: "home-directory",
  operation: "realpath",
  decode: ({ reader, user }) => {
    const name = reader.text();
    if (name !== "" && name !== user.name) throw new SftpError("noSuchFile", "No such user");
    return { path: user.home };
  },
  encode: (reply, path) => reply.names([{ name: path, stats: {} }]),
};
