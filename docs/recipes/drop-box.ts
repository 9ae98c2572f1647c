import { createServer, type HostKeyInput, type Server } from "@sluice/core";
import { users } from "@sluice/auth-users";
import { localFiles } from "@sluice/fs-local";
import { permissions } from "@sluice/permissions";

/** Everybody may put files into `/in`, and only the clerks see them there, fetch them and clear up. */
export function dropBox(options: { hostKey: HostKeyInput; usersFile: string; root: string }): Server {
  const server = createServer({ hostKeys: [options.hostKey], auth: [["password"], ["authorized-keys"]] });
  server.register(
    users({ file: options.usersFile }),
    permissions({
      rules: [
        { name: "clerks", groups: ["clerks"], paths: ["/in/**"], allow: ["list", "download", "delete"] },
        { name: "drop box", paths: ["/in/**"], allow: "write-only", maxFileBytes: "2 GiB" },
      ],
    }),
  );
  server.mount("/", localFiles({ root: options.root }));
  return server;
}
