import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { definePlugin, Store } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { capturedLog, pluginSuite, runSuite, startTestServer, type CapturedLog } from "@sluice/testing";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEnvironment } from "./environment.ts";
import { openStore } from "./lmdb-store.ts";
import { lmdbStore, type LmdbStoreOptions } from "./lmdb.ts";
import { findLocation, networkFileSystem } from "./location.ts";
import { encodeRecord, entryKey, formatKey } from "./record.ts";

let folder: string;
let path: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-lmdb-"));
  path = join(folder, "deep", "store");
  file = join(path, "store.mdb");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a server with the store, works on it, and stops the server. Resolves to what was logged. */
async function withStore(
  run: (store: Store) => Promise<void>,
  options: Partial<LmdbStoreOptions> = {},
  log: CapturedLog = capturedLog(),
): Promise<CapturedLog> {
  let store: Store | undefined;
  const user = definePlugin({ name: "user", setup: (host) => void (store = host.services.get(Store)) });
  const { close } = await startTestServer({
    fs: createMemoryFileSystem(),
    plugins: [lmdbStore({ path, ...options }), user()],
    log,
  });
  try {
    await run(store!);
  } finally {
    await close();
  }
  await expect(store!.get("a")).rejects.toThrow("The store is closed");
  return log;
}

const refused = async (options: Partial<LmdbStoreOptions> = {}): Promise<string> => {
  const error: unknown = await withStore(async () => {}, options).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "ERR_SLUICE_STORE" });
  return (error as Error).message;
};

runSuite(
  "store-lmdb",
  pluginSuite({
    plugin: lmdbStore,
    except: { "secrets of the options are told neither in the log nor by explain": "its options hold none" },
    create: async () => {
      const own = mkdtempSync(join(tmpdir(), "sluice-lmdb-"));
      return { options: { path: own, sweepMs: 10 }, close: async () => rmSync(own, { recursive: true, force: true }) };
    },
  }),
  { describe, it },
);

describe("the store of a server", () => {
  it("survives a restart", async () => {
    await withStore(async (store) => {
      await store.set("a", "1");
      await store.add("n", 41, { ttlMs: 3_600_000 });
    });
    await withStore(async (store) => {
      expect(await store.get("a")).toBe("1");
      expect(await store.add("n", 1)).toBe(42);
    });
  });

  it("is its owner's alone, and is made so again where others could use it", async () => {
    const modes = (): string[] => [path, file, `${file}-lock`].map((each) => (statSync(each).mode & 0o777).toString(8));
    const quiet = await withStore(async () => {});
    expect(modes()).toEqual(["700", "600", "600"]);
    expect(quiet.records.filter(({ fields, level }) => fields["plugin"] === "store-lmdb" && level !== "debug")).toEqual(
      [],
    );
    chmodSync(file, 0o644);
    const log = await withStore(async () => {});
    expect(modes()).toEqual(["700", "600", "600"]);
    expect(log.records.map(({ message }) => message)).toContain(
      "Others could use the store's file: it is the owner's alone from now on",
    );
  });

  it("forgets what has expired without being asked", async () => {
    const inFile = async (text: string): Promise<boolean> => {
      const { db, close } = await openEnvironment(file);
      db.resetReadTxn();
      const there = db.getBinary(entryKey(text)) !== undefined;
      await close();
      return there;
    };
    await withStore(
      async (store) => {
        await store.set("short", "1", { ttlMs: 30 });
        await store.set("long", "1", { ttlMs: 3_600_000 });
        while (await inFile("short")) await delay(5);
        expect(await inFile("long")).toBe(true);
      },
      { sweepMs: 10 },
    );
  });
});

