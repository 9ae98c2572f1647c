import fs from "node:fs";
import { join } from "node:path";
import { localFiles, type LocalFilesOptions } from "@sluice/fs-local";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { faultyFileSystem, latch, startTestServer, type SftpClient, type TestServer } from "@sluice/testing";
import { afterEach, describe, expect, it } from "vitest";
import { makeGround, type Ground } from "./victim.ts";

const upload = { write: true, create: true, truncate: true } as const;
const halfBytes = 300_000;

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

async function serveMemory(...faults: NonNullable<Parameters<typeof faultyFileSystem>[1]>) {
  const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "content" } }), faults);
  const server = await startTestServer({ fs: faulty.fs });
  undo.push(() => server.close());
  return { faulty, server };
}

async function serveDirectory(options: Partial<LocalFilesOptions> = {}): Promise<{ root: string; server: TestServer }> {
  const ground: Ground = makeGround();
  undo.push(() => ground.remove());
  const root = join(ground.directory, "root");
  fs.mkdirSync(root);
  const server = await startTestServer({ fs: localFiles({ root, ...options }) });
  undo.push(() => server.close());
  return { root, server };
}

async function client(server: TestServer, address = "127.0.0.1"): Promise<SftpClient> {
  return (await server.connect({ address })).sftp();
}

describe("a storage that takes long", () => {
  it("keeps its own session waiting, and no other", async () => {
    const disk = latch();
    const { server } = await serveMemory({ at: "handle.write", nth: 1, until: disk });
    const slow = await client(server);
    const quick = await client(server);
    const handle = await slow.open("/slow", upload);
    const writing = slow.write(handle, 0, Buffer.from("late"));
    await disk.reached;
    await quick.writeFile("/quick", "done");
    expect((await quick.readFile("/quick")).toString()).toBe("done");
    // What the same session asks of something else is answered, too.
    expect((await slow.stat("/file")).size).toBe(7);
    disk.release();
    await writing;
    await slow.close(handle);
    expect((await quick.readFile("/slow")).toString()).toBe("late");
  });

  it("is waited for by a close, which tells what became of the write", async () => {
    const disk = latch();
    const { faulty, server } = await serveMemory({ at: "handle.write", until: disk });
    const [session, other] = [await client(server), await client(server)];
    const handle = await session.open("/slow", upload);
    const writing = session.write(handle, 0, Buffer.from("late"));
    const settled: string[] = [];
    const closing = session.close(handle).then(() => settled.push("closed"));
    void writing.then(() => settled.push("written"));
    await disk.reached;
    // Something else goes there and back meanwhile: of this session, what comes after a close waits for it.
    await other.stat("/file");
    expect([settled, faulty.openHandles]).toEqual([[], 1]);
    disk.release();
    await closing;
    expect(settled).toEqual(["written", "closed"]);
    expect((await session.readFile("/slow")).toString()).toBe("late");
    expect(faulty.violations).toEqual([]);
  });

  it("gets its handle closed, and nothing kept, when the client leaves in the middle", async () => {
    const disk = latch();
    const { faulty, server } = await serveMemory({ at: "handle.write", until: disk });
    const connection = await server.connect();
    const session = await connection.sftp();
    const handle = await session.open("/slow", upload);
    session.write(handle, 0, Buffer.from("late")).catch(() => undefined);
    await disk.reached;
    connection.cut();
    disk.release();
    await server.idle();
    expect([faulty.openHandles, faulty.violations]).toEqual([0, []]);
    await expect((await client(server)).stat("/slow")).rejects.toMatchObject({ code: 2 });
  });
});

describe.each([{}, { atomic: false }, { durable: true }])("sessions that meet with %j", (options) => {
  it("at one name in renames leave every file exactly once", { timeout: 60_000 }, async () => {
    const { root, server } = await serveDirectory(options);
    const clients: SftpClient[] = [];
    for (let lane = 0; lane < 6; lane++) clients.push(await client(server, `127.0.0.${lane + 1}`));
    const files = Array.from({ length: 12 }, (_, number) => `content ${number}`);
    for (const [number, content] of files.entries()) fs.writeFileSync(join(root, `name-${number}`), content);
    let moved = 0;
    // The names go round in a ring that has more places than files; whoever finds a place taken, or a file gone, is refused.
    await Promise.all(
      clients.map(async (session, lane) => {
        for (let step = 0; step < 80; step++) {
          const from = (step * 7 + lane * 5) % 16;
          const to = (from + 1 + ((step + lane) % 5)) % 16;
          await session.rename(`/name-${from}`, `/name-${to}`).then(
            () => (moved += 1),
            (error: unknown) => expect(error).toMatchObject({ name: "StatusError" }),
          );
        }
      }),
    );
    expect(moved).toBeGreaterThan(0);
    const left = fs.readdirSync(root).map((name) => fs.readFileSync(join(root, name), "utf8"));
    expect(left.sort()).toEqual([...files].sort());
  });
});

it("two uploads to one name over two sessions leave one of them whole, and each is told so", async () => {
  const { root, server } = await serveDirectory();
  const [one, two] = [await client(server), await client(server)];
  for (let round = 0; round < 10; round++) {
    const contents = [Buffer.alloc(200_000 + round, "one;"), Buffer.alloc(250_000 - round, "two;")];
    await Promise.all([one.writeFile("/file", contents[0]!), two.writeFile("/file", contents[1]!)]);
    const found = fs.readFileSync(join(root, "file"));
    expect(contents.some((content) => content.equals(found))).toBe(true);
    expect(fs.readdirSync(root)).toEqual(["file"]);
  }
});

describe("an upload that is cut off and resumed as WinSCP does it", () => {
  const content = Buffer.from(Array.from({ length: 2 * halfBytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff));

  /** Uploads the first half under the partial name and vanishes. */
  async function cutOff(server: TestServer): Promise<void> {
    const connection = await server.connect();
    const session = await connection.sftp();
    const handle = await session.open("/file.filepart", upload);
    for (let at = 0; at < halfBytes; at += 30_000) await session.write(handle, at, content.subarray(at, at + 30_000));
    connection.cut();
    await server.idle();
  }

  /** Goes on where the file ends, then lets it take the target's name. */
  async function resume(server: TestServer): Promise<number> {
    const session = await client(server);
    const { size = 0 } = await session.stat("/file.filepart").catch(() => ({ size: 0 }));
    const handle = await session.open("/file.filepart", { write: true, create: true, truncate: size === 0 });
    for (let at = size; at < content.length; at += 30_000) {
      await session.write(handle, at, content.subarray(at, Math.min(at + 30_000, content.length)));
    }
    await session.close(handle);
    await session.remove("/file");
    await session.rename("/file.filepart", "/file");
    return size;
  }

  it.each([
    ["kept", { keepPartial: true }, halfBytes],
    ["written in place", { atomic: false }, halfBytes],
    ["dropped", {}, 0],
  ] as const)("ends whole where partial uploads are %s", async (_, options, resumedAt) => {
    const { root, server } = await serveDirectory(options);
    fs.writeFileSync(join(root, "file"), "old");
    await cutOff(server);
    expect(fs.readFileSync(join(root, "file"), "utf8")).toBe("old");
    expect(await resume(server)).toBe(resumedAt);
    expect(fs.readFileSync(join(root, "file")).equals(content)).toBe(true);
    expect(fs.readdirSync(root)).toEqual(["file"]);
  });
});
