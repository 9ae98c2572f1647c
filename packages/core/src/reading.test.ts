import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type SftpClient, type TestServer, type TestServerOptions } from "@sluice/testing";
import { SftpError } from "./errors.ts";
import type { FileSystem } from "./filesystem.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function serve(options: TestServerOptions): Promise<SftpClient> {
  running = await startTestServer(options);
  return (await running.connect()).sftp();
}

const KiB = 1024;
const large = Buffer.from(Array.from({ length: 600 * KiB }, (_, i) => (i * 7 + (i >> 10)) & 0xff));

/** A file system whose handles read as `read` does. */
function reading(read: (buffer: Uint8Array, position: number) => Promise<number>): FileSystem {
  const stats = { type: "file", size: 1, mtimeMs: 0 } as const;
  return {
    open: () =>
      Promise.resolve({
        read,
        write: () => Promise.resolve(),
        stat: () => Promise.resolve(stats),
        close: () => Promise.resolve(),
      }),
    async *list() {},
    stat: () => Promise.resolve(stats),
  };
}

describe("READ", () => {
  it("answers EOF at the end of the file and beyond it, never empty data", async () => {
    const client = await serve({ fs: createMemoryFileSystem({ files: { "/file": "12345", "/empty": "" } }) });
    const handle = await client.open("/file");
    expect(Buffer.from((await client.read(handle, 3, 100))!).toString()).toBe("45");
    expect(await client.read(handle, 5, 100)).toBeUndefined();
    expect(await client.read(handle, 6, 1)).toBeUndefined();
    expect(await client.read(handle, Number.MAX_SAFE_INTEGER, 0xffff_ffff)).toBeUndefined();
    expect(await client.read(await client.open("/empty"), 0, 1)).toBeUndefined();
  });

  it("gives 64 KiB at most until the client has asked for the limits, and 255 KiB afterwards", async () => {
    const client = await serve({ fs: createMemoryFileSystem({ files: { "/file": large } }) });
    const handle = await client.open("/file");
    const before = await client.read(handle, 1, 0xffff_ffff);
    expect(before!.length).toBe(64 * KiB);
    expect(large.subarray(1).indexOf(before!)).toBe(0);
    await client.limits();
    const after = await client.read(handle, 2, 0xffff_ffff);
    expect(after!.length).toBe(255 * KiB);
    expect(large.subarray(2, 2 + 255 * KiB).equals(after!)).toBe(true);
    expect((await client.read(handle, 0, 100 * KiB))!.length).toBe(100 * KiB);
  });

  it("keeps the 64 KiB of one session when another has asked for the limits", async () => {
    running = await startTestServer({ fs: createMemoryFileSystem({ files: { "/file": large } }) });
    const connection = await running.connect();
    const [asked, silent] = [await connection.sftp(), await connection.sftp()];
    await asked.limits();
    expect((await silent.read(await silent.open("/file"), 0, 200 * KiB))!.length).toBe(64 * KiB);
  });

  it("never shows a client what an earlier reply left in a buffer", async () => {
    const client = await serve({
      fs: createMemoryFileSystem({
        files: { "/secret": Buffer.alloc(64 * KiB, "S"), "/short": Buffer.alloc(20 * KiB, "o") },
      }),
    });
    const [secret, short] = [await client.open("/secret"), await client.open("/short")];
    for (let i = 0; i < 50; i++) {
      await client.read(secret, 0, 64 * KiB);
      const data = await client.read(short, 0, 64 * KiB);
      expect(Buffer.from(data!).equals(Buffer.alloc(20 * KiB, "o"))).toBe(true);
    }
  });

  it("keeps the data of many reads apart", async () => {
    const client = await serve({ fs: createMemoryFileSystem({ files: { "/file": large } }) });
    await client.limits();
    const handle = await client.open("/file");
    const positions = Array.from({ length: 300 }, (_, i) => (i * 40_009) % (500 * KiB));
    const lengths = positions.map((position) => 1 + (position % (90 * KiB)));
    const replies = await Promise.all(positions.map((position, i) => client.read(handle, position, lengths[i]!)));
    for (const [i, data] of replies.entries()) {
      const expected = large.subarray(positions[i], positions[i]! + lengths[i]!);
      expect(expected.equals(data!), `read ${i}`).toBe(true);
    }
  });

  it("answers a failure where the file system claims more bytes than were asked for", async () => {
    for (const count of [101, -1, 1.5, Number.NaN]) {
      const client = await serve({ fs: reading(() => Promise.resolve(count)) });
      const handle = await client.open("/file");
      await expect(client.read(handle, 0, 100)).rejects.toMatchObject({
        code: 4,
        message: expect.stringMatching(/^Internal error [0-9a-f]+$/) as string,
      });
      await running!.close();
    }
  });

  it("passes on the refusal of a read, and serves the next one", async () => {
    let calls = 0;
    const client = await serve({
      fs: reading((buffer) => {
        calls += 1;
        if (calls === 1) throw new SftpError("permissionDenied", "Not yet");
        buffer[0] = 88;
        return Promise.resolve(1);
      }),
    });
    const handle = await client.open("/file");
    await expect(client.read(handle, 0, 10)).rejects.toMatchObject({ code: 3, message: "Not yet" });
    expect(Buffer.from((await client.read(handle, 0, 10))!).toString()).toBe("X");
  });

  it("sends what a middleware puts in place of the data", async () => {
    const client = await serve({
      fs: createMemoryFileSystem({ files: { "/file": "shout", "/long": large } }),
      prepare: (server) =>
        server.use("read", async (ctx, next) => {
          await next();
          if (ctx.request.file.path === "/file")
            ctx.result = Buffer.from(Buffer.from(ctx.result!).toString().toUpperCase());
          else ctx.result = ctx.result!.subarray(10, 15);
        }),
    });
    expect(Buffer.from((await client.read(await client.open("/file"), 0, 100))!).toString()).toBe("SHOUT");
    const part = await client.read(await client.open("/long"), 0, 50 * KiB);
    expect(Buffer.from(part!).equals(large.subarray(10, 15))).toBe(true);
  });
});
