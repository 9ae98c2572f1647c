/**
 * A server to be killed, starved and lied to, in a process of its own: the built packages, one user, one directory.
 *
 * node server.mjs <host key file> <password> <options of the file system in JSON>
 *
 * Prints its port as the only line on standard output; the log, warnings and worse, goes to standard error. It ends with its standard
 * input.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, proven, unknown } from "@sluice/core";
import { localFiles } from "@sluice/fs-local";

const [hostKeyFile, password, options] = process.argv.slice(2);

const server = createServer({
  hostKeys: [{ key: readFileSync(hostKeyFile, "utf8") }],
  // Without post-quantum exchange, whose self-test is a quarter of what starting costs: hundreds of these are started.
  algorithms: { kex: ["curve25519-sha256"] },
  log: { level: "warn", destination: 2 },
});
server.authenticate({
  name: "password",
  mechanism: "password",
  verify: (attempt) => (attempt.password === password ? proven() : unknown()),
});
server.mount("/", localFiles(JSON.parse(options)));
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`${port}\n`);

process.stdin.resume();
await once(process.stdin, "end");
await server.close({ graceMs: 0 });
process.exit(0);
