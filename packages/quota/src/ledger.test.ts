import { createLogger, memoryStore, type Store } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Ledger } from "./ledger.ts";
import { Lease } from "./lease.ts";
import { none } from "./record.ts";

const log = createLogger({ level: "silent" });
const limit = { bytes: 1_000, files: 10 };
const bytes = (amount: number): { bytes: number; files: number } => ({ bytes: amount, files: 0 });

let store: Store;
let ledger: Ledger;
beforeEach(() => {
  store = memoryStore();
  ledger = new Ledger(store, log, new Lease(store));
});
afterEach(() => ledger.close());

describe("the ledger", () => {
  it("holds what fits, takes more only where there is room, and settles", async () => {
    expect(await ledger.reserve("a", limit, bytes(100), 5_000)).toEqual(bytes(100));
    expect(await ledger.reserve("a", limit, bytes(900))).toEqual(bytes(900));
    expect(await ledger.reserve("a", limit, bytes(1))).toBeUndefined();
    await ledger.settle("a", { bytes: 300, files: 1 }, bytes(1_000));
    expect(await ledger.usage("a")).toEqual({ used: { bytes: 300, files: 1 }, held: none });
    expect(await ledger.reserve("a", { bytes: 100_300, files: 10 }, bytes(1), 5_000)).toEqual(bytes(5_000));
  });

  it("is exact when thousands reserve at once", async () => {
    const other = new Ledger(store, log, new Lease(store));
    const taken = await Promise.all(
      Array.from({ length: 2_000 }, (_, n) => (n % 2 === 0 ? ledger : other).reserve("a", limit, bytes(1))),
    );
    expect(taken.filter((each) => each !== undefined)).toHaveLength(1_000);
    await other.close();
  });

  it("drops what a process held whose lease is over, when there is no more room", async () => {
    const dead = new Ledger(store, log, new Lease(store));
    await dead.reserve("a", limit, bytes(800));
    await ledger.reserve("a", limit, bytes(100));
    expect(await ledger.reserve("a", limit, bytes(500))).toBeUndefined();
    for await (const [key] of store.list("quota/owner/")) {
      // One of the two is this process's own; it does not ask for that one.
      await store.delete(key);
    }
    expect(await ledger.reserve("a", limit, bytes(500))).toEqual(bytes(500));
    expect((await ledger.usage("a")).held).toEqual(bytes(600));
    // It was not dead after all: what it settles is right, and what it gives back is nobody else's.
    await dead.settle("a", bytes(50), bytes(800));
    expect(await ledger.usage("a")).toEqual({ used: bytes(50), held: bytes(600) });
    await dead.close();
  });

  it("gives back what it holds when it is closed", async () => {
    await ledger.reserve("a", limit, { bytes: 10, files: 1 });
    await ledger.close();
    expect(await store.get("quota/ledger/a")).toBe("1 0 0");
    const left: string[] = [];
    for await (const [key] of store.list("quota/owner/")) left.push(key);
    expect(left).toEqual([]);
  });

  it("refuses records that it cannot read, so that nobody writes by them", async () => {
    for (const text of ["", "2 1 1", "1 x 1", "1 1", "1 1 1 owner 5"]) {
      await store.set("quota/ledger/a", text);
      await expect(ledger.reserve("a", limit, bytes(1))).rejects.toThrow("The quota's record");
    }
  });
});
