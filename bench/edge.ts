import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { logIn, startSftp, type LoggedIn } from "./login.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import { memory } from "./process.ts";
import { startSluice, type Program } from "./sluice.ts";
import { startSshd } from "./sshd.ts";
import { largeFile } from "./transfers.ts";
import { Workers } from "./workers.ts";
import type { Workspace } from "./workspace.ts";

/** One thing that a server has to stand, with what was found and what is owed. */
export interface EdgeResult {
  readonly what: string;
  readonly found: string;
  readonly owed: string;
  readonly good: boolean;
}

const mebibyte = 1024 * 1024;
/** In the network that the hostile ones are in. */
const honest = "127.0.0.1";
const attempts = 100;
const floodSeconds = 30;
const floodPerSecond = 200;
const readers = 50;
const loginSeconds = 8;
const loginProcesses = 4;
const loginsAtOnce = 2;
const idleSessions = 40;

/** How the server behaves before strangers and idlers, with every option at its default. A fresh process for each figure. */
export async function measureEdge(
  workspace: Workspace,
  program: Program,
  options: Options,
  progress: (text: string) => void,
): Promise<EdgeResult[]> {
  const results: EdgeResult[] = [];
  const withPeer = async (act: (peer: Peer) => Promise<EdgeResult>): Promise<void> => {
    const peer = await startSluice(workspace, program);
    try {
      results.push(await act(peer));
    } finally {
      await peer.stop();
    }
  };
  progress(`edge: ${options.crowd} silent and ${options.crowd} dripping connections`);
  await withPeer((peer) => crowded(workspace, peer, options.crowd));
  progress(`edge: ${floodPerSecond} connections a second`);
  await withPeer((peer) => flooded(workspace, peer));
  progress(`edge: ${readers} clients that do not read`);
  await withPeer((peer) => unread(workspace, peer));
  progress("edge: logins and idle sessions beside sshd");
  const sshd = await startSshd(workspace);
  try {
    await withPeer((peer) => besideLogins(workspace, peer, sshd));
    await withPeer((peer) => besideIdle(workspace, peer, sshd));
  } finally {
    await sshd.stop();
  }
  return results;
}

/** Logins, one after the other, by turns from one address and from one that the server has not seen: how many went well, and how long they took. */
async function logins(workspace: Workspace, peer: Peer, go: (done: number) => boolean): Promise<[number, number[]]> {
  const times: number[] = [];
  let failed = 0;
  for (let i = 0; go(i); i++) {
    const began = performance.now();
    try {
      const from = i % 2 === 0 ? honest : `127.0.${1 + Math.floor(i / 500)}.${1 + ((i >> 1) % 250)}`;
      (await logIn(workspace, peer, from)).client.end();
      times.push(performance.now() - began);
    } catch {
      failed += 1;
    }
    await sleep(100);
  }
  return [failed, times.toSorted((a, b) => a - b)];
}

function p95(sorted: readonly number[]): number {
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.POSITIVE_INFINITY;
}

function loadNow(): string {
  return `load ${(loadavg()[0] ?? 0).toFixed(1)}`;
}

async function crowded(workspace: Workspace, peer: Peer, size: number): Promise<EdgeResult> {
  const stay = { does: "stay", port: peer.port, count: size } as const;
  const crowd = await Workers.start([
    { ...stay, manner: "silent" },
    { ...stay, manner: "dripping" },
  ]);
  const until = Date.now() + 25_000;
  const [failed, times] = await logins(workspace, peer, (done) => done < attempts || Date.now() < until);
  const { made, longestMs } = await crowd.stop();
  const share = times.length / (times.length + failed);
  return {
    what: `logins while ${size} silent and ${size} dripping clients of 50 addresses stay (${made} connections; ${loadNow()})`,
    found: `${times.length} of ${times.length + failed}, p95 ${p95(times).toFixed(0)} ms; the longest of theirs ${(longestMs / 1000).toFixed(1)} s`,
    owed: "99 %, 12 s",
    good: share >= 0.99 && longestMs <= 12_000,
  };
}

async function flooded(workspace: Workspace, peer: Peer): Promise<EdgeResult> {
  const job = { does: "flood", port: peer.port, perSecond: floodPerSecond / 2 } as const;
  const flood = await Workers.start([job, job]);
  const until = Date.now() + floodSeconds * 1000;
  const [failed, times] = await logins(workspace, peer, () => Date.now() < until);
  const { made } = await flood.stop();
  return {
    what: `logins during ${floodPerSecond} connections a second of one /24, for ${floodSeconds} s (${made} connections; ${loadNow()})`,
    found: `${times.length} of ${times.length + failed}, p95 ${p95(times).toFixed(0)} ms`,
    owed: "99 %, p95 2,000 ms",
    good: failed <= times.length / 99 && p95(times) <= 2000,
  };
}

/** Members of a channel of ssh2's client that its types leave out. */
interface ChannelInternals {
  readonly outgoing: { readonly id: number };
  readonly _client: { readonly _protocol: { channelWindowAdjust(channel: number, bytes: number): void } };
}

