import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ConnectConfig } from "ssh2";
import type { Target } from "./client.ts";

/** How the clients written for Node log in. */
export async function ssh2Login({ server, login }: Target): Promise<ConnectConfig> {
  const wanted = Buffer.from(server.knownHostsLine.split(" ")[2] ?? "", "base64");
  const secret = login.by === "key" ? { privateKey: await readFile(server.keyFile) } : { password: login.password };
  return {
    host: server.host,
    port: server.port,
    username: server.user,
    hostVerifier: (key: Buffer) =>
      createHash("sha256").update(key).digest().equals(createHash("sha256").update(wanted).digest()),
    ...secret,
  };
}
