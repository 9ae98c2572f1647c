import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runSftp } from "./client.ts";
import { rotated, type Figures } from "./figure.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import { runStorm, type StormTask } from "./storm.ts";
import { makeFiles, type Workspace } from "./workspace.ts";

const listedEntries = 10_000;
const manyEntries = 100_000;
const smallFiles = 1_000;
const smallBytes = 1024;
const stormFiles = 10_000;

/** Commands of OpenSSH's client, one after the other. */
interface Commands {
  readonly what: string;
  readonly commands: readonly string[];
  /** Includes the login. */
  readonly whole?: boolean;
  /** Emptied before each run. */
  readonly target?: string;
}

/** Requests of the client that keeps 64 in flight. */
interface Storm {
  readonly what: string;
  readonly storm: StormTask;
  readonly directory: string;
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
  makeFiles(join(workspace.served, "more"), manyEntries, 0);
  const names = makeFiles(join(workspace.served, "small"), smallFiles, smallBytes);
  makeFiles(join(workspace.local, "small"), smallFiles, smallBytes);
  const storm = (text: string): string => `64 in flight: ${text}`;
  // As the servers see it: relative to where a session begins.
  const directory = "storm";
  const target = join(workspace.served, directory);
  const tasks: readonly (Commands | Storm)[] = [
    { what: "connect, log in, leave", commands: [], whole: true },
    { what: `ls -l of ${listedEntries} entries`, commands: ["ls -l many"] },
    { what: `ls -l of ${manyEntries} entries`, commands: ["ls -l more"] },
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
    { what: storm(`lstat ${listedEntries} names`), storm: "stat", directory: "many" },
    { what: storm(`put ${stormFiles} files of ${smallBytes} bytes`), storm: "put", directory, target },
    { what: storm("get them"), storm: "get", directory },
    { what: storm("remove them"), storm: "remove", directory },
  ];
  for (let round = -1; round < options.rounds; round++) {
    // A peer removes what it has put, so it does all of its tasks on these files before another does.
    for (const group of grouped(tasks)) {
      for (const peer of rotated(peers, Math.max(round, 0))) {
        for (const task of group) {
          progress(`${round < 0 ? "warm up" : `round ${round + 1} of ${options.rounds}`}: ${task.what} ${peer.name}`);
          const { target } = task;
          if (target !== undefined) {
            rmSync(target, { recursive: true, force: true });
            mkdirSync(target);
          }
          if ("storm" in task) await measureStorm(workspace, peer, task, round < 0 ? undefined : figures);
          else await measureCommands(workspace, peer, task, round < 0 ? undefined : figures);
        }
      }
    }
  }
}

/** Storms on the same directory belong together; everything else stands by itself. */
function grouped(tasks: readonly (Commands | Storm)[]): (Commands | Storm)[][] {
  const groups: (Commands | Storm)[][] = [];
  for (const task of tasks) {
    const last = groups.at(-1)?.[0];
    const joins = last !== undefined && "storm" in task && "storm" in last && task.directory === last.directory;
    if (joins) groups.at(-1)?.push(task);
    else groups.push([task]);
  }
  return groups;
}

async function measureCommands(
  workspace: Workspace,
  peer: Peer,
  { what, commands, whole = false }: Commands,
  figures: Figures | undefined,
): Promise<void> {
  const { seconds, totalSeconds, cpuSeconds } = await runSftp(workspace, peer, commands);
  figures?.add(what, "ms", "less", peer, (whole ? totalSeconds : seconds) * 1000);
  // A login costs less than the 10 ms that the kernel counts in.
  if (!whole) figures?.add(what, "CPU ms", "less", peer, cpuSeconds * 1000);
}

async function measureStorm(
  workspace: Workspace,
  peer: Peer,
  { what, storm, directory }: Storm,
  figures: Figures | undefined,
): Promise<void> {
  const count = storm === "stat" ? listedEntries : stormFiles;
  const { seconds, cpuSeconds, clientSeconds } = await runStorm(workspace, peer, storm, directory, count);
  figures?.add(what, "ms", "less", peer, seconds * 1000);
  figures?.add(what, "CPU ms", "less", peer, cpuSeconds * 1000);
  figures?.add(what, "client CPU ms", "less", peer, clientSeconds * 1000);
}
