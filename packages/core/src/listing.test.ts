import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  packet,
  startTestServer,
  type SftpClient,
  type TestServer,
  type TestServerOptions,
} from "@sluice/testing";
import { SftpError } from "./errors.ts";
import type { DirectoryEntry, FileSystem } from "./filesystem.ts";
import { SSH_FXP } from "./protocol/packets.ts";
import { directoryOf } from "./session.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function serve(options: TestServerOptions): Promise<SftpClient> {
  running = await startTestServer(options);
  return (await running.connect()).sftp();
}

const entry = (name: string): DirectoryEntry => ({ name, stats: { type: "file", size: 1, mtimeMs: 0 } });
const named = (prefix: string, count: number): DirectoryEntry[] =>
  Array.from({ length: count }, (_, i) => entry(`${prefix}${String(i).padStart(4, "0")}`));

/** A file system that lists these batches in every directory. */
function listing(...batches: (readonly DirectoryEntry[])[]): FileSystem {
  return {
    open: () => Promise.reject(new SftpError("noSuchFile")),
    async *list() {
      yield* batches;
    },
    stat: () => Promise.resolve({ type: "directory", size: 0, mtimeMs: 0 }),
  };
}

async function pages(client: SftpClient, path = "/"): Promise<string[][]> {
  const handle = await client.opendir(path);
  const all: string[][] = [];
  for (let names = await client.readdir(handle); names !== undefined; names = await client.readdir(handle)) {
    all.push(names.map(({ name }) => name));
  }
  await client.close(handle);
  return all;
}

const namesOf = (entries: readonly DirectoryEntry[]): string[] => entries.map(({ name }) => name);

