/**
 * The server of `server.mjs` with an audit trail, for `audit.ts`. Called as `server.mjs` is; the trail's options come as JSON in
 * SLUICE_BENCH_AUDIT.
 */
import { readFileSync } from "node:fs";
import { audit } from "@sluice/audit";
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
const options = process.env.SLUICE_BENCH_AUDIT;
if (options !== undefined) server.register(audit(JSON.parse(options)));
const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write(`${port}\n`);
process.once("SIGTERM", () => void server.close({ graceMs: 0 }).then(() => process.exit(0)));
