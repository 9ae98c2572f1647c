import { createLogger, memoryStore } from "@sluice/core";
import { expect, it } from "vitest";
import { Transfer } from "./transfer.ts";

const log = createLogger({ level: "silent" });

it("what a user moved begins again with the next day and month, and counts in all processes", async () => {
  const store = memoryStore();
  let today = new Date("2026-11-30T23:59:59Z");
  const settings = { transfer: { day: { up: 1_000 }, month: { up: 1_500 } }, chunk: 100 };
  const [one, two] = [new Transfer(store, settings, log, () => today), new Transfer(store, settings, log, () => today)];
  await one.take("alice", "up", 600);
  await two.take("alice", "up", 400);
  await expect(one.take("alice", "up", 1)).rejects.toMatchObject({ status: "quotaExceeded" });
  await one.take("bob", "up", 1_000);
  await one.take("alice", "down", 1e9);
  today = new Date("2026-12-01T00:00:00Z");
  await two.take("alice", "up", 1_000);
  today = new Date("2026-12-02T00:00:00Z");
  await one.take("alice", "up", 500);
  await expect(two.take("alice", "up", 1)).rejects.toThrow("no more uploads this month");
});

it("what was taken and not used is given back at the end", async () => {
  const store = memoryStore();
  const settings = { transfer: { day: { up: 1_000 }, month: {} }, chunk: 500 };
  const now = (): Date => new Date("2026-11-30T12:00:00Z");
  const one = new Transfer(store, settings, log, now);
  await one.take("alice", "up", 10);
  expect(await store.get("quota/moved/2026-11-30/up/alice")).toBe("500");
  await one.close();
  expect(await store.get("quota/moved/2026-11-30/up/alice")).toBe("10");
});
