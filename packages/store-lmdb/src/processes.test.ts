import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createLogger } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStore } from "./lmdb-store.ts";
import { prepareLocation } from "./location.ts";

const require = createRequire(import.meta.url);
const tsx = pathToFileURL(require.resolve("tsx")).href;
const program = fileURLToPath(new URL("../test/child.ts", import.meta.url));

let folder: string;
let file: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-lmdb-"));
  ({ file } = prepareLocation(folder, createLogger({ level: "silent" })));
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Child {
  readonly process: ChildProcess;
  readonly lines: Interface;
  readonly next: () => Promise<string>;
}

function start(command: string, args: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  return { process: child, lines, next: async () => String((await iterator.next()).value) };
}

const run = (task: string, count: number): Child =>
  start(process.execPath, ["--conditions=@sluice/source", "--import", tsx, program, task, file, String(count)]);

async function race<T>(task: string, count: number, processes = 4): Promise<T[]> {
  const racers = Array.from({ length: processes }, () => run(task, count));
  for (const racer of racers) expect(await racer.next()).toBe("ready");
  for (const racer of racers) racer.process.stdin?.write("go\n");
  return Promise.all(racers.map(async (racer) => JSON.parse(await racer.next()) as T));
}

describe("processes that share a store", () => {
  it("add 4,000 times without losing one or telling one sum twice", async () => {
    const sums = (await race<number[]>("add", 1_000)).flat();
    expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 4_000 }, (_, n) => n + 1));
  });

  it("find out who was first: one of four, 200 times", async () => {
    const won = (await race<number[]>("first", 200)).flat();
    expect(won.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  it("count by compareAndSet without losing one", async () => {
    await race("count", 50);
    const store = await openStore({ file, waitMs: 10_000 });
    expect(await store.get("counted")).toBe("200");
    await store.close();
  });

  it("keep what was acknowledged when one is killed in the middle of its writes, and go on", async () => {
    for (let round = 0, last = 0; round < 3; round++) {
      rmSync(file);
      rmSync(`${file}-lock`);
      prepareLocation(folder, createLogger({ level: "silent" }));
      const child = run("write", 0);
      expect(await child.next()).toBe("ready");
      const beside = await openStore({ file, waitMs: 10_000 });
      child.process.stdin?.write("go\n");
      const exited = once(child.process, "exit");
      for (let line = 0; line < 30 + round * 17; line++) last = Number(await child.next());
      child.process.kill("SIGKILL");
      await exited;
      expect(last).toBeGreaterThan(0);
      for (let n = 1; n <= last; n++) expect(await beside.get(`written/${n}`)).toHaveLength(n % 5_000);
      expect(Number(await beside.get("written"))).toBeGreaterThanOrEqual(last);
      await beside.add("after", 1);
      await beside.close();
      const after = await openStore({ file, waitMs: 10_000 });
      expect(await after.get(`written/${last}`)).toHaveLength(last % 5_000);
      expect(await after.get("after")).toBe("1");
      await after.close();
    }
  });

  it("do not wait for ever for one that holds the lock: writes are rejected, reads go on, closing ends", async () => {
    const store = await openStore({ file, waitMs: 200 });
    await store.set("a", "1");
    const script = `
      const db = require(process.argv[1]).open({ path: process.argv[2], noSubdir: true, overlappingSync: false, encoding: "binary", keyEncoding: "binary" });
      db.transactionSync(() => {
        require("node:fs").writeSync(1, "held\\n");
        require("node:fs").readSync(0, Buffer.alloc(1));
      });`;
    const holder = start(process.execPath, ["-e", script, require.resolve("lmdb"), file]);
    expect(await holder.next()).toBe("held");
    await expect(store.set("a", "2")).rejects.toThrow("The store did not answer for 200 ms");
    expect(await store.get("a")).toBe("1");
    const closed = store.close();
    await expect(store.get("a")).rejects.toThrow("The store is closed");
    await closed;
    const exited = once(holder.process, "exit");
    holder.process.stdin?.write(".");
    await exited;
  });

  it("reject writes when the disk takes no more, and live", async () => {
    const limited = ["-c", 'ulimit -f 2048 && exec "$@"', "sh", process.execPath];
    const child = start("/bin/sh", [
      ...limited,
      "--conditions=@sluice/source",
      "--import",
      tsx,
      program,
      "fill",
      file,
      "200",
    ]);
    expect(await child.next()).toBe("ready");
    child.process.stdin?.write("go\n");
    const [stored, error, length] = JSON.parse(await child.next()) as [number, string, number];
    expect(stored).toBeGreaterThan(0);
    expect(error).toContain("The store could not write");
    expect(length).toBe(60_000);
  });
});