describe("a store that cannot be opened is told at the start:", () => {
  it("a folder that is a file, also where the server is only rehearsed", async () => {
    writeFileSync(join(folder, "deep"), "");
    for (const of of [join(folder, "deep"), path]) {
      expect(() => findLocation(of)).toThrow(
        /store's folder .* cannot be used \(ENOTDIR\): name a folder that this user may write to/,
      );
    }
    expect(findLocation(join(folder, "nowhere"))).toBeUndefined();
  });

  it("a folder that cannot be made", async () => {
    writeFileSync(join(folder, "deep"), "");
    expect(await refused()).toMatch(
      /store's folder .* cannot be made \(ENOTDIR\): name a folder that this user may write to/,
    );
  });

  it("a folder that others may write to", async () => {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
    expect(await refused()).toContain("Others may write to the store's folder");
  });

  it("a link in the file's place, and a folder", async () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    symlinkSync("/etc/hostname", file);
    expect(await refused()).toContain("is no file: move it away");
    rmSync(file);
    mkdirSync(file);
    expect(await refused()).toContain("is no file: move it away");
  });

  it.each([
    ["text", Buffer.from("this is no store\n".repeat(1_000))],
    ["a few bytes", Buffer.from([1])],
    ["zeros", Buffer.alloc(65_536)],
  ])("a file of %s, which stays as it is", async (_, bytes) => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    writeFileSync(file, bytes, { mode: 0o600 });
    expect(await refused()).toContain("is no store: name another folder, or move the file away");
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it("an LMDB file of another program", async () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const other = open({ path: file, noSubdir: true });
    await other.put("theirs", { of: "another program" });
    await other.close();
    expect(await refused()).toContain("belongs to another program");
  });

  it("a file that a newer version made; and an entry of one is an error, not a value", async () => {
    await withStore(async (store) => store.set("a", "1"));
    const { db, close } = await openEnvironment(file);
    const newer = encodeRecord({ value: "1", until: Infinity });
    newer[0] = 2;
    await db.put(entryKey("b"), newer);
    const store = await openStore({ file, waitMs: 10_000 });
    await expect(store.get("b")).rejects.toThrow("update @sluice/store-lmdb");
    await expect(store.set("b", "2")).rejects.toThrow("update @sluice/store-lmdb");
    expect(await store.get("a")).toBe("1");
    await store.close();
    await db.put(formatKey, Buffer.from("2"));
    await close();
    expect(await refused()).toContain("was made by another version (format 2): update @sluice/store-lmdb");
  });

  it("a file that another process holds and does not let go", async () => {
    await withStore(async () => {});
    const script = `
      const db = require(process.argv[1]).open({ path: process.argv[2], noSubdir: true, overlappingSync: false });
      db.transactionSync(() => { require("node:fs").writeSync(1, "held"); require("node:fs").readSync(0, Buffer.alloc(1)); });`;
    const lmdb = createRequire(import.meta.url).resolve("lmdb");
    const holder = spawn(process.execPath, ["-e", script, lmdb, file], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      await once(holder.stdout, "data");
      expect(await refused({ waitMs: 1_000 })).toContain(
        "could not be read and written within 1000 ms: end a process that hangs",
      );
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    await withStore(async (store) => store.set("a", "1"));
  });
});

describe("a damaged file", () => {
  const fill = async (store: Store): Promise<void> => {
    await Promise.all(
      Array.from({ length: 400 }, (_, n) => store.set(`key/${n}`, "v".repeat(n * 3), { ttlMs: 3_600_000 })),
    );
  };

  it("that was cut is refused, and the process lives", async () => {
    await withStore(fill);
    truncateSync(file, Math.floor(statSync(file).size / 3 / 4096) * 4096);
    expect(await refused()).toContain("is damaged: stop every process that uses it, move it away");
  });

  it.each([0xff, 0x5a, 0x00])(
    "whose pages were overwritten with %i is refused, and the process lives",
    async (byte) => {
      await withStore(fill);
      const descriptor = openSync(file, "r+");
      // All but the two pages that say where the rest is: numbers of other pages, and where in the page its entries are.
      for (let page = 2; page < statSync(file).size / 4096; page++) {
        writeSync(descriptor, Buffer.alloc(200, byte), 0, 200, page * 4096 + 8);
      }
      closeSync(descriptor);
      expect(await refused()).toContain("is damaged: stop every process that uses it, move it away");
    },
  );

  it("is refused wherever the damage is in what it holds, and the process lives", { timeout: 60_000 }, async () => {
    await withStore(fill);
    const good = readFileSync(file);
    let refusals = 0;
    for (let page = 2; page < Math.min(good.length / 4096, 14); page++) {
      // The page's header and pointers: numbers of other pages, and where in the page its entries are.
      const bad = Buffer.from(good).fill(page % 2 === 0 ? 0xff : 0x5a, page * 4096 + 8, page * 4096 + 208);
      rmSync(`${file}-lock`);
      rmSync(file);
      writeFileSync(file, bad, { mode: 0o600 });
      let entries = 0;
      try {
        await withStore(async (store) => {
          for await (const [key] of store.list("key/")) entries += key === "" ? 0 : 1;
        });
        // A page that nothing was kept in.
        expect({ page, entries }).toEqual({ page, entries: 400 });
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_SLUICE_STORE" });
        refusals += 1;
      }
    }
    expect(refusals).toBeGreaterThan(8);
  });
});

describe("networkFileSystem", () => {
  it("knows those whose locks do not hold, also where their number came with a sign", () => {
    expect(networkFileSystem(0x6969)).toBe("NFS");
    expect(networkFileSystem(0xff534d42 | 0)).toBe("CIFS");
    expect(networkFileSystem(0xef53)).toBeUndefined();
    expect(networkFileSystem(0x01021994)).toBeUndefined();
  });
});
