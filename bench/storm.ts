import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Peer } from "./peer.ts";
import type { Workspace } from "./workspace.ts";

/** What a client with 64 requests in flight does with every file of a directory; `list` asks for one reply at a time. */
export type StormTask = "stat" | "put" | "get" | "remove" | "list";

/** Bytes of each file that is put or got. */
export const fileBytes = 1024;

export function fileName(index: number): string {
  return `file-${String(index).padStart(5, "0")}.dat`;
}

export interface StormTiming {
  /** From the first request to the last reply. */
  readonly seconds: number;
  /** What the server spent, the login included. */
  readonly cpuSeconds: number;
  /** What the client and its `ssh` spent in those seconds. */
  readonly clientSeconds: number;
}

const program = fileURLToPath(new URL("storm-client.ts", import.meta.url));
const run = promisify(execFile);

/** Runs `storm-client.ts` against a server. @throws Error when a reply is not as expected */
export async function runStorm(
  workspace: Workspace,
  peer: Peer,
  task: StormTask,
  directory: string,
  count: number,
): Promise<StormTiming> {
  const options = [
    "Compression=no",
    "ControlPath=none",
    "IdentitiesOnly=yes",
    "LogLevel=ERROR",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
  ];
  const ssh = [
    "-F",
    "none",
    "-p",
    String(peer.port),
    "-i",
    workspace.userKey,
    ...options.flatMap((option) => ["-o", option]),
    "-s",
    `${userInfo().username}@127.0.0.1`,
    "sftp",
  ];
  const before = await peer.cpuSeconds();
  const args = ["--import", "tsx", program, task, directory, String(count), ...ssh];
  const { stdout } = await run(process.execPath, args);
  const { seconds, clientSeconds } = JSON.parse(stdout) as Pick<StormTiming, "seconds" | "clientSeconds">;
  return { seconds, clientSeconds, cpuSeconds: (await peer.cpuSeconds()) - before };
}
