import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem, memoryFiles } from "@sluice/fs-memory";
import { startTestServer, type SftpClient, type TestServer, type TestServerOptions } from "@sluice/testing";
import type { FileSystem, FileSystemSource } from "./filesystem.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function serve(mounts: Record<string, FileSystemSource>, options: TestServerOptions = {}): Promise<SftpClient> {
  running = await startTestServer({
    ...options,
    prepare: (server) => {
      for (const [path, source] of Object.entries(mounts)) server.mount(path, source);
    },
  });
  return (await running.connect()).sftp();
}

const memory = (files: Record<string, string> = {}): FileSystem => createMemoryFileSystem({ files });
const names = async (client: SftpClient, path: string): Promise<string[]> =>
  (await client.list(path)).map(({ name }) => name).sort();
const text = async (client: SftpClient, path: string): Promise<string> => (await client.readFile(path)).toString();

describe("a tree of several file systems", () => {
  it("gives each path to the mount with the longest matching path, name by name", async () => {
    const client = await serve({
      "/": memory({ "/file": "root", "/database": "root's", "/data/x/hidden": "root's" }),
      "/data": memory({ "/file": "data" }),
      "/data/x": memory({ "/file": "x" }),
    });
    expect(await text(client, "/file")).toBe("root");
    expect(await text(client, "/database")).toBe("root's");
    expect(await text(client, "/data/file")).toBe("data");
    expect(await text(client, "/data/x/file")).toBe("x");
    expect(await text(client, "/data/x/../file")).toBe("data");
    await expect(client.stat("/data/x/hidden")).rejects.toMatchObject({ code: 2 });
    await client.writeFile("/data/x/new", "n");
    expect(await names(client, "/data/x")).toEqual(["file", "new"]);
  });

  it("lists mount points where they are, once, with the directories that lead to them", async () => {
    const client = await serve({
      "/": memory({ "/own": "", "/shadowed": "a file of the root" }),
      "/shadowed": memory({ "/inside": "" }),
      "/far/away/place": memory(),
      "/far/near": memory(),
    });
    expect(await names(client, "/")).toEqual(["far", "own", "shadowed"]);
    expect((await client.list("/")).find(({ name }) => name === "shadowed")?.stats.type).toBe("directory");
    expect(await names(client, "/shadowed")).toEqual(["inside"]);
    expect(await names(client, "/far")).toEqual(["away", "near"]);
    expect(await names(client, "/far/away")).toEqual(["place"]);
    expect(await names(client, "/far/away/place")).toEqual([]);
    for (const path of ["/far", "/far/away", "/far/away/place", "/shadowed"]) {
      expect(await client.stat(path)).toMatchObject({ type: "directory" });
      expect(await client.lstat(path)).toMatchObject({ type: "directory" });
    }
  });

  it("needs nothing at the root", async () => {
    const client = await serve({ "/in": memory({ "/file": "x" }), "/out/deep": memory() });
    expect(await names(client, "/")).toEqual(["in", "out"]);
    expect(await client.stat("/")).toMatchObject({ type: "directory" });
    expect(await client.realpath(".")).toBe("/");
    expect(await client.realpath("/in/file")).toBe("/in/file");
    await expect(client.stat("/missing")).rejects.toMatchObject({ code: 2 });
    await expect(client.opendir("/missing")).rejects.toMatchObject({ code: 2 });
    await expect(client.writeFile("/file", "x")).rejects.toMatchObject({ code: expect.any(Number) as number });
    await expect(client.mkdir("/new")).rejects.toMatchObject({ code: expect.any(Number) as number });
    await expect(client.mkdir("/out/new")).rejects.toMatchObject({ code: expect.any(Number) as number });
  });

  it("moves and links nothing across mounts, and says why", async () => {
    const client = await serve({ "/": memory({ "/file": "1" }), "/data": memory({ "/file": "2" }) });
    const across = { code: 4, message: "Source and target are on different file systems" };
    await expect(client.rename("/file", "/data/new")).rejects.toMatchObject(across);
    await expect(client.posixRename("/data/file", "/new")).rejects.toMatchObject(across);
    await expect(client.hardlink("/file", "/data/new")).rejects.toMatchObject(across);
    await client.rename("/data/file", "/data/new");
    await client.hardlink("/data/new", "/data/again");
    expect(await text(client, "/data/again")).toBe("2");
    expect(await names(client, "/")).toEqual(["data", "file"]);
  });

  it("keeps its mount points and what leads to them", async () => {
    const client = await serve({ "/": memory({ "/a/file": "", "/link-target": "" }), "/a/b": memory({ "/file": "" }) });
    for (const path of ["/a", "/a/b"]) {
      await expect(client.remove(path)).rejects.toMatchObject({ code: 3 });
      await expect(client.rmdir(path)).rejects.toMatchObject({ code: 3 });
      await expect(client.rename(path, "/elsewhere")).rejects.toMatchObject({ code: 3 });
      await expect(client.posixRename("/link-target", path)).rejects.toMatchObject({ code: 3 });
      await expect(client.mkdir(path)).rejects.toMatchObject({ code: 4 });
      await expect(client.symlink(path, "x")).rejects.toMatchObject({ code: 4 });
      await expect(client.open(path)).rejects.toMatchObject({ code: 4, message: "Is a directory" });
      await expect(client.open(path, { write: true, create: true })).rejects.toMatchObject({ code: 4 });
    }
    expect(await names(client, "/a")).toEqual(["b", "file"]);
  });

  it("tells sizes, owners and attributes of the file system that holds the path", async () => {
    const client = await serve({
      "/": createMemoryFileSystem({ maxFiles: 10, users: { ann: 7 } }),
      "/data": createMemoryFileSystem({ maxFiles: 20, files: { "/file": "" } }),
    });
    expect((await client.statvfs("/")).files).toBe(10);
    expect((await client.statvfs("/data/file")).files).toBe(20);
    expect((await client.fstatvfs(await client.opendir("/data"))).files).toBe(20);
    await client.setstat("/data", { mode: 0o700 });
    expect(await client.stat("/data")).toMatchObject({ mode: 0o700 });
    await client.setstat("/data/file", { mode: 0o600 });
    expect(await client.stat("/data/file")).toMatchObject({ mode: 0o600 });
  });

  it("resolves links inside the file system that holds them", async () => {
    const client = await serve({ "/": memory({ "/file": "root" }), "/data": memory({ "/file": "data" }) });
    await client.symlink("/data/link", "/file");
    expect(await text(client, "/data/link")).toBe("data");
    expect(await client.readlink("/data/link")).toBe("/file");
    expect(await client.realpath("/data/link")).toBe("/data/file");
    expect(await client.realpath("/data")).toBe("/data");
  });

  it("answers OP_UNSUPPORTED for what the file system at that path cannot do, and for no other", async () => {
    const least: FileSystem = {
      open: () => Promise.reject(new Error("never")),
      async *list() {},
      stat: () => Promise.resolve({ type: "directory", size: 0, mtimeMs: 0 }),
    };
    const client = await serve({ "/": memory({ "/file": "" }), "/least": least });
    const calls: ((base: string) => Promise<unknown>)[] = [
      (base) => client.mkdir(`${base}/d`),
      (base) => client.rmdir(`${base}/d`),
      (base) => client.symlink(`${base}/l`, "file"),
      (base) => client.readlink(`${base}/l`),
      (base) => client.rename(`${base}/l`, `${base}/m`),
      (base) => client.remove(`${base}/m`),
      (base) => client.setstat(`${base}/file`, { mode: 0o600 }),
      (base) => client.hardlink(`${base}/file`, `${base}/h`),
      (base) => client.statvfs(`${base}/file`),
    ];
    for (const call of calls) {
      await expect(call("/least")).rejects.toMatchObject({ code: 8 });
      await call("");
    }
    expect(await client.realpath("/least/x/y")).toBe("/least/x/y");
  });
});

