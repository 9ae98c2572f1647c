import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { generateHostKey } from "@sluice/core";
import { bytesOf } from "./client.ts";
import type { Path } from "./client.ts";
import { sluice } from "./sluice.ts";
import { sshd } from "./sshd.ts";

/** A running server, and everything a client needs to log in to it. */
export interface InteropServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** A private key in OpenSSH's format that logs in. */
  readonly keyFile: string;
  /** The host key as a line of `known_hosts`. */
  readonly knownHostsLine: string;
  /** The directory being served. Writes below its `denied` are refused. */
  readonly root: string;
  /** Where a client finds a path of `root`. */
  path(relative: Path): Buffer;
  /** Gives what was written into `root` from here to the user that the server acts as. */
  adopt(file: Path): Promise<void>;
  /** Ends the server and removes all that it needed. */
  stop(): Promise<void>;
}

/** What a server is started with. */
export interface Setup {
  /** A temporary directory that holds all the rest. */
  readonly directory: string;
  readonly root: string;
  readonly hostKeyFile: string;
  /** The line of `authorized_keys` that lets `keyFile` in. */
  readonly authorizedKey: string;
  readonly password: string;
}

/** One kind of server. */
export interface Peer {
  readonly user: string;
  /** What a client sees `root` as. */
  base(setup: Setup): string;
  adopt(file: Buffer): Promise<void>;
  listen(setup: Setup): Promise<{ readonly port: number; readonly stop: () => Promise<void> }>;
}

/** Which server the clients are held against: Sluice, or OpenSSH's to tell what is theirs from what is ours. */
export const peer: "sluice" | "sshd" = process.env["SLUICE_INTEROP_PEER"] === "sshd" ? "sshd" : "sluice";

/** Starts a server of its own on a free port of the loopback address. */
export async function startServer(): Promise<InteropServer> {
  const chosen = peer === "sshd" ? sshd : sluice;
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-server-"));
  try {
    const root = path.join(directory, "root");
    const keyFile = path.join(directory, "user_ed25519");
    const hostKeyFile = path.join(directory, "host_ed25519");
    const userKey = await writeKey(keyFile);
    const hostKey = await writeKey(hostKeyFile);
    await mkdir(path.join(root, "denied"), { recursive: true });
    const setup: Setup = { directory, root, hostKeyFile, authorizedKey: userKey, password: "correct horse" };
    const { port, stop } = await chosen.listen(setup);
    return {
      host: "127.0.0.1",
      port,
      user: chosen.user,
      password: setup.password,
      keyFile,
      knownHostsLine: `[127.0.0.1]:${port} ${hostKey}`,
      root,
      path: (relative) => Buffer.concat([Buffer.from(`${chosen.base(setup)}/`), bytesOf(relative)]),
      adopt: async (file) => chosen.adopt(bytesOf(file)),
      async stop() {
        await stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Makes a key pair and returns its public half. */
async function writeKey(file: string): Promise<string> {
  const { privateKey, publicKey } = generateHostKey("ed25519");
  await writeFile(file, privateKey, { mode: 0o600 });
  return publicKey;
}
