import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { audit } from "@sluice/audit";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { runSftp, type Timing } from "./client.ts";
import { median, rotated } from "./figure.ts";
import { InteractiveSftp } from "./interactive.ts";
import { describeMachine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import { startSluice } from "./sluice.ts";
import { runStorm } from "./storm.ts";
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
    /** May be given several times. */
    variant: { type: "string", multiple: true },
    /** Only what needs no client of its own. */
    "in-process": { type: "boolean", default: false },
  },
});
const [rounds, mib, ops] = [Number(values.rounds), Number(values.mib), Number(values.ops)];
const inProcessMiB = 64;
/** Operations that one server is given before it is the next one's turn. */
const turn = 100;
const cipher = "aes256-gcm@openssh.com";

const all: Readonly<Record<string, object | undefined>> = {
  without: undefined,
  os: { durability: "os" },
  "os, hash all": { durability: "os", hash: "all" },
  "os, hash none": { durability: "os", hash: "none" },
  disk: { durability: "disk" },
  "strict os": { mode: "strict", durability: "os" },
  "strict disk": { mode: "strict", durability: "disk" },
};
const chosen = ["without", ...(values.variant ?? Object.keys(all))];
const variants = Object.fromEntries(Object.entries(all).filter(([name]) => chosen.includes(name)));

interface Task {
  readonly name: string;
  readonly commands: readonly string[];
  readonly prepare?: () => void;
}

