import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import os from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { generateHostKey } from "@sluice/core";
import { connectSsh } from "@sluice/core/ssh-client";
import type { LocalFilesOptions } from "@sluice/fs-local";
import { SftpClient } from "@sluice/testing";
import { kill, killLeftovers, start } from "../interop/process.ts";

const program = fileURLToPath(new URL("server.mjs", import.meta.url));
/** What logs in to every server here, by any name. */
export const password = "correct horse battery staple";

/** Where a test's files are: gone with `remove`. */
export interface Ground {
  readonly directory: string;
  readonly hostKeyFile: string;
  /** The host key as clients know it. */
  readonly hostKey: string;
  /** Ends every server that still runs, too. */
  remove(): Promise<void>;
}

export function makeGround(): Ground {
  const directory = realpathSync(mkdtempSync(join(os.tmpdir(), "sluice-faults-")));
  const hostKeyFile = join(directory, "host-key");
  const { privateKey, publicKey } = generateHostKey();
  writeFileSync(hostKeyFile, privateKey, { mode: 0o600 });
  return {
    directory,
    hostKeyFile,
    hostKey: publicKey,
    async remove() {
      await killLeftovers();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A server in a process of its own. */
export interface Victim {
  readonly pid: number;
  readonly port: number;
  /** Logs in and opens a session. */
  client(): Promise<SftpClient>;
  /** Kills it without a word, and waits until it is gone. */
  kill(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** What it has logged: warnings and worse. */
  log(): string;
}

/** @param wrapper what the server is run by, such as `strace` with its options. */
export async function startVictim(
  ground: Ground,
  options: LocalFilesOptions,
  wrapper: readonly string[] = [],
): Promise<Victim> {
  const own = [process.execPath, program, ground.hostKeyFile, password, JSON.stringify(options)];
  const [command = "", ...args] = [...wrapper, ...own];
  const child = start(command, args);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const ended = once(child, "close");
  const { value, done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (done === true) throw new Error(`The server did not start:\n${log}`);
  const port = Number(value);
  return {
    pid: child.pid ?? 0,
    port,
    async client() {
      const socket = connectTcp({ host: "127.0.0.1", port, noDelay: true });
      await once(socket, "connect");
      // What happens to a connection whose server is killed, those hear who wait for a reply.
      socket.on("error", () => undefined);
      const ssh = await connectSsh({ socket, username: "tester", password });
      return SftpClient.start(await ssh.openSftp());
    },
    async kill() {
      kill(child);
      await ended;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
    log: () => log,
  };
}

/** Numbers that are the same for the same seed: between 0 and 1, as `Math.random` gives them (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number from the environment, for campaigns that are longer than what `npm test` has time for. */
export function fromEnvironment(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name}: a whole number from 1 is needed`);
  return value;
}