async function unread(workspace: Workspace, peer: Peer): Promise<EdgeResult> {
  const clients: LoggedIn[] = [];
  try {
    for (let i = 0; i < readers; i++) clients.push(await logIn(workspace, peer, `127.0.1.${1 + (i % 10)}`));
    const before = memory(peer.pid).resident;
    for (const login of clients) {
      const channel = await startSftp(login);
      const { outgoing, _client } = channel as unknown as ChannelInternals;
      _client._protocol.channelWindowAdjust(outgoing.id, 0xffff_ffff - 4 * mebibyte);
      const opened = new Promise<Buffer>((resolve) => channel.once("data", resolve));
      const path = Buffer.from(`/${largeFile}`);
      channel.write(packet(3, u32(1), u32(path.length), path, u32(1), u32(0)));
      const handle = (await opened).subarray(9);
      login.socket.pause();
      for (let n = 0; n < 1000; n++) channel.write(packet(5, u32(n), handle, u32(0), u32(n * 1000), u32(255 * 1024)));
    }
    let highest = 0;
    for (let n = 0; n < 50; n++) {
      highest = Math.max(highest, memory(peer.pid).resident);
      await sleep(100);
    }
    const growth = (highest - before) / mebibyte;
    return {
      what: `memory for ${readers} clients that ask for 250 MiB each, with a window of 4 GiB, and do not read`,
      found: `${growth.toFixed(0)} MiB`,
      owed: "200 MiB",
      good: growth <= 200,
    };
  } finally {
    for (const { socket } of clients) socket.destroy();
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function packet(type: number, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.of(type), ...fields]);
  return Buffer.concat([u32(body.length), body]);
}

/** Logins, as many a second as the machine has room for, and what each costs the server. */
async function loginCost(workspace: Workspace, peer: Peer): Promise<{ readonly rate: number; readonly cpuMs: number }> {
  const { port } = peer;
  const { userKey } = workspace;
  const cpuBefore = await peer.cpuSeconds();
  const workers = await Workers.start(
    Array.from({ length: loginProcesses }, (_, i) => {
      return { does: "logins", port, userKey, atOnce: loginsAtOnce, net: 10 + i } as const;
    }),
  );
  await sleep(loginSeconds * 1000);
  const { made } = await workers.stop();
  return { rate: made / loginSeconds, cpuMs: (((await peer.cpuSeconds()) - cpuBefore) * 1000) / made };
}

/** Where the clients take most of the processors, the rate says more of them than of the server; its CPU time does not. */
async function besideLogins(workspace: Workspace, peer: Peer, sshd: Peer): Promise<EdgeResult> {
  await logIn(workspace, peer, honest).then(({ client }) => client.end());
  const theirs = await loginCost(workspace, sshd);
  const ours = await loginCost(workspace, peer);
  const times = theirs.cpuMs / ours.cpuMs;
  const figure = ({ rate, cpuMs }: typeof ours): string => `${cpuMs.toFixed(1)} ms (${rate.toFixed(0)} a second)`;
  return {
    what: `server CPU of a login, ${loginProcesses * loginsAtOnce} at once by ${loginProcesses} processes, beside sshd (${loadNow()})`,
    found: `${figure(ours)}, sshd ${figure(theirs)}: a ${times.toFixed(1)}th`,
    owed: "a third",
    good: times >= 3,
  };
}

/** Memory of a process and all below it; what several share is divided among them. */
function proportional(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
  const own = /^Pss:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
  return Number(own) * 1024 + children.reduce((sum, child) => sum + proportional(child), 0);
}

async function idleBytes(workspace: Workspace, peer: Peer): Promise<number> {
  // What the first sessions make the process load and compile is not the sessions'.
  for (let i = 0; i < 10; i++) {
    const login = await logIn(workspace, peer, "127.0.3.1");
    await startSftp(login);
    login.client.end();
    await login.client.closed;
  }
  await sleep(1000);
  const before = proportional(peer.pid);
  const clients: LoggedIn[] = [];
  for (let i = 0; i < idleSessions; i++) {
    const login = await logIn(workspace, peer, `127.0.3.${1 + (i % 10)}`);
    clients.push(login);
    await startSftp(login);
  }
  await sleep(1000);
  const bytes = (proportional(peer.pid) - before) / idleSessions;
  for (const { client } of clients) client.end();
  await Promise.all(clients.map(({ client }) => client.closed));
  return bytes;
}

async function besideIdle(workspace: Workspace, peer: Peer, sshd: Peer): Promise<EdgeResult> {
  const theirs = await idleBytes(workspace, sshd);
  const ours = await idleBytes(workspace, peer);
  const kib = (bytes: number): string => (bytes / 1024).toFixed(0);
  return {
    what: `memory for each of ${idleSessions} idle sessions, beside sshd`,
    found: `${kib(ours)} KiB, sshd ${kib(theirs)} KiB: a ${(theirs / ours).toFixed(0)}th`,
    owed: "a 10th",
    good: ours * 10 <= theirs,
  };
}

/** The figures as text. */
export function edgeText(results: readonly EdgeResult[]): string {
  return results
    .map(({ what, found, owed, good }) => `${good ? "ok  " : "MISS"}  ${what}\n      ${found} (owed: ${owed})`)
    .join("\n");
}
