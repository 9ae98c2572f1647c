import { setTimeout as sleep } from "node:timers/promises";
import type { SshConnection } from "./ssh-connection.ts";

/** How often it is looked whether a connection has become idle: nothing tells when a client has sent its last request. */
const pollMs = 50;
/** How long connections may take to close once they were told to go. */
const goodbyeMs = 5000;

/** Ends idle connections at once and busy ones when their transfers are done, or when the grace is over. */
export async function drain(connections: ReadonlySet<SshConnection>, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  while (connections.size > 0 && Date.now() < deadline) {
    for (const connection of connections) if (!connection.busy) connection.end("The server is shutting down");
    if (connections.size > 0) await sleep(Math.min(pollMs, Math.max(deadline - Date.now(), 0)));
  }
  for (const connection of connections) connection.end("The server is shutting down");
  const last = Date.now() + goodbyeMs;
  while (connections.size > 0 && Date.now() < last) await sleep(pollMs);
}
