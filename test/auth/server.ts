import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { generateHostKey, type AuthMethod, type Mechanism } from "@sluice/core";
import { memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type TestServer, type TestServerOptions } from "@sluice/testing";

/** A server on a port of this machine, for clients that are programs. */
export interface ListeningServer extends TestServer {
  readonly port: number;
}

/** Starts a server that listens on a free port; files are in memory. */
export async function listen(options: TestServerOptions): Promise<ListeningServer> {
  const server = await startTestServer({ fs: memoryFiles(), ...options });
  const address = await server.server.listen({ host: "127.0.0.1", port: 0 });
  return { ...server, port: "port" in address ? address.port : 0 };
}

/** A method, by what its mechanism brings. */
export function method<M extends Mechanism>(its: AuthMethod<M>): AuthMethod {
  return its;
}

/** A user's key in a file of its own. */
export interface UserKey {
  readonly file: string;
  readonly blob: Buffer;
  remove(): Promise<void>;
}

/** Makes an Ed25519 key that every client can read. */
export async function userKey(): Promise<UserKey> {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-key-"));
  const file = path.join(directory, "id_ed25519");
  const { privateKey, publicKey } = generateHostKey("ed25519");
  await writeFile(file, privateKey, { mode: 0o600 });
  return {
    file,
    blob: Buffer.from(publicKey.split(" ")[1] ?? "", "base64"),
    remove: async () => rm(directory, { recursive: true, force: true }),
  };
}
