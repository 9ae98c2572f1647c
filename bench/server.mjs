/**
 * The server that is measured: what a user would write, from the built packages, with every option at its default.
 *
 * node server.mjs <root> <host key file> <authorized public key file>
 *
 * Prints the port as its only line on standard output; the log goes to standard error.
 */
import { readFileSync } from "node:fs";
import { createServer, proven, unknown } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";

const [root, hostKey, authorizedKey] = process.argv.slice(2);
const authorized = Buffer.from(readFileSync(authorizedKey, "utf8").split(" ")[1], "base64");

const server = createServer({ hostKeys: [hostKey], log: { destination: 2 } });
server.authenticate({
  name: "key",
  mechanism: "publickey",
  verify: ({ key }) => (authorized.equals(key.blob) ? proven() : unknown()),
});
server.mount("/", localFiles({ root }));
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`${port}\n`);
process.once("SIGTERM", () => void server.close({ graceMs: 0 }).then(() => process.exit(0)));
