import { createRequire } from "node:module";
import { createServer, proven, refused, unknown, type ServerOptions } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";

/**
 * The server under attack, in a process of its own. Options come as JSON in the first argument, the log goes to standard output, and the
 * process that started it asks for its memory and lets delayed logins go on.
 */
interface TargetOptions extends Pick<ServerOptions, "limits" | "penalties" | "maxStartups" | "rekey" | "banner"> {
  readonly hostKeyFile: string;
  readonly username: string;
  readonly password: string;
  /** A key that logs in, in base64, and one that belongs to `admin`. */
  readonly keys: Readonly<Record<string, string>>;
  /** Whether each session has files of its own. */
  readonly ownFiles?: boolean;
}

const {
  hostKeyFile,
  username,
  password,
  keys,
  ownFiles = false,
  ...options
} = JSON.parse(process.argv[2] ?? "{}") as TargetOptions;
const delayed = new Set<() => void>();

const server = createServer({
  hostKeys: [hostKeyFile],
  auth: [["password"], ["keys"], ["questions"]],
  penalties: false,
  ...options,
  // Hundreds of logins fail here from one address: what is under attack is a connection, not the count over all of them.
  limits: {
    authRefusalMs: 1,
    authFailuresPerUserAndSource: 1_000_000,
    authFailuresPerSource: 1_000_000,
    authFailuresPerUser: 1_000_000,
    ...options.limits,
  },
  log: { level: "debug", destination: 1 },
});
server.authenticate({
  name: "password",
  mechanism: "password",
  async verify(attempt) {
    // Stands for a directory service that takes its time.
    if (attempt.username === "slow") await new Promise<void>((resolve) => delayed.add(resolve));
    if (attempt.username === "broken") throw new Error("The directory is on fire");
    return attempt.username === username && attempt.password === password ? proven() : unknown();
  },
});
server.authenticate({
  name: "keys",
  mechanism: "publickey",
  verify: (attempt) =>
    keys[attempt.username] === Buffer.from(attempt.key.blob).toString("base64") ? proven() : unknown(),
});
server.authenticate({
  name: "questions",
  mechanism: "keyboard-interactive",
  async verify(attempt) {
    const [answer] = await attempt.ask({ prompts: [{ text: "Code: ", echo: false }] });
    return attempt.username === username && answer === "42" ? proven() : refused("The code is wrong");
  },
});
server.mount(
  "/",
  memoryFiles({
    perSession: ownFiles,
    maxBytes: 256 * 1024 * 1024,
    maxFiles: 20_000,
    files: {
      "/canary.bin": Buffer.alloc(64 * 1024, "canary "),
      "/file.bin": Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => (i * 7) & 0xff)),
      // Not for sessions that come by the thousand, each with a copy.
      ...(ownFiles ? {} : { "/large.bin": Buffer.alloc(8 * 1024 * 1024, "large ") }),
      "/directory/inside.txt": "inside\n",
    },
  }),
);

process.on("message", (request: { readonly id: number; readonly ask: "memory" | "release" }) => {
  if (request.ask === "release") {
    for (const resolve of delayed) resolve();
    delayed.clear();
  } else globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const answer = { live: heapUsed + external, rss, connections: server.connections.size, delayed: delayed.size };
  process.send?.({ id: request.id, answer });
});
// Whoever started it is gone.
process.on("disconnect", () => process.exit(0));

const address = await server.listen({ host: "127.0.0.1", port: 0 });
const require = createRequire(import.meta.url);
const { bindingAvailable: addon } = require("ssh2/lib/protocol/crypto.js") as { readonly bindingAvailable: boolean };
process.send?.({ port: "port" in address ? address.port : 0, addon });
