import { memoryStore, Store, type Store as StoreOf } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { pluginSuite, runSuite, startTestServer, type SftpClient, type TestServer } from "@sluice/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { definePlugin, SftpError, sftpPath, type FileSystem, type Plugin, type Server, type User } from "@sluice/core";
import type { QuotaOptions } from "./options.ts";
import { Quota, quota, type QuotaUsage } from "./quota.ts";
import { walk } from "./tally.ts";

const user: User = { name: "tester", home: sftpPath("/"), groups: [], claims: {} };
/** For what comes when the server is done; a machine that is busy may take its time. */
const waiting = { timeout: 15_000 };
let running: TestServer[] = [];
afterEach(async () => {
  for (const { close } of running) await close();
  running = [];
});

interface Stage {
  readonly client: SftpClient;
  readonly fs: FileSystem;
  readonly server: TestServer;
  readonly another: () => Promise<SftpClient>;
  readonly usage: (folder?: string) => Promise<readonly QuotaUsage[]>;
  /** Whether the books have what is there, and nothing is held. */
  readonly agrees: (folder?: string) => Promise<void>;
}

async function stage(
  options: QuotaOptions,
  given: {
    fs?: FileSystem;
    store?: StoreOf;
    claims?: User["claims"];
    groups?: string[];
    prepare?: (server: Server) => void;
    plugins?: Plugin[];
  } = {},
): Promise<Stage> {
  const fs = given.fs ?? createMemoryFileSystem();
  const me: User = { ...user, claims: given.claims ?? {}, groups: given.groups ?? [] };
  const server = await startTestServer({
    fs,
    plugins: [quota(options), ...(given.plugins ?? [])],
    ...(given.prepare === undefined ? {} : { prepare: given.prepare }),
    ...(given.store === undefined ? {} : { services: (services) => services.provide(Store, () => given.store!) }),
    methods: [
      {
        name: "anybody",
        mechanism: "password",
        verify: ({ username }) => ({ is: "proven", user: { name: username, groups: me.groups, claims: me.claims } }),
      },
    ],
  });
  running.push(server);
  const another = async (): Promise<SftpClient> => (await server.connect({ username: "tester", password: "x" })).sftp();
  const client = await another();
  const usage = (folder = "/"): Promise<readonly QuotaUsage[]> =>
    server.server.services.get(Quota).usage(me, sftpPath(folder));
  const agrees = async (folder = "/"): Promise<void> => {
    const there = { bytes: 0, files: 0 };
    for await (const [, amount] of walk(fs, sftpPath(folder))) {
      there.bytes += amount.bytes;
      there.files += amount.files;
    }
    const [found] = await usage(folder);
    expect({ used: found!.used, held: found!.held }).toEqual({ used: there, held: { bytes: 0, files: 0 } });
  };
  return { client, fs, server, another, usage, agrees };
}

const kib = (n: number): Buffer => Buffer.alloc(n * 1024, 7);
const full = { code: 4, message: expect.stringContaining("Quota exceeded") as string };

runSuite(
  "quota",
  pluginSuite({
    plugin: quota,
    except: { "secrets of the options are told neither in the log nor by explain": "its options hold none" },
    create: async () => ({
      options: {
        users: { "*": { bytes: "1 MiB", files: 100 } },
        bandwidth: { user: { up: "100 MiB" } },
        transfer: { day: { up: "1 GiB", down: "1 GiB" } },
        sessions: 10,
        uploads: 5,
      },
    }),
  }),
  { describe, it },
);

