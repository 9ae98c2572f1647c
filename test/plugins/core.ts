import { createServer as createBareServer, type Server, type ServerOptions } from "@sluice/core";
import { freshFolder } from "./folder.ts";
import { everything } from "./everything.ts";

export * from "@sluice/core";

/** A server with all plugins. The store is the one in memory: some tests look after a round trip, and a file waits for the disk. */
export function createServer(options: ServerOptions): Server {
  const server = createBareServer(options);
  server.register(...everything(freshFolder()));
  return server;
}
