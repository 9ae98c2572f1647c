import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runSftp, type Timing } from "./client.ts";
import { median, rotated } from "./figure.ts";
import { describeMachine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { startSluice } from "./sluice.ts";
import { createWorkspace, makeLargeFile, type Workspace } from "./workspace.ts";

/**
 * What the audit trail costs: the same server without it and with it, in turns in one run, with OpenSSH's sftp.
 *
 * npm run build && node --import tsx bench/audit.ts [--rounds 7] [--mib 512] [--ops 1000] [--dir DIR]
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    mib: { type: "string", default: "512" },
    ops: { type: "string", default: "1000" },
    dir: { type: "string", default: "/dev/shm" },
    /** Where the log is written: a disk, or the fdatasync of `disk` costs nothing. */
    log: { type: "string", default: tmpdir() },
  },
});
const [rounds, mib, ops] = [Number(values.rounds), Number(values.mib), Number(values.ops)];
const cipher = "aes256-gcm@openssh.com";

const variants: Readonly<Record<string, object | undefined>> = {
  without: undefined,
  os: { durability: "os" },
  "os, hash all": { durability: "os", hash: "all" },
  "os, hash none": { durability: "os", hash: "none" },
  disk: { durability: "disk" },
  "strict os": { mode: "strict", durability: "os" },
  "strict disk": { mode: "strict", durability: "disk" },
};

interface Task {
  readonly name: string;
  readonly commands: readonly string[];
  /** Operations that are recorded, or 0 for a transfer. */
  readonly operations: number;
  readonly prepare?: () => void;
}

function tasksOf(workspace: Workspace): Task[] {
  const names = Array.from({ length: ops }, (_, i) => `d${i}`);
  return [
    { name: "download", commands: ["get large down"], operations: 0 },
    {
      name: "upload",
      commands: ["put large up"],
      operations: 0,
      prepare: () => rmSync(join(workspace.served, "up"), { force: true }),
    },
    {
      name: "mkdir and rmdir",
      commands: [...names.map((name) => `mkdir ${name}`), ...names.map((name) => `rmdir ${name}`)],
      operations: 2 * ops,
    },
  ];
}

const workspace = createWorkspace(values.dir);
const logs = join(values.log, `sluice-bench-audit-${process.pid}`);
mkdirSync(logs);
const peers: Peer[] = [];
const samples = new Map<string, Timing[]>();
try {
  makeLargeFile(workspace, "large", mib);
  const file = fileURLToPath(new URL("audit-server.mjs", import.meta.url));
  for (const [name, options] of Object.entries(variants)) {
    if (options === undefined) delete process.env["SLUICE_BENCH_AUDIT"];
    else process.env["SLUICE_BENCH_AUDIT"] = JSON.stringify({ file: join(logs, `${peers.length}.jsonl`), ...options });
    peers.push(await startSluice(workspace, { name, file }));
  }
  const tasks = tasksOf(workspace);
  for (let round = -1; round < rounds; round++) {
    for (const task of tasks) {
      for (const peer of rotated(peers, Math.max(round, 0))) {
        task.prepare?.();
        const timing = await runSftp(workspace, peer, task.commands, cipher);
        if (round < 0) continue;
        const key = `${task.name}/${peer.name}`;
        samples.set(key, [...(samples.get(key) ?? []), timing]);
      }
    }
  }
  const { cpu, cores, node, load } = describeMachine();
  console.log(`${cpu}, ${cores} cores, Node ${node}, load ${load}; ${rounds} rounds, ${mib} MiB, ${cipher}\n`);
  for (const { name, operations } of tasks) report(name, operations);
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
  workspace.remove();
  rmSync(logs, { recursive: true, force: true });
}

/** Medians, and the medians of each round's difference to the server without a trail. */
function report(task: string, operations: number): void {
  const base = samples.get(`${task}/without`) ?? [];
  console.log(task);
  for (const { name } of peers) {
    const mine = samples.get(`${task}/${name}`) ?? [];
    const of = (what: (timing: Timing, other: Timing) => number): string =>
      median(mine.map((timing, i) => what(timing, base[i] ?? timing))).toFixed(1);
    const cells =
      operations === 0
        ? [
            `${of(({ seconds }) => (mib * 1.048576) / seconds)} MB/s`,
            `${of(({ seconds }, other) => (other.seconds / seconds - 1) * 100)} %`,
            `CPU ${of(({ cpuSeconds }) => (cpuSeconds * 1000 * 1024) / mib)} ms/GiB`,
          ]
        : [
            `${of(({ seconds }) => (seconds * 1e6) / operations)} µs each`,
            `${of(({ seconds }, other) => ((seconds - other.seconds) * 1e6) / operations)} µs more`,
            `CPU ${of(({ cpuSeconds }, other) => ((cpuSeconds - other.cpuSeconds) * 1e6) / operations)} µs more`,
          ];
    console.log(`  ${name.padEnd(14)} ${cells.map((cell) => cell.padStart(20)).join("")}`);
  }
  console.log();
}