describe("what a user stores", () => {
  it("is limited to the byte", async () => {
    const { client, agrees } = await stage({ users: { tester: { bytes: "100 KiB" } } });
    await client.writeFile("/a", kib(60));
    await agrees();
    await expect(client.writeFile("/b", kib(41))).rejects.toMatchObject(full);
    await expect(client.stat("/b")).rejects.toMatchObject({ code: 2 });
    await agrees();
    await client.writeFile("/b", kib(40));
    await agrees();
    await expect(client.writeFile("/c", Buffer.alloc(1))).rejects.toMatchObject(full);
    await client.writeFile("/c", Buffer.alloc(0));
    await agrees();
  });

  it("counts overwriting, truncating, appending, sparse files, deleting, renaming, links and folders", async () => {
    const { client, agrees } = await stage({ users: { "*": { bytes: "1 GiB", files: 1000 } } });
    await client.writeFile("/a", kib(10));
    await client.writeFile("/a", kib(3));
    await agrees();
    await client.setstat("/a", { size: 100 });
    await agrees();
    await client.setstat("/a", { size: 5_000 });
    await agrees();
    await client.mkdir("/d");
    await client.rename("/a", "/d/b");
    await agrees();
    await client.writeFile("/c", kib(1));
    await client.symlink("/l", "/c");
    await agrees();
    await client.remove("/l");
    await client.remove("/c");
    await agrees();
    await client.remove("/d/b");
    await client.rmdir("/d");
    await agrees();
  });

  it("is refused at the write that does not fit and at the close, and the file as it was before stays", async () => {
    const closes: string[] = [];
    const { client, agrees } = await stage(
      { users: { "*": { bytes: "100 KiB" } } },
      {
        prepare: (server) =>
          server.after("close", (ctx, how) => void closes.push(`${ctx.request.outcome} ${how.status}`)),
      },
    );
    await client.writeFile("/a", "before");
    for (const path of ["/a", "/new"]) {
      const handle = await client.open(path, { write: true, create: true, truncate: true });
      await client.write(handle, 0, kib(64));
      await expect(client.write(handle, 64 * 1024, kib(64))).rejects.toMatchObject(full);
      await client.write(handle, 128 * 1024 - 1, Buffer.alloc(0));
      await expect(client.close(handle)).rejects.toMatchObject(full);
      await agrees();
    }
    expect((await client.readFile("/a")).toString()).toBe("before");
    await expect(client.stat("/new")).rejects.toMatchObject({ code: 2 });
    expect(closes).toEqual(["completed ok", "refused quotaExceeded", "refused quotaExceeded", "completed ok"]);
  });

  it("is whole where room was made and what had been refused was written after all", async () => {
    const { client, agrees } = await stage({ users: { "*": { bytes: "100 KiB" } } });
    await client.writeFile("/old", kib(60));
    const handle = await client.open("/new", { write: true, create: true, truncate: true });
    await client.write(handle, 0, kib(30));
    await expect(client.write(handle, 30 * 1024, kib(30))).rejects.toMatchObject(full);
    await expect(client.write(handle, 60 * 1024, kib(30))).rejects.toMatchObject(full);
    await client.remove("/old");
    await client.write(handle, 30 * 1024, kib(60));
    await client.close(handle);
    expect((await client.stat("/new")).size).toBe(90 * 1024);
    await agrees();
  });

  it("is reserved no longer where another middleware refuses an open or a close, around the quota or within", async () => {
    const within = definePlugin({
      name: "within",
      setup(host) {
        host.use("open", async (ctx, next) => {
          await next();
          if (ctx.request.path === "/within") throw new SftpError("permissionDenied");
        });
      },
    });
    const { client, agrees } = await stage(
      { users: { "*": { bytes: "100 KiB", files: 3 } }, uploads: 1 },
      {
        plugins: [within()],
        prepare: (server) => {
          server.use("close", (ctx, next) => {
            if (ctx.request.file.path === "/infected") throw new SftpError("permissionDenied");
            return next();
          });
          server.use("open", async (ctx, next) => {
            await next();
            if (ctx.request.path === "/late") throw new SftpError("permissionDenied");
          });
        },
      },
    );
    for (const path of ["/infected", "/late", "/within", "/infected", "/late", "/within"]) {
      await expect(client.writeFile(path, kib(60))).rejects.toMatchObject({ code: 3 });
      // After the client has read of it.
      await vi.waitFor(() => agrees(), waiting);
      await client.writeFile("/clean", kib(90));
      await client.remove("/clean");
    }
  });

  it("is limited by the number of names", async () => {
    const { client, agrees } = await stage({ users: { "*": { files: 3 } } });
    await client.mkdir("/d");
    await client.writeFile("/d/a", "");
    await client.writeFile("/d/b", "1");
    await expect(client.writeFile("/d/c", "")).rejects.toMatchObject(full);
    await expect(client.mkdir("/e")).rejects.toMatchObject(full);
    await client.writeFile("/d/b", "22");
    await client.remove("/d/a");
    await client.mkdir("/e");
    await agrees();
  });

  it("follows claims before the options, as text too; one that cannot be understood allows nothing", async () => {
    const claims = { bytes: "quota" };
    const { client } = await stage({ users: { "*": { bytes: 10 } }, claims }, { claims: { quota: ["1 KiB"] } });
    await client.writeFile("/a", kib(1));
    await expect(client.writeFile("/b", "1")).rejects.toMatchObject(full);
    const strict = await stage({ users: { "*": { bytes: "1 GiB" } }, claims }, { claims: { quota: "much" } });
    await expect(strict.client.writeFile("/a", "1")).rejects.toMatchObject(full);
  });

  it("is given back when a client vanishes", async () => {
    const { server, client, usage } = await stage({ users: { "*": { bytes: "10 MiB" } } });
    const connection = await server.connect({ username: "tester", password: "x" });
    const vanishing = await connection.sftp();
    const handle = await vanishing.open("/a", { write: true, create: true });
    await vanishing.write(handle, 0, kib(8));
    expect((await usage())[0]!.held.bytes).toBeGreaterThanOrEqual(8 * 1024);
    connection.cut();
    await expect.poll(async () => (await usage())[0]!.held, waiting).toEqual({ bytes: 0, files: 0 });
    await client.writeFile("/b", kib(1));
  });

  it("is refused when it is announced, before a byte is written", async () => {
    const { client, agrees } = await stage({ users: { "*": { bytes: "10 KiB" } } });
    await expect(client.open("/a", { write: true, create: true }, { size: 20_000 })).rejects.toMatchObject(full);
    await agrees();
  });
});

