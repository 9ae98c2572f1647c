import { afterEach, describe, expect, it, vi } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  latch,
  SftpClient,
  startTestServer,
  testUser,
  type FaultyFileSystem,
  type TestServer,
} from "@sluice/testing";
import type { Connection } from "./connection.ts";
import { ServiceContainer } from "./services.ts";
import { connectSsh } from "./ssh/client.ts";
import { memorySockets } from "./ssh/memory-socket.ts";
import { token } from "./token.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

const large = Buffer.alloc(200_000, "x");

/** What a client does in a session: everything that can be open, is. */
async function work(client: SftpClient): Promise<void> {
  const [reading, listing] = [await client.open("/file"), await client.opendir("/")];
  const writing = await client.open("/new", { write: true, create: true, truncate: true });
  await Promise.all([
    client.read(reading, 0, 7),
    client.readdir(listing),
    ...[0, 1, 2, 3].map((i) => client.write(writing, i * 1000, large.subarray(0, 1000))),
  ]);
  await client.close(writing);
  await client.writeFile("/large", large);
  await client.list("/");
}

/** A server that counts what is made and closed for each connection. */
async function start(): Promise<{ faulty: FaultyFileSystem; seen: Connection[]; open: { services: number } }> {
  const Thing = token<object>("thing");
  const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "content" } }));
  const seen: Connection[] = [];
  const open = { services: 0 };
  running = await startTestServer({
    fs: faulty.fs,
    limits: { perSource: 1000, perSourceUnauthenticated: 1000, connections: 1000 },
    maxStartups: "1000:30:1000",
    prepare: (server) => {
      server.services.provide(
        Thing,
        () => {
          open.services += 1;
          return { close: () => void (open.services -= 1) };
        },
        "connection",
      );
      server.onConnection((connection) => void seen.push(connection));
      server.onSession((session) => void session.connection.services.get(Thing));
    },
  });
  return { faulty, seen, open };
}

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

const listeners = (): number => process.eventNames().reduce((count, name) => count + process.listenerCount(name), 0);

describe("a client that vanishes", () => {
  it("after any number of bytes leaves no file, session, connection, service or timer behind", async () => {
    const { faulty, seen, open } = await start();
    const before = timers();
    let finished = 0;
    for (let limit = 0; finished === 0 || limit < 3000; limit += limit < 4000 ? 101 : 20_011) {
      const sockets = memorySockets();
      let sent = 0;
      const write = sockets.client.write.bind(sockets.client) as (chunk: Buffer) => boolean;
      sockets.client.write = ((chunk: Buffer) => {
        sent += chunk.length;
        if (sent <= limit) return write(chunk);
        sockets.client.destroy();
        return false;
      }) as typeof sockets.client.write;
      running!.server.accept(sockets.server);
      try {
        const ssh = await connectSsh({ socket: sockets.client, ...testUser });
        await work(await SftpClient.start(await ssh.openSftp()));
        finished += 1;
      } catch {
        // Cut.
      }
      sockets.client.destroy();
    }
    await running!.idle();
    expect(seen.length).toBeGreaterThan(40);
    expect(running!.server.connections.size).toBe(0);
    expect(seen.filter(({ sessions, phase }) => sessions.size > 0 || phase !== "closed")).toEqual([]);
    expect(faulty.openHandles).toBe(0);
    expect(faulty.openListings).toBe(0);
    expect(faulty.violations).toEqual([]);
    expect(open.services).toBe(0);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it("while every kind of call is under way leaves nothing behind", async () => {
    const { faulty } = await start();
    for (const at of [
      "open",
      "list.next",
      "stat",
      "handle.read",
      "handle.write",
      "handle.stat",
      "handle.close",
    ] as const) {
      const gate = latch();
      faulty.plan({ at, nth: 1, until: gate });
      const connection = await running!.connect();
      const client = await connection.sftp();
      const all = Promise.allSettled([
        client.stat("/file"),
        work(client),
        client.open("/file").then((handle) => client.fstat(handle)),
      ]);
      await gate.reached;
      connection.cut();
      await all;
      gate.release();
      await running!.idle();
      expect(faulty.openHandles, `cut in ${at}`).toBe(0);
      expect(faulty.openListings, `cut in ${at}`).toBe(0);
    }
    expect(faulty.violations).toEqual([]);
  });
});

describe("a hundred clients, one after the other", () => {
  it("leave no timer and no listener of the process behind", async () => {
    await start();
    const before = { timers: timers(), listeners: listeners() };
    for (let i = 0; i < 100; i++) {
      const connection = await running!.connect();
      await (await connection.sftp()).stat("/file");
      await connection.end();
    }
    await running!.idle();
    expect(timers()).toBeLessThanOrEqual(before.timers);
    expect(listeners()).toBe(before.listeners);
  });
});

describe("a request", () => {
  it("resolves nothing from the container: a thousand reads call it not once", async () => {
    await start();
    const client = await (await running!.connect()).sftp();
    const handle = await client.open("/file");
    // Imported behind core, which brings the polyfill that tsyringe needs.
    const { container } = await import("tsyringe");
    const prototype: unknown = Object.getPrototypeOf(container);
    const spies = [
      ...(["get", "has", "provide", "child", "close"] as const).map((name) =>
        vi.spyOn(ServiceContainer.prototype, name),
      ),
      ...(["resolve", "resolveAll", "isRegistered", "register", "createChildContainer"] as const).map((name) =>
        vi.spyOn(prototype as typeof container, name),
      ),
    ];
    try {
      const all = await Promise.all(Array.from({ length: 1000 }, () => client.read(handle, 0, 7)));
      expect(all.every((data) => Buffer.from(data!).toString() === "content")).toBe(true);
      expect(spies.map((spy) => spy.mock.calls.length)).toEqual(spies.map(() => 0));
      // The spies do see calls: a connection makes its own container.
      await running!.connect();
      expect(spies.some((spy) => spy.mock.calls.length > 0)).toBe(true);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});
