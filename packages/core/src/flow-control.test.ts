import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { faultyFileSystem, latch, packet, SftpClient, startTestServer, type TestServer } from "@sluice/testing";
import type { FileSystem } from "./filesystem.ts";
import { SSH_FXP } from "./protocol/packets.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

const KiB = 1024;

/** A file system of one endless file, which counts the bytes that were read and written. */
function endless(counts: { read: number; written: number }): FileSystem {
  const stats = { type: "file", size: 2 ** 40, mtimeMs: 0 } as const;
  return {
    open: () =>
      Promise.resolve({
        read: (buffer) => {
          counts.read += buffer.length;
          buffer.fill(counts.read & 0xff);
          return Promise.resolve(buffer.length);
        },
        write: (data) => {
          counts.written += data.length;
          return Promise.resolve();
        },
        stat: () => Promise.resolve(stats),
        close: () => Promise.resolve(),
      }),
    async *list() {},
    stat: () => Promise.resolve(stats),
  };
}

/** Round trips of a second client: when so many are over, whatever the first could still set off has happened. */
async function others(server: TestServer, trips = 100): Promise<void> {
  const client = await (await server.connect()).sftp();
  for (let i = 0; i < trips; i++) {
    await client.realpath("/");
    await turn();
  }
}

describe("the limit of requests in flight", () => {
  it("lets no more requests reach the backend, and serves the rest when there is room", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "content" } }), [
      { at: "handle.read", until: gate },
    ]);
    running = await startTestServer({ fs: faulty.fs, limits: { requestsInFlight: 4 } });
    const client = await (await running.connect()).sftp({ requestsInFlight: 100 });
    const handle = await client.open("/file");
    const all = Promise.all(Array.from({ length: 50 }, () => client.read(handle, 0, 7)));
    await gate.reached;
    await others(running);
    expect(gate.waiting).toBe(4);
    expect(faulty.calls("handle.read")).toBe(4);
    gate.release();
    expect((await all).every((data) => Buffer.from(data!).toString() === "content")).toBe(true);
  });

  it("is 64 where nothing else is said", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "content" } }), [
      { at: "handle.read", until: gate },
    ]);
    running = await startTestServer({ fs: faulty.fs });
    const client = await (await running.connect()).sftp({ requestsInFlight: 200 });
    const handle = await client.open("/file");
    const all = Promise.all(Array.from({ length: 100 }, () => client.read(handle, 0, 7)));
    await gate.reached;
    await others(running);
    expect(gate.waiting).toBe(64);
    gate.release();
    await all;
  });

  it("counts for each session alone", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "content" } }), [
      { at: "handle.read", until: gate },
    ]);
    running = await startTestServer({ fs: faulty.fs, limits: { requestsInFlight: 2 } });
    const connection = await running.connect();
    const clients = [await connection.sftp(), await connection.sftp()];
    const all = [];
    for (const client of clients) {
      const handle = await client.open("/file");
      all.push(...Array.from({ length: 5 }, () => client.read(handle, 0, 7)));
    }
    await gate.reached;
    await others(running);
    expect(gate.waiting).toBe(4);
    gate.release();
    await Promise.all(all);
  });
});

describe("the budget of bytes", () => {
  it("counts what reads will hold", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(endless({ read: 0, written: 0 }), [{ at: "handle.read", until: gate }]);
    running = await startTestServer({ fs: faulty.fs, limits: { sessionBytes: 256 * KiB } });
    const client = await (await running.connect()).sftp();
    const handle = await client.open("/file");
    const all = Promise.all(Array.from({ length: 20 }, (_, i) => client.read(handle, i * 64 * KiB, 64 * KiB)));
    await gate.reached;
    await others(running);
    expect(gate.waiting).toBe(4);
    gate.release();
    await all;
  });

  it("counts what writes hold", async () => {
    const gate = latch();
    const counts = { read: 0, written: 0 };
    const faulty = faultyFileSystem(endless(counts), [{ at: "handle.write", until: gate }]);
    running = await startTestServer({ fs: faulty.fs, limits: { sessionBytes: 256 * KiB } });
    const client = await (await running.connect()).sftp();
    const handle = await client.open("/file", { write: true });
    const data = Buffer.alloc(32 * KiB);
    const all = Promise.all(Array.from({ length: 40 }, (_, i) => client.write(handle, i * data.length, data)));
    await gate.reached;
    await others(running);
    expect(gate.waiting).toBe(8);
    gate.release();
    await all;
    expect(counts.written).toBe(40 * data.length);
  });
});