describe("groups and folders", () => {
  it("share their limit among all who write", async () => {
    const { client, usage } = await stage({ groups: { staff: { bytes: "10 KiB" } } }, { groups: ["staff"] });
    await client.writeFile("/a", kib(6));
    await expect(client.writeFile("/b", kib(6))).rejects.toMatchObject(full);
    expect((await usage())[0]).toMatchObject({ title: "group staff", used: { bytes: 6 * 1024 } });
  });

  it("are each of their own where the path has a star; moves between them are counted", async () => {
    const { client, agrees } = await stage({ trees: { "/home/*": { bytes: "10 KiB" } } });
    for (const folder of ["/home", "/home/a", "/home/b", "/home/a/deep"]) await client.mkdir(folder);
    await client.writeFile("/home/a/x", kib(4));
    await client.writeFile("/home/a/deep/y", kib(5));
    await client.writeFile("/home/b/z", kib(8));
    await expect(client.writeFile("/home/b/w", kib(3))).rejects.toMatchObject(full);
    await expect(client.rename("/home/a/deep", "/home/b/deep")).rejects.toMatchObject(full);
    await client.rename("/home/a/deep", "/elsewhere");
    for (const folder of ["/home/a", "/home/b"]) await agrees(folder);
    await client.remove("/home/b/z");
    await client.rename("/elsewhere", "/home/b/deep");
    await client.rename("/home/a/x", "/home/b/x");
    for (const folder of ["/home/a", "/home/b"]) await agrees(folder);
  });
});

