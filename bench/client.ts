import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Peer } from "./peer.ts";
import type { Workspace } from "./workspace.ts";

export interface Timing {
  /** From the first command to the last; the login is not in it. */
  readonly seconds: number;
  /** From the start of the client to its end. */
  readonly totalSeconds: number;
  /** What it cost the server, the login included. */
  readonly cpuSeconds: number;
}

/** Runs OpenSSH's `sftp` with commands, from the client's directory. @throws Error when any command fails. */
export async function runSftp(
  workspace: Workspace,
  peer: Peer,
  commands: readonly string[],
  cipher?: string,
): Promise<Timing> {
  const batch = join(workspace.dir, "batch");
  const marks = join(workspace.dir, "marks");
  // The client itself tells when it begins and ends: it runs what follows a `!`.
  const mark = `@!date +%s%N >> ${marks}`;
  writeFileSync(marks, "");
  writeFileSync(batch, `${[mark, ...commands, mark].join("\n")}\n`);
  const options = [
    ...(cipher === undefined ? [] : [`Ciphers=${cipher}`]),
    "Compression=no",
    "ControlPath=none",
    "IdentitiesOnly=yes",
    "LogLevel=ERROR",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
  ];
  const args = [
    "-q",
    "-F",
    "none",
    "-b",
    batch,
    "-P",
    String(peer.port),
    "-i",
    workspace.userKey,
    ...options.flatMap((option) => ["-o", option]),
    `${userInfo().username}@127.0.0.1`,
  ];
  const cpuBefore = await peer.cpuSeconds();
  const start = performance.now();
  const child = spawn("sftp", args, { cwd: workspace.local, stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code] = (await once(child, "close")) as [number | null];
  const totalSeconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`sftp failed with ${peer.name}: ${errors.trim()}`);
  const [first = 0, last = 0] = readFileSync(marks, "utf8").trim().split("\n").map(Number);
  return { seconds: (last - first) / 1e9, totalSeconds, cpuSeconds: (await peer.cpuSeconds()) - cpuBefore };
}
