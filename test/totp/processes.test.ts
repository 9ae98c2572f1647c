import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { capturedLog } from "@sluice/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { bench } from "../../packages/auth-totp/test/support.ts";
import { openStore } from "../../packages/store-lmdb/src/lmdb-store.ts";
import { prepareLocation } from "../../packages/store-lmdb/src/location.ts";
import type { Use, Used } from "./user.ts";

const rounds = Number(process.env["SLUICE_TOTP_ROUNDS"] ?? 20);
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

let directory: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-totp-"));
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(end));
  await rm(directory, { recursive: true, force: true });
});

async function start(file: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL("./user.ts", import.meta.url)), [file], {
    execArgv: ["--conditions=@sluice/source", "--import", tsx],
  });
  children.push(child);
  await once(child, "message");
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function use(child: ChildProcess, what: Use): Promise<number> {
  const answer = once(child, "message");
  child.send(what);
  return ((await answer)[0] as Used).proven;
}

it(`one code used 50 times at once by two processes is good once, ${rounds} times over, and not after they were killed`, async () => {
  const { file } = prepareLocation(directory, capturedLog());
  const store = await openStore({ file, waitMs: 10_000 });
  const { enroll, code, clock } = bench({}, store);
  const secret = await enroll();
  const pair = await Promise.all([start(file), start(file)]);
  for (let round = 0; round < rounds; round++) {
    const what: Use = { code: code(secret), now: clock.now, times: 25 };
    const proven = await Promise.all(pair.map((child) => use(child, what)));
    expect(proven[0]! + proven[1]!).toBe(1);
    clock.now += 30_000;
  }
  clock.now -= 30_000;
  const last: Use = { code: code(secret), now: clock.now, times: 5 };
  await Promise.all(pair.map(end));
  const again = await start(file);
  expect(await use(again, last)).toBe(0);
  expect(await use(again, { ...last, code: code(secret, 1), now: clock.now + 30_000 })).toBe(1);
  await store.close?.();
});