describe("sources that are functions", () => {
  it("are asked once for each session, and each of their file systems is closed once", async () => {
    const log: string[] = [];
    const source =
      (name: string): FileSystemSource =>
      ({ id }) => {
        log.push(`${name} for ${id}`);
        return Object.assign(memory(), {
          close: () => {
            log.push(`${name} of ${id} closed`);
            return Promise.resolve();
          },
        });
      };
    const client = await serve({ "/a": source("a"), "/b": source("b"), "/shared": memory() });
    await client.list("/");
    await client.end();
    await running!.log.waitFor(({ message }) => message === "Session ended");
    const [id] = log[0]!.split(" ").slice(-1);
    expect(log).toEqual([`a for ${id}`, `b for ${id}`, `a of ${id} closed`, `b of ${id} closed`]);
  });

  it("that fail close what others have made for that session", async () => {
    const closed: string[] = [];
    const made = (name: string, fails = false): FileSystem =>
      Object.assign(memory(), {
        close: () => {
          closed.push(name);
          return fails ? Promise.reject(new Error("stuck")) : Promise.resolve();
        },
      });
    await expect(
      serve({
        "/a": () => made("a", true),
        "/b": () => Promise.resolve(made("b")),
        "/c": () => Promise.reject(new Error("no such volume")),
        "/d": () => made("d"),
      }),
    ).rejects.toThrow(/ended|closed/);
    await running!.log.waitFor(({ message }) => message === "Session ended");
    expect(closed.sort()).toEqual(["a", "b"]);
    expect(running!.log.text()).toContain("no such volume");
  });
});

describe("what is mounted", () => {
  it("is told by the name of what made it, or else by who mounted it", async () => {
    await serve({ "/": memoryFiles(), "/plain": createMemoryFileSystem() });
    const text = await running!.server.explain();
    expect(text).toContain("Mounts:\n  / (fs-memory)\n  /plain (server)\n");
  });
});

describe("a source with work of its own", () => {
  it("is started once before anybody is served, however often it is mounted, and closed once with the server", async () => {
    const events: string[] = [];
    const source: FileSystemSource = Object.assign(
      () => {
        events.push("session");
        return memory();
      },
      { start: () => void events.push("start"), close: () => void events.push("close") },
    );
    await serve({ "/a": source, "/b": source });
    expect(events).toEqual(["start", "session", "session"]);
    await running!.close();
    expect(events).toEqual(["start", "session", "session", "close"]);
  });

  it("keeps the server from starting when it cannot be started, and is closed", async () => {
    let closed = 0;
    const source = Object.assign(() => memory(), {
      start: () => Promise.reject(new Error("no disk")),
      close: () => void closed++,
    });
    await expect(serve({ "/": source })).rejects.toThrow("no disk");
    expect(closed).toBe(1);
  });
});