describe("a client that sends faster than the backend writes", () => {
  it("is made to wait: the channel takes no more than its window", async () => {
    const gate = latch();
    const counts = { read: 0, written: 0 };
    const faulty = faultyFileSystem(endless(counts), [{ at: "handle.write", until: gate }]);
    running = await startTestServer({ fs: faulty.fs });
    const connection = await running.connect();
    const client = await connection.sftp({ requestsInFlight: 10_000 });
    const handle = await client.open("/file", { write: true });
    const data = Buffer.alloc(32 * KiB);
    const before = connection.socket.bytesWritten;
    const all = Promise.all(Array.from({ length: 640 }, (_, i) => client.write(handle, i * data.length, data)));
    await gate.reached;
    await others(running);
    // The budget of a session and a window are 2 MiB each; the whole is 20 MiB.
    expect(connection.socket.bytesWritten - before).toBeLessThan(8 * KiB * KiB);
    gate.release();
    await all;
    expect(counts.written).toBe(640 * data.length);
  });
});

describe("a client that does not read its replies", () => {
  const reads = 4000;

  async function flood(): Promise<{ counts: { read: number }; handle: Uint8Array; channel: Duplex }> {
    const counts = { read: 0, written: 0 };
    running = await startTestServer({ fs: endless(counts) });
    const connection = await running.connect();
    const channel = await connection.channel();
    const client = await SftpClient.start(channel);
    const handle = await client.open("/file");
    return { counts, handle, channel };
  }

  const requests = (handle: Uint8Array): Buffer =>
    Buffer.concat(
      Array.from({ length: reads }, (_, i) =>
        packet(SSH_FXP.READ, (w) =>
          w
            .u32(0x8000_0000 + i)
            .bytes(handle)
            .u64(0)
            .u32(32 * KiB),
        ),
      ),
    );

  it("in its channel stops being served until it reads again", async () => {
    const { counts, handle, channel } = await flood();
    channel.removeAllListeners("data");
    channel.pause();
    channel.write(requests(handle));
    await others(running!);
    const held = counts.read;
    expect(held).toBeLessThan(16 * KiB * KiB);
    await others(running!);
    expect(counts.read).toBe(held);
    let received = 0;
    const whole = new Promise<void>((resolve) =>
      channel.on("data", (piece: Buffer) => {
        received += piece.length;
        if (received === reads * (32 * KiB + 13)) resolve();
      }),
    );
    channel.resume();
    await whole;
    expect(counts.read).toBe(reads * 32 * KiB);
  });

  it("from its socket stops being served, and others are served all the while", async () => {
    const counts = { read: 0, written: 0 };
    running = await startTestServer({ fs: endless(counts) });
    const connection = await running.connect();
    const client = await connection.sftp({ requestsInFlight: 10_000 });
    const handle = await client.open("/file");
    connection.socket.pause();
    const all = Promise.allSettled(Array.from({ length: reads }, () => client.read(handle, 0, 32 * KiB)));
    await others(running);
    const held = counts.read;
    expect(held).toBeLessThan(16 * KiB * KiB);
    await others(running);
    expect(counts.read).toBe(held);
    connection.socket.resume();
    expect((await all).every(({ status }) => status === "fulfilled")).toBe(true);
  });

  it("of large listings stops being served, too", async () => {
    let listed = 0;
    let more = (): void => {};
    const entries = Array.from({ length: 100 }, (_, i) => ({
      name: `${"n".repeat(200)}${i}`,
      stats: { type: "file", size: 1, mtimeMs: 0 } as const,
    }));
    running = await startTestServer({
      fs: {
        ...endless({ read: 0, written: 0 }),
        async *list() {
          for (;;) {
            listed += 1;
            more();
            yield entries;
          }
        },
      },
    });
    const connection = await running.connect();
    const channel = await connection.channel();
    const client = await SftpClient.start(channel);
    const handle = await client.opendir("/");
    channel.removeAllListeners("data");
    channel.pause();
    for (let i = 0; i < reads; i++) {
      channel.write(packet(SSH_FXP.READDIR, (w) => w.u32(0x8000_0000 + i).bytes(handle)));
    }
    await others(running);
    const held = listed;
    expect(held).toBeLessThan(reads / 4);
    await others(running);
    expect(listed).toBe(held);
    const goesOn = new Promise<void>((resolve) => (more = resolve));
    channel.on("data", () => undefined);
    channel.resume();
    await goesOn;
  });

  it("and vanishes then leaves nothing open", async () => {
    const counts = { read: 0, written: 0 };
    const faulty = faultyFileSystem(endless(counts));
    running = await startTestServer({ fs: faulty.fs });
    const connection = await running.connect();
    const client = await connection.sftp({ requestsInFlight: 10_000 });
    const handle = await client.open("/file");
    connection.socket.pause();
    const all = Promise.allSettled(Array.from({ length: reads }, () => client.read(handle, 0, 32 * KiB)));
    await others(running);
    connection.cut();
    await running.log.waitFor(({ message }) => message === "Disconnected");
    expect(faulty.openHandles).toBe(0);
    expect((await all).every(({ status }) => status === "rejected")).toBe(true);
  });
});