describe("when the store fails", () => {
  it("writing is refused, and reading and listing go on", async () => {
    const good = memoryStore();
    let down = false;
    const guarded = <T>(call: () => Promise<T>): Promise<T> =>
      down ? Promise.reject(new Error("The disk is gone")) : call();
    const store: StoreOf = {
      get: (key) => guarded(() => good.get(key)),
      set: (...given) => guarded(() => good.set(...given)),
      add: (...given) => guarded(() => good.add(...given)),
      compareAndSet: (...given) => guarded(() => good.compareAndSet(...given)),
      delete: (key) => guarded(() => good.delete(key)),
      list: (prefix) => good.list(prefix),
    };
    const { client, agrees } = await stage(
      { users: { "*": { bytes: "1 MiB" } }, transfer: { day: { down: "1 GiB" } } },
      { store },
    );
    await client.writeFile("/a", kib(10));
    await client.writeFile("/old", kib(10));
    down = true;
    await expect(client.writeFile("/b", kib(1))).rejects.toMatchObject({
      code: 4,
      message: "The quota cannot be checked at the moment; try again later",
    });
    expect(await client.readFile("/a")).toHaveLength(10 * 1024);
    expect((await client.list("/")).length).toBeGreaterThan(0);
    await client.remove("/old");
    down = false;
    await client.writeFile("/c", kib(1));
    await agrees();
  });
});

describe("a recount", () => {
  it("corrects the books, beside live traffic", async () => {
    const fs = createMemoryFileSystem({ files: { "/old": "12345", "/d/e": "123" } });
    const { client, server, agrees, usage } = await stage({ users: { "*": { bytes: "1 GiB" } } }, { fs });
    const books = server.server.services.get(Quota);
    expect((await usage())[0]!.used.bytes).toBe(0);
    const stop = new AbortController();
    const traffic = (async () => {
      for (let n = 0; !stop.signal.aborted; n++) {
        await client.writeFile(`/d/f${n % 5}`, Buffer.alloc(n * 7));
        if (n % 3 === 0) await client.remove(`/d/f${n % 5}`);
        if (n % 10 === 5) await client.rename("/d", "/m").then(() => client.rename("/m", "/d"));
      }
    })();
    const first = await books.recount({ user }, [{ path: sftpPath("/"), fs }]);
    stop.abort();
    await traffic;
    if (first.settled) await agrees();
    const again = await books.recount({ user }, [{ path: sftpPath("/"), fs }]);
    expect(again.settled).toBe(true);
    await agrees();
  });
});

describe("what is moved and open at once", () => {
  it("ends with the day's allowance, in both directions", async () => {
    const { client } = await stage({ transfer: { day: { up: "100 KiB", down: "50 KiB" } }, chunk: "8 KiB" });
    await client.writeFile("/a", kib(60));
    expect(await client.readFile("/a").catch((error: unknown) => error)).toMatchObject({
      message: "Quota exceeded: no more downloads this day",
    });
    await expect(client.writeFile("/b", kib(41))).rejects.toMatchObject({
      message: "Quota exceeded: no more uploads this day",
    });
  });

  it("is limited by the number of sessions and uploads of a user", async () => {
    const { client, another } = await stage({ sessions: 2, uploads: 2 });
    const second = await another();
    await expect(another()).rejects.toBeInstanceOf(Error);
    const handles = [
      await client.open("/a", { write: true, create: true }),
      await second.open("/b", { write: true, create: true }),
    ];
    await expect(client.open("/c", { write: true, create: true })).rejects.toMatchObject({
      message: "Quota exceeded: 2 uploads at once",
    });
    expect(await client.open("/a", { read: true })).toBeDefined();
    await client.close(handles[0]!);
    await client.open("/c", { write: true, create: true });
  });

  it("waits where it is faster than the bandwidth allows, and ends with its session", async () => {
    const { client, server } = await stage({ bandwidth: { session: { up: "1 MiB" }, user: { down: 1024 } } });
    await client.writeFile("/a", kib(300));
    const connection = await server.connect({ username: "tester", password: "x" });
    const slow = (await connection.sftp()).readFile("/a").catch(() => "ended");
    connection.cut();
    expect(await slow).toBe("ended");
  });
});

