import { createServer, generateHostKey, proven, runUntilSignal } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";

/** A process that serves, and whatever its argument says. */
const [, , fault = ""] = process.argv;

const server = createServer({
  hostKeys: [{ key: generateHostKey().privateKey }],
  log: { level: "info", destination: 1 },
});
server.authenticate({ name: "demo", mechanism: "password", verify: () => proven() });
server.mount("/", createMemoryFileSystem());
if (fault === "stuck") server.onClose(() => new Promise(() => undefined));

const start = async (): Promise<void> => {
  if (fault === "start") throw new Error("It does not start");
  await server.listen({ host: "127.0.0.1", port: 0 });
  // Stands for what a plugin leaves running.
  if (fault !== "careless") setInterval(() => undefined, 60_000);
  const boom = new Error("boom");
  if (fault === "throw" || fault === "careless")
    setTimeout(() => {
      throw boom;
    }, 0);
  if (fault === "reject") void Promise.reject(boom);
};
const code = await runUntilSignal(server, { start, closing: () => server.log.info("Closing") });
if (fault !== "careless") process.exitCode = code;
