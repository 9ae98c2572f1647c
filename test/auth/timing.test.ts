import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Client } from "ssh2";
import { hashPassword, users } from "@sluice/auth-users";
import { defaultLimits } from "@sluice/core";
import { listen, type ListeningServer } from "./server.ts";

/** Samples of each kind; 500 for the figure in docs/decisions.md. */
const samples = Number(process.env["SLUICE_TIMING_SAMPLES"] ?? 8);
/** With few samples on a busy machine, medians differ by chance; a check that is skipped for unknown names differs by far more. */
const bound = samples >= 500 ? 10 : defaultLimits.authRefusalMs / 5;

let running: ListeningServer;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-timing-"));
  const file = path.join(directory, "users.json");
  await writeFile(file, JSON.stringify({ users: { alice: { password: await hashPassword("right") } } }), {
    mode: 0o600,
  });
  const many = 1_000_000;
  running = await listen({
    methods: [],
    plugins: [users({ file })],
    auth: [["password"], ["authorized-keys"]],
    limits: {
      authRefusalMs: defaultLimits.authRefusalMs,
      authFailuresPerUserAndSource: many,
      authFailuresPerSource: many,
      authFailuresPerUser: many,
    },
  });
});
afterAll(async () => {
  await running.close();
  await rm(directory, { recursive: true, force: true });
});

/** How long the answers to wrong passwords take, over one connection after the other, in ms. */
async function refusals(username: string, count: number): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) times.push(...(await attempts(username, Math.min(5, count - times.length))));
  return times;
}

function attempts(username: string, count: number): Promise<number[]> {
  const client = new Client();
  const times: number[] = [];
  let sentAt: number | undefined;
  return new Promise((resolve, reject) => {
    client.on("error", () => undefined);
    client.once("ready", () => reject(new Error("A wrong password logged in")));
    client.once("close", () => resolve(times));
    client.connect({
      host: "127.0.0.1",
      port: running.port,
      username,
      authHandler: (methods, _partial, next) => {
        if (sentAt !== undefined) times.push(performance.now() - sentAt);
        if (times.length === count) {
          client.end();
          return;
        }
        sentAt = performance.now();
        next({ type: "password", username, password: `wrong ${methods?.length ?? 0}` });
      },
    });
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

it(
  `A user and a name that nobody has are refused in the same time (${samples} samples each)`,
  {
    timeout: 60_000 + samples * 5000,
  },
  async () => {
    const known: number[] = [];
    const unknown: number[] = [];
    // By turns, so that both meet the same load.
    for (let left = samples; left > 0; left -= 5) {
      known.push(...(await refusals("alice", Math.min(5, left))));
      unknown.push(...(await refusals("nobody", Math.min(5, left))));
    }
    const medians = { known: median(known), unknown: median(unknown) };
    const difference = Math.abs(medians.known - medians.unknown);
    if (samples >= 500) process.stderr.write(`${JSON.stringify({ samples, medians, difference })}\n`);
    expect(difference, JSON.stringify(medians)).toBeLessThan(bound);
  },
);