describe("the room that is left", () => {
  it("is told by statvfs, with what is reserved taken off", async () => {
    const { client } = await stage({ users: { "*": { bytes: 1024 * 1024, files: 10 } } });
    await client.writeFile("/a", kib(256));
    const stats = await client.statvfs("/");
    expect(stats.blocks * stats.fragmentSize).toBe(1024 * 1024);
    expect(stats.availableBlocks * stats.fragmentSize).toBe(768 * 1024);
    expect(stats.availableFiles).toBe(9);
  });

  it("is told by space-available as well: the quota is what the user has, and the rest of it what is left", async () => {
    const { client } = await stage({ users: { "*": { bytes: 1024 * 1024, files: 10 } } });
    await client.writeFile("/a", kib(256));
    const reply = await client.extended("space-available", Buffer.from([0, 0, 0, 1, 0x2f]));
    const numbers = [0, 8, 16, 24].map((at) => Number(reply!.readBigUInt64BE(at)) / 1024);
    expect(numbers).toEqual([1024, 768, 1024, 768]);
  });
});

describe("files that are open more than once", () => {
  it("are counted once, by their size in the end", async () => {
    const { client, another, agrees } = await stage({ users: { "*": { bytes: "1 MiB" } } });
    const second = await another();
    await client.writeFile("/a", kib(4));
    const first = await client.open("/a", { write: true });
    const other = await second.open("/a", { write: true });
    await client.write(first, 0, kib(20));
    await second.write(other, 0, kib(20));
    await second.write(other, 100 * 1024, kib(1));
    await client.close(first);
    await second.close(other);
    await agrees();
  });

  it("are counted where they are in the end, when they are moved or deleted meanwhile", async () => {
    const { client, agrees } = await stage({ trees: { "/home/*": { bytes: "1 MiB" } } });
    for (const folder of ["/home", "/home/a", "/home/b"]) await client.mkdir(folder);
    const moved = await client.open("/home/a/x", { write: true, create: true });
    await client.write(moved, 0, kib(8));
    await client.rename("/home/a/x", "/home/b/y");
    await client.write(moved, 8 * 1024, kib(8));
    await client.close(moved);
    for (const folder of ["/home/a", "/home/b"]) await agrees(folder);
    const deleted = await client.open("/home/a/z", { write: true, create: true });
    await client.write(deleted, 0, kib(8));
    await client.remove("/home/a/z");
    await client.close(deleted);
    for (const folder of ["/home/a", "/home/b"]) await agrees(folder);
  });

  it("are counted when they are appended to, copied and cut by their handle", async () => {
    const { client, agrees } = await stage({ users: { "*": { bytes: "100 KiB" } } });
    await client.writeFile("/a", kib(40));
    const appending = await client.open("/a", { write: true, append: true });
    await client.write(appending, 0, kib(8));
    await client.close(appending);
    await agrees();
    const [from, to] = [
      await client.open("/a", { read: true }),
      await client.open("/b", { write: true, create: true }),
    ];
    await client.copyData(from, 0, 0, to, 0);
    await client.close(to);
    await agrees();
    const third = await client.open("/c", { write: true, create: true });
    await expect(client.copyData(from, 0, 0, third, 0)).rejects.toMatchObject(full);
    await expect(client.close(third)).rejects.toMatchObject(full);
    await agrees();
    const fourth = await client.open("/d", { write: true, create: true });
    await expect(client.fsetstat(fourth, { size: 48 * 1024 })).rejects.toMatchObject(full);
    await client.fsetstat(fourth, { size: 1000 });
    await client.close(fourth);
    await agrees();
  });
});
