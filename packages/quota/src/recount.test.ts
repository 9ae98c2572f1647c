import { createLogger, memoryStore, parentOf, rootPath, sftpPath, type Store } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Journal } from "./journal.ts";
import { Lease } from "./lease.ts";
import { Ledger, unlimited } from "./ledger.ts";
import { pagesOf, type OpenFileEntry } from "./pages.ts";
import { recountSubject, type Recounted } from "./recount.ts";

const log = createLogger({ level: "silent" });
const key = "user/alice";
const subject = { key, title: "user alice", limit: unlimited };
const path = sftpPath("/d/f");

let store: Store;
let ledger: Ledger;
const fs = createMemoryFileSystem({ files: { "/d/f": "12345" } });
const there = { bytes: 5, files: 2 };
beforeEach(() => {
  store = memoryStore();
  ledger = new Ledger(store, log, new Lease(store));
});

afterEach(() => void vi.useRealTimers());

function recount(pause: () => Promise<void>): Promise<Recounted> {
  return recountSubject({ ledger, store }, key, rootPath, [{ path: rootPath, fs }], pause);
}

function never(): Promise<void> {
  return Promise.reject(new Error("It waits"));
}

/** Another process that shares the store. */
function another(its: Store, openFiles: readonly OpenFileEntry[] = []): { ledger: Ledger; journal: Journal } {
  const lease = new Lease(its);
  const own = new Ledger(its, log, lease);
  const journal = new Journal(its, log, lease, { openFiles: () => openFiles, owes: (subject) => own.owes(subject) });
  return { ledger: own, journal };
}

async function keysOf(prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const [found] of store.list(prefix)) keys.push(found);
  return keys;
}

describe("a recount", () => {
  it("waits for nobody where no process is alive, leaves nothing behind, and may be followed by another at once", async () => {
    for (const before of [{ bytes: 0, files: 0 }, there]) {
      expect(await recount(never)).toEqual({ before, counted: there, settled: true });
    }
    expect(await keysOf("quota/")).toEqual([`quota/ledger/${key}`]);
  });

  it("is refused while another one is under way", async () => {
    await another(store).ledger.reserve("other", unlimited, there);
    const refused: unknown[] = [];
    const first = recount(async () => {
      refused.push(await recount(never).catch((error: unknown) => error));
      for (const lease of await keysOf("quota/owner/")) await store.delete(lease);
    });
    expect((await first).settled).toBe(true);
    expect(refused).toEqual([new Error("Another recount is under way; try again when it has ended")]);
  });

  it("waits until each process that is alive has noticed it or is no more", async () => {
    const [live, dead] = [another(store), another(store)];
    for (const { ledger } of [live, dead]) await ledger.reserve("other", unlimited, there);
    let waited = 0;
    const result = await recount(async () => {
      waited += 1;
      if (waited === 2) await live.journal.look();
      if (waited === 4) await dead.ledger.close();
    });
    expect({ waited, settled: result.settled }).toEqual({ waited: 4, settled: true });
  });

  it("is given up where a process that is alive takes no notice, or it was held up itself for longer than others wait for it", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const lease = new Lease(store);
    await lease.hold();
    const unnoticed = recount(async () => {
      vi.advanceTimersByTime(10_000);
      await lease.renew();
    });
    await expect(unnoticed).rejects.toThrow("A server that shares the store takes no notice of the recount");
    await lease.end();
    const { ledger: its, journal } = another(store);
    await its.reserve("other", unlimited, there);
    const late = recount(async () => {
      vi.advanceTimersByTime(50_000);
      await journal.look();
    });
    await expect(late).rejects.toThrow("The recount was held up for too long");
    expect((await ledger.usage(key)).used).toEqual({ bytes: 0, files: 0 });
  });

  it("takes nothing from the pages of an earlier one, whose server was killed", async () => {
    const stale = `1000 1 ${Buffer.from(path).toString("base64")}`;
    await store.set(`${pagesOf("earlier", "open")}killed-1`, stale);
    await store.set(`${pagesOf("earlier", "busy")}killed`, "1");
    expect((await recount(never)).counted).toEqual(there);
  });

  it("counts a file that is being written for what the books have of it", async () => {
    const entry = { path, counted: { bytes: 3, files: 1 }, keys: [key] };
    const { ledger: its, journal } = another(store, [entry]);
    await its.reserve("other", unlimited, there);
    expect((await recount(() => journal.look())).counted).toEqual({ bytes: 3, files: 2 });
  });

  it("waits for what a process owes the books because the store did not take it", async () => {
    let isDown = true;
    const failing: Store = {
      ...bound(store),
      compareAndSet: async (page, ...given) => {
        if (isDown && page.startsWith("quota/ledger/")) throw new Error("The disk is full");
        return store.compareAndSet(page, ...given);
      },
    };
    const { ledger: its, journal } = another(failing);
    await store.set(`quota/ledger/${key}`, "1 100 7");
    // It was there before, and is not counted: the books get to know of it late.
    await journal.around([subject], [{ folder: parentOf(path), deep: false }], () =>
      its.settle(key, { bytes: -10, files: -1 }, { bytes: 0, files: 0 }),
    );
    expect(its.owes(key)).toBe(true);
    let waited = 0;
    const result = await recount(async () => {
      waited += 1;
      if (waited === 20) {
        isDown = false;
        await its.settle(key, { bytes: 0, files: 0 }, { bytes: 0, files: 0 });
      }
      await journal.look();
    });
    expect({ waited: waited >= 20, result }).toEqual({
      waited: true,
      result: { before: { bytes: 90, files: 6 }, counted: there, settled: true },
    });
    expect((await ledger.usage(key)).used).toEqual(there);
  });
});

function bound(of: Store): Store {
  return {
    get: (page) => of.get(page),
    set: (...given) => of.set(...given),
    add: (...given) => of.add(...given),
    compareAndSet: (...given) => of.compareAndSet(...given),
    delete: (page) => of.delete(page),
    list: (prefix) => of.list(prefix),
  };
}
