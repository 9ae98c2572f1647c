import { once } from "node:events";
import { users } from "@sluice/auth-users";
import { createServer, pathsOf, SftpError } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";

/** Serves a directory until standard input ends; prints the port. Its log, errors only, goes to standard error. */
const [, , root = "", hostKeyFile = "", usersFile = ""] = process.argv;

const server = createServer({
  hostKeys: [hostKeyFile],
  auth: [["password"], ["authorized-keys"]],
  log: { level: "error", destination: 2 },
});
server.register(users({ file: usersFile }));
// On Linux the containment is the strict one all the same; elsewhere the clients can be tried, too.
server.mount("/", localFiles({ root, containment: "best-effort" }));
server.before(["open", "mkdir", "rmdir", "remove", "rename", "setstat", "symlink", "link"], (ctx) => {
  if (pathsOf(ctx).some((path) => path.startsWith("/denied/"))) throw new SftpError("permissionDenied");
});
const address = await server.listen({ host: "127.0.0.1", port: 0 });
if ("port" in address) console.log(address.port);

process.stdin.resume();
await once(process.stdin, "end");
await server.close({ graceMs: 0 });