describe("READDIR", () => {
  it("gives no more names at once than the limit says, and all of them in the end", async () => {
    const entries = named("f", 600);
    const client = await serve({ fs: listing(entries) });
    const all = await pages(client);
    expect(all.map((page) => page.length)).toEqual([256, 256, 88]);
    expect(all.flat()).toEqual(namesOf(entries));
    await running!.close();
    const small = await serve({ fs: listing(entries), limits: { readdirEntries: 7 } });
    const few = await pages(small);
    expect(Math.max(...few.map((page) => page.length))).toBe(7);
    expect(few.flat()).toEqual(namesOf(entries));
  });

  it("keeps replies small though names are as long as they may be", async () => {
    const entries = Array.from({ length: 300 }, (_, i) => entry(`${"x".repeat(250)}${i}`));
    const client = await serve({ fs: listing(entries), limits: { readdirEntries: 1000 } });
    const handle = await client.opendir("/");
    let seen = 0;
    for (let id = 0x8000_0000; seen < 300; id++) {
      const [reply] = await client.raw(packet(SSH_FXP.READDIR, (writer) => writer.u32(id).bytes(handle)));
      expect(reply!.length).toBeLessThanOrEqual(64 * 1024);
      seen += reply!.readUInt32BE(5);
    }
    expect(seen).toBe(300);
  });

  it("answers EOF at once for an empty directory, and again when it is asked again", async () => {
    for (const fs of [listing(), listing([], [])]) {
      const client = await serve({ fs });
      const handle = await client.opendir("/");
      expect(await client.readdir(handle)).toBeUndefined();
      expect(await client.readdir(handle)).toBeUndefined();
      await client.close(handle);
      await running!.close();
    }
  });

  it("passes over batches that are empty", async () => {
    const client = await serve({ fs: listing([], [entry("a")], [], [], [entry("b")], []) });
    expect((await pages(client)).flat()).toEqual(["a", "b"]);
  });

  it("goes on where a middleware hides all names of a batch", async () => {
    const client = await serve({
      fs: listing(named("hidden", 150), [entry("seen")], named("hidden", 20), [entry("also seen")]),
      prepare: (server) =>
        server.use("readdir", async (ctx, next) => {
          await next();
          ctx.result = ctx.result!.filter(({ name }) => !name.startsWith("hidden"));
        }),
    });
    expect(await pages(client)).toEqual([["seen"], ["also seen"]]);
  });

  it("ends where a middleware hides everything", async () => {
    const client = await serve({
      fs: listing(named("a", 120), named("b", 120)),
      prepare: (server) =>
        server.use("readdir", async (ctx, next) => {
          await next();
          ctx.result = [];
        }),
    });
    expect(await pages(client)).toEqual([]);
  });

  it("takes the answers of a middleware that does not ask the file system", async () => {
    let left = 2;
    const client = await serve({
      fs: listing([entry("never")]),
      prepare: (server) =>
        server.use("readdir", (ctx) => {
          ctx.result = left > 0 ? [entry(`made-up-${left--}`)] : [];
          return Promise.resolve();
        }),
    });
    expect(await pages(client)).toEqual([["made-up-2"], ["made-up-1"]]);
  });

  it("lists a directory that a middleware made up", async () => {
    const client = await serve({
      fs: listing([entry("real")]),
      prepare: (server) =>
        server.use("opendir", async (ctx, next) => {
          if (ctx.request.path === "/virtual") ctx.result = directoryOf(ctx.request.path, [entry("a"), entry("b")]);
          else await next();
        }),
    });
    expect(await pages(client, "/virtual")).toEqual([["a", "b"]]);
    expect(await pages(client, "/")).toEqual([["real"]]);
  });

  it("refuses a listing that fails on the way, and passes on why", async () => {
    const client = await serve({
      fs: {
        ...listing(),
        async *list() {
          yield [entry("a")];
          throw new SftpError("permissionDenied", "No further");
        },
      },
    });
    const handle = await client.opendir("/");
    expect(await client.readdir(handle)).toHaveLength(1);
    await expect(client.readdir(handle)).rejects.toMatchObject({ code: 3, message: "No further" });
    await client.close(handle);
  });

  it("ends the backend's listing when the client closes early, and when the client vanishes", async () => {
    const faulty = faultyFileSystem(listing([entry("a")], [entry("b")], [entry("c")]));
    running = await startTestServer({ fs: faulty.fs });
    const connection = await running.connect();
    const client = await connection.sftp();
    const handle = await client.opendir("/");
    expect(await client.readdir(handle)).toHaveLength(1);
    expect(faulty.openListings).toBe(1);
    await client.close(handle);
    expect(faulty.openListings).toBe(0);
    await client.opendir("/");
    expect(faulty.openListings).toBe(1);
    connection.cut();
    await running.log.waitFor(({ message }) => message === "Disconnected");
    expect(faulty.openListings).toBe(0);
  });

  it("answers requests on one directory in order, though they come all at once", async () => {
    const entries = named("f", 30);
    const client = await serve({ fs: listing(entries), limits: { readdirEntries: 10 } });
    const handle = await client.opendir("/");
    const replies = await Promise.all(Array.from({ length: 5 }, () => client.readdir(handle)));
    expect(replies.map((names) => names?.length)).toEqual([10, 10, 10, undefined, undefined]);
    expect(replies.flatMap((names) => names?.map(({ name }) => name) ?? [])).toEqual(namesOf(entries));
  });

  it("escapes control characters for people, and leaves them in the name itself", async () => {
    const client = await serve({ fs: createMemoryFileSystem({ files: { "/a\x1b[31mred\n": "" } }) });
    const handle = await client.opendir("/");
    const [reply] = await client.raw(packet(SSH_FXP.READDIR, (writer) => writer.u32(0x8000_0000).bytes(handle)));
    const name = "a\x1b[31mred\n";
    const long = reply!.subarray(9 + 4 + name.length + 4).toString("latin1");
    expect(reply!.subarray(13, 13 + name.length).toString()).toBe(name);
    expect(long).toContain("a\\x1b[31mred\\x0a");
  });
});