function tasksOf(workspace: Workspace): Task[] {
  return [
    // A client that keeps what it gets is slower than the server.
    { name: "download", commands: ["get large /dev/null"] },
    {
      name: "upload",
      commands: ["put large up"],
      prepare: () => rmSync(join(workspace.served, "up"), { force: true }),
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
    peers.push(precise(await startSluice(workspace, { name, file })));
  }
  const tasks = values["in-process"] ? [] : tasksOf(workspace);
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
  for (const { name } of tasks) report(name);
  if (!values["in-process"]) {
    await measureStorms();
    await measureSmall();
  }
  await measureInProcess();
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
  workspace.remove();
  rmSync(logs, { recursive: true, force: true });
}

/** What small files cost the server that a client puts, gets and removes with 64 requests in flight: three requests a file, three and one. */
async function measureStorms(): Promise<void> {
  const files = 10_000;
  const directory = join(workspace.served, "storm");
  const costs = new Map<string, number[]>();
  const tasks = ["put", "get", "remove"] as const;
  for (let round = -1; round < rounds; round++) {
    for (const peer of rotated(peers, Math.max(round, 0))) {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      for (const task of tasks) {
        const { cpuSeconds } = await runStorm(workspace, peer, task, "storm", files);
        const key = `${task}/${peer.name}`;
        if (round >= 0) costs.set(key, [...(costs.get(key) ?? []), (cpuSeconds * 1e6) / files]);
      }
    }
  }
  console.log(`${files} files of 1 KiB with 64 requests in flight, CPU of the server for each file`);
  for (const { name } of peers) {
    const cells = tasks.map((task) => {
      const base = costs.get(`${task}/without`) ?? [];
      const mine = costs.get(`${task}/${name}`) ?? [];
      const more = median(mine.map((cost, i) => cost - (base[i] ?? cost))).toFixed(1);
      return `${task} ${median(mine).toFixed(1)} µs, ${more} more`;
    });
    console.log(`  ${name.padEnd(14)} ${cells.map((cell) => cell.padStart(28)).join("")}`);
  }
  console.log();
}

/**
 * What one small operation costs the server, with OpenSSH's sftp: one session with each server, which stays, so that no login is in it. Short turns, and
 * the difference in each round to the server without a trail: what else the machine does is in both.
 */
async function measureSmall(): Promise<void> {
  const commands = ["mkdir", "rmdir"].flatMap((verb) => Array.from({ length: turn / 2 }, (_, i) => `${verb} d${i}`));
  const clients = await Promise.all(
    peers.map(async (peer) => ({ peer, client: await InteractiveSftp.start(workspace, peer), cost: [] as number[] })),
  );
  try {
    // A server that has only just started compiles its code meanwhile.
    for (let round = -200; round < (rounds * ops) / turn; round++) {
      for (const { peer, client, cost } of rotated(clients, Math.max(round, 0))) {
        const before = await peer.cpuSeconds();
        await client.run(commands);
        if (round >= 0) cost.push((((await peer.cpuSeconds()) - before) * 1e6) / turn);
      }
    }
  } finally {
    await Promise.all(clients.map(({ client }) => client.close()));
  }
  const base = clients[0]?.cost ?? [];
  console.log(`mkdir and rmdir, CPU of the server; ${base.length} rounds of ${turn}`);
  for (const { peer, cost } of clients) {
    const more = cost.map((value, i) => value - (base[i] ?? value)).sort((a, b) => a - b);
    const quartile = (part: number): string => (more[Math.floor(more.length * part)] ?? 0).toFixed(1);
    const cells = [
      `${median(cost).toFixed(1)} µs each`,
      `${median(more).toFixed(1)} µs more`,
      `quartiles ${quartile(0.25)} and ${quartile(0.75)}`,
    ];
    console.log(`  ${peer.name.padEnd(14)} ${cells.map((cell) => cell.padStart(28)).join("")}`);
  }
  console.log();
}

/**
 * What one small operation costs, finer than a process's CPU time is counted: client and servers in this process, in memory, one operation after the
 * other, the servers in turns.
 */
async function measureInProcess(): Promise<void> {
  const file = (i: number): string => join(logs, `in-process-${i}.jsonl`);
  const servers = await Promise.all(
    Object.entries(variants).map(async ([name, options], i) => {
      const plugins = options === undefined ? [] : [audit({ file: file(i), ...options })];
      const fs = createMemoryFileSystem({ files: { "/large": Buffer.alloc(inProcessMiB * 1024 * 1024) } });
      const server = await startTestServer({ fs, plugins });
      const client = await (await server.connect()).sftp();
      return { name, server, client, stat: [] as number[], change: [] as number[], read: [] as number[] };
    }),
  );
  for (let round = -2; round < 4 * rounds; round++) {
    for (const { client, stat, change, read } of rotated(servers, Math.max(round, 0))) {
      const down = (await cpuPerCall(1, () => client.readFile("/large"))) * (1.024 / inProcessMiB);
      const looked = await cpuPerCall(ops, () => client.stat("/"));
      const changed = await cpuPerCall(ops, async (i) => (i % 2 === 0 ? client.mkdir("/d") : client.rmdir("/d")));
      if (round < 0) continue;
      stat.push(looked);
      change.push(changed);
      read.push(down);
    }
  }
  const [base] = servers;
  console.log("small operations in one process, CPU of client, server and log together");
  for (const { name, server, stat, change, read } of servers) {
    const more = (mine: readonly number[], other: readonly number[] = []): string =>
      median(mine.map((value, i) => value - (other[i] ?? value))).toFixed(1);
    const cells = [
      `stat ${median(stat).toFixed(1)} µs`,
      `${more(stat, base?.stat)} µs more`,
      `change ${median(change).toFixed(1)} µs`,
      `${more(change, base?.change)} µs more`,
      `download ${median(read).toFixed(0)} ms/GiB`,
      `${more(read, base?.read)} ms more`,
    ];
    console.log(`  ${name.padEnd(14)} ${cells.map((cell) => cell.padStart(22)).join("")}`);
    await server.close();
  }
}

/** Microseconds of CPU time, of all threads. */
async function cpuPerCall(count: number, call: (i: number) => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await call(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/**
 * The same server with its CPU time in nanoseconds, as the scheduler counts it (`schedstat`, of each thread): what `/proc/PID/stat` says comes in ticks of
 * 10 ms, which are 100 µs for each of 100 operations. Threads of Node stay as long as it runs, so that none takes its time away.
 */
function precise(peer: Peer): Peer {
  const tasks = `/proc/${peer.pid}/task`;
  const nanoseconds = (task: string): number =>
    Number(readFileSync(join(tasks, task, "schedstat"), "latin1").split(" ")[0]);
  const cpuSeconds = (): number => readdirSync(tasks).reduce((sum, task) => sum + nanoseconds(task), 0) / 1e9;
  return { ...peer, cpuSeconds: () => Promise.resolve(cpuSeconds()) };
}

/** Medians, and the medians of each round's difference to the server without a trail. */
function report(task: string): void {
  const base = samples.get(`${task}/without`) ?? [];
  console.log(task);
  for (const { name } of peers) {
    const mine = samples.get(`${task}/${name}`) ?? [];
    const of = (what: (timing: Timing, other: Timing) => number): string =>
      median(mine.map((timing, i) => what(timing, base[i] ?? timing))).toFixed(1);
    const cells = [
      `${of(({ seconds }) => (mib * 1.048576) / seconds)} MB/s`,
      `${of(({ seconds }, other) => (other.seconds / seconds - 1) * 100)} %`,
      `CPU ${of(({ cpuSeconds }) => (cpuSeconds * 1000 * 1024) / mib)} ms/GiB`,
      `${of(({ cpuSeconds }, other) => (cpuSeconds / other.cpuSeconds - 1) * 100)} % more CPU`,
    ];
    console.log(`  ${name.padEnd(14)} ${cells.map((cell) => cell.padStart(20)).join("")}`);
  }
  console.log();
}
