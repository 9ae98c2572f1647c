import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runSftp } from "./client.ts";
import { rotated, type Figures } from "./figure.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import { makeFiles, type Workspace } from "./workspace.ts";

const listedEntries = 10_000;
const smallFiles = 1_000;
const smallBytes = 1024;

interface Task {
  readonly what: string;
  readonly commands: readonly string[];
  /** Includes the login. */
  readonly whole?: boolean;
  /** Emptied before each run. */
  readonly target?: string;
}

/** Wall time of work that is many requests and few bytes. */
export async function measureMetadata(
  workspace: Workspace,
  peers: readonly Peer[],
  options: Options,
  figures: Figures,
  progress: (text: string) => void,
): Promise<void> {
  makeFiles(join(workspace.served, "many"), listedEntries, 0);
  const names = makeFiles(join(workspace.served, "small"), smallFiles, smallBytes);
  makeFiles(join(workspace.local, "small"), smallFiles, smallBytes);
  const tasks: readonly Task[] = [
    { what: "connect, log in, leave", commands: [], whole: true },
    { what: `ls -l of ${listedEntries} entries`, commands: ["ls -l many"] },
    {
      what: `get ${smallFiles} files of ${smallBytes} bytes`,
      commands: names.map((name) => `get small/${name} got/${name}`),
      target: join(workspace.local, "got"),
    },
    {
      what: `put ${smallFiles} files of ${smallBytes} bytes`,
      commands: names.map((name) => `put small/${name} put/${name}`),
      target: join(workspace.served, "put"),
    },
  ];
  for (let round = -1; round < options.rounds; round++) {
    for (const { what, commands, whole = false, target } of tasks) {
      for (const peer of rotated(peers, Math.max(round, 0))) {
        progress(`${round < 0 ? "warm up" : `round ${round + 1} of ${options.rounds}`}: ${what} ${peer.name}`);
        if (target !== undefined) {
          rmSync(target, { recursive: true, force: true });
          mkdirSync(target);
        }
        const { seconds, totalSeconds, cpuSeconds } = await runSftp(workspace, peer, commands);
        if (round < 0) continue;
        figures.add(what, "ms", "less", peer, (whole ? totalSeconds : seconds) * 1000);
        // A login costs less than the 10 ms that the kernel counts in.
        if (!whole) figures.add(what, "CPU ms", "less", peer, cpuSeconds * 1000);
      }
    }
  }
}
