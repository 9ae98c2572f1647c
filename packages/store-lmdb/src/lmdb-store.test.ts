import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@sluice/core";
import { runSuite, storeSuite } from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ForwardClock } from "./clock.ts";
import { openStore, type LmdbStore } from "./lmdb-store.ts";
import { prepareLocation } from "./location.ts";

const log = createLogger({ level: "silent" });

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-lmdb-"));
  ({ file } = prepareLocation(folder, log));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const opened = (clock?: ForwardClock): Promise<LmdbStore> =>
  openStore({ file, waitMs: 10_000, ...(clock === undefined ? {} : { clock }) });

runSuite(
  "the store in LMDB",
  storeSuite({
    create: async () => ({ store: await opened(), other: await opened(), reopen: () => opened() }),
  }),
  { describe, it },
);

/** A wall clock and a monotonic one, moved by hand. */
function handClock(wall: number): { clock: ForwardClock; pass: (ms: number) => void } {
  let monotonic = 0;
  const clock = new ForwardClock(
    () => wall,
    () => monotonic,
  );
  return { clock, pass: (ms) => void (monotonic += ms) };
}

describe("time in the store", () => {
  it("goes on after a restart with a clock that was set back: what has expired stays so, and what was used stays used", async () => {
    const first = handClock(1_000_000_000);
    const before = await opened(first.clock);
    await before.set("code/used", "1", { ttlMs: 60_000 });
    await before.set("code/old", "1", { ttlMs: 1_000 });
    first.pass(5_000);
    await before.set("any", "1");
    await before.close();

    const second = handClock(1_000_000_000 - 3_600_000);
    const after = await opened(second.clock);
    expect(await after.get("code/old")).toBeUndefined();
    expect(await after.get("code/used")).toBe("1");
    second.pass(54_000);
    expect(await after.get("code/used")).toBe("1");
    second.pass(2_000);
    expect(await after.get("code/used")).toBeUndefined();
    await after.close();
  });

  it("is the latest that any process has seen", async () => {
    const ahead = handClock(2_000_000);
    const behind = handClock(1_000_000);
    const [late, early] = [await opened(behind.clock), await opened(ahead.clock)];
    await early.set("a", "1", { ttlMs: 10_000 });
    await late.set("b", "1", { ttlMs: 10_000 });
    expect(behind.clock.now()).toBe(2_000_000);
    ahead.pass(10_001);
    expect(await early.get("b")).toBeUndefined();
    await Promise.all([late.close(), early.close()]);
  });
});

describe("sweeping", () => {
  it("deletes what has expired and nothing else, a bounded number at a time", async () => {
    const { clock, pass } = handClock(1_000_000);
    const store = await opened(clock);
    await Promise.all(Array.from({ length: 600 }, (_, n) => store.set(`old/${n}`, "1", { ttlMs: 1_000 + n })));
    await store.set("kept/long", "1", { ttlMs: 1_000_000 });
    await store.set("kept/ever", "1");
    await store.set("old/0", "again", { ttlMs: 1_000_000 });
    expect(await store.sweep()).toBe(false);
    pass(5_000);
    let rounds = 1;
    while (await store.sweep()) rounds += 1;
    expect(rounds).toBeGreaterThanOrEqual(3);
    expect(await store.sweep()).toBe(false);
    // A clock that begins again sees what is still in the file.
    await store.close();
    const again = await opened(handClock(1_000_000).clock);
    const left: string[] = [];
    for await (const [key] of again.list("")) left.push(key);
    expect(left).toEqual(["kept/ever", "kept/long", "old/0"]);
    await again.close();
  });
});
