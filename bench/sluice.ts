import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Peer } from "./peer.ts";
import { cpuSeconds, terminate } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** A server program on Node, called as `server.mjs` is. */
export interface Program {
  readonly name: string;
  readonly file: string;
}

/** Starts a server on Node, in a process of its own; with `profile`, it leaves a CPU profile in that directory. */
export async function startSluice(workspace: Workspace, program: Program, profile?: string): Promise<Peer> {
  const { name, file } = program;
  const flags =
    profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`];
  const log = join(workspace.dir, `${name}.log`);
  const args = [...flags, file, workspace.served, workspace.hostKey, `${workspace.userKey}.pub`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", openSync(log, "w")] });
  const lines = createInterface({ input: child.stdout as Readable });
  const exited = once(child, "exit").then(() => [""]);
  const [line] = (await Promise.race([once(lines, "line"), exited])) as [string];
  const port = Number(line);
  if (!Number.isInteger(port) || port === 0) {
    await terminate(child);
    throw new Error(`${file} does not start: ${readFileSync(log, "utf8")}`);
  }
  const pid = child.pid ?? 0;
  return { name, port, pid, cpuSeconds: () => Promise.resolve(cpuSeconds(pid)), stop: () => terminate(child) };
}
