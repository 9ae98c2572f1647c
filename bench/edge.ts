import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Crowd } from "./crowd.ts";
import { logIn, startSftp, type LoggedIn } from "./login.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peer.ts";
import { memory } from "./process.ts";
import { startSluice, type Program } from "./sluice.ts";
import { startSshd } from "./sshd.ts";
import { largeFile } from "./transfers.ts";
import type { Workspace } from "./workspace.ts";

/** One thing that a server has to stand, with what was found and what is owed. */
export interface EdgeResult {
  readonly what: string;
  readonly found: string;
  readonly owed: string;
  readonly good: boolean;
}

const mebibyte = 1024 * 1024;
const honest = "127.1.0.1";
const attempts = 100;
const floodSeconds = 30;
const floodPerSecond = 200;
const readers = 50;
const loginSeconds = 5;
const loginsAtOnce = 4;
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

/** Logins from one address, one after the other: how many went well, and how long they took. */
async function logins(workspace: Workspace, peer: Peer, go: (done: number) => boolean): Promise<[number, number[]]> {
  const times: number[] = [];
  let failed = 0;
  while (go(times.length + failed)) {
    const began = performance.now();
    try {
      (await logIn(workspace, peer, honest)).client.end();
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

async function crowded(workspace: Workspace, peer: Peer, size: number): Promise<EdgeResult> {
  const crowd = new Crowd(peer.port);
  const from = (i: number): string => `127.0.0.${2 + (i % 50)}`;
  for (let i = 0; i < size; i++) {
    void crowd.stay("silent", from(i));
    void crowd.stay("dripping", from(i + 25));
    if (i % 100 === 99) await sleep(20);
  }
  const until = Date.now() + 25_000;
  const [failed, times] = await logins(workspace, peer, (done) => done < attempts || Date.now() < until);
  crowd.leave();
  const share = times.length / (times.length + failed);
  return {
    what: `logins while ${size} silent and ${size} dripping clients of 50 addresses stay (${crowd.made} connections)`,
    found: `${times.length} of ${times.length + failed}, p95 ${p95(times).toFixed(0)} ms; the longest of theirs ${(crowd.longestMs / 1000).toFixed(1)} s`,
    owed: "99 %, 12 s",
    good: share >= 0.99 && crowd.longestMs <= 12_000,
  };
}

async function flooded(workspace: Workspace, peer: Peer): Promise<EdgeResult> {
  const crowd = new Crowd(peer.port);
  let i = 0;
  const flood = setInterval(() => {
    for (let n = 0; n < floodPerSecond / 20; n++) void crowd.connect("identified", `127.0.0.${2 + (i++ % 250)}`);
  }, 50);
  const until = Date.now() + floodSeconds * 1000;
  const [failed, times] = await logins(workspace, peer, () => Date.now() < until);
  clearInterval(flood);
  crowd.leave();
  return {
    what: `logins during ${floodPerSecond} connections a second of one /24, for ${floodSeconds} s (${crowd.made} connections)`,
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

async function loginRate(workspace: Workspace, peer: Peer): Promise<number> {
  const began = performance.now();
  let done = 0;
  const worker = async (from: string): Promise<void> => {
    while (performance.now() - began < loginSeconds * 1000) {
      const { client } = await logIn(workspace, peer, from);
      client.end();
      await client.closed;
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: loginsAtOnce }, (_, i) => worker(`127.0.2.${i + 1}`)));
  return (done * 1000) / (performance.now() - began);
}

async function besideLogins(workspace: Workspace, peer: Peer, sshd: Peer): Promise<EdgeResult> {
  await logIn(workspace, peer, honest).then(({ client }) => client.end());
  const theirs = await loginRate(workspace, sshd);
  const ours = await loginRate(workspace, peer);
  return {
    what: `logins a second, ${loginsAtOnce} at once, beside sshd`,
    found: `${ours.toFixed(0)}, sshd ${theirs.toFixed(0)}: ${(ours / theirs).toFixed(1)} times`,
    owed: "3 times",
    good: ours / theirs >= 3,
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
