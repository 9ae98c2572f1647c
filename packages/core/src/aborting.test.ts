import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  latch,
  startTestServer,
  type CallSite,
  type Fault,
  type FaultyFileSystem,
  type SftpClient,
  type TestConnection,
  type TestServer,
} from "@sluice/testing";
import { SftpError } from "./errors.ts";
import type { CloseOutcome, FileSystem } from "./filesystem.ts";
import type { Server } from "./server.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

interface Setup {
  readonly faulty: FaultyFileSystem;
  readonly connection: TestConnection;
  readonly client: SftpClient;
  /** What the backend was told at each close. */
  readonly outcomes: CloseOutcome[];
}

async function setUp(prepare?: (server: Server) => void, faults: readonly Fault[] = []): Promise<Setup> {
  const outcomes: CloseOutcome[] = [];
  const memory = createMemoryFileSystem({ files: { "/old": "old content", "/other": "" } });
  const telling = new Proxy(memory, {
    get: (target, name: keyof FileSystem) =>
      name === "open"
        ? async (...args: Parameters<FileSystem["open"]>) => {
            const handle = await target.open(...args);
            const close = handle.close.bind(handle);
            handle.close = (outcome) => {
              outcomes.push(outcome);
              return close(outcome);
            };
            return handle;
          }
        : (target[name] as (() => unknown) | undefined)?.bind(target),
  });
  const faulty = faultyFileSystem(telling, faults);
  running = await startTestServer({ fs: faulty.fs, ...(prepare === undefined ? {} : { prepare }) });
  const connection = await running.connect();
  return { faulty, connection, client: await connection.sftp(), outcomes };
}

const upload = { write: true, create: true, truncate: true };
const gone = (): Promise<unknown> => running!.log.waitFor(({ message }) => message === "Disconnected");
const ended = (): Promise<unknown> => running!.log.waitFor(({ message }) => message === "Session ended");

async function contentOf(path: string): Promise<string> {
  return (await (await (await running!.connect()).sftp()).readFile(path)).toString();
}

describe("an upload whose client", () => {
  const ways: Record<string, (setup: Setup) => Promise<unknown>> = {
    vanishes: async ({ connection }) => {
      connection.cut();
      await gone();
    },
    "disconnects without a CLOSE": async ({ connection }) => {
      await connection.end();
      await gone();
    },
    "ends the session without a CLOSE": async ({ client }) => {
      await client.end();
      await ended();
    },
    "sends a malformed packet": async ({ client }) => {
      await client.raw(Buffer.alloc(4)).catch(() => undefined);
      await ended();
    },
    "is put out by the server": async () => {
      for (const connection of running!.server.connections) connection.end("Enough");
      await gone();
    },
    "has its session ended by the server": async () => {
      for (const connection of running!.server.connections)
        for (const session of connection.sessions) session.end("Enough");
      await ended();
    },
  };

  it.each(Object.entries(ways))(
    "%s is aborted, through the close middleware, and the old content stays",
    async (_name, leave) => {
      const seen: string[] = [];
      const setup = await setUp((server) => {
        server.use("close", async (ctx, next) => {
          seen.push(`${ctx.request.file.path} ${ctx.request.outcome}`);
          await next();
        });
        server.after("close", (ctx, { status }) => seen.push(`${ctx.request.file.path} ${status}`));
      });
      const handle = await setup.client.open("/old", upload);
      await setup.client.write(handle, 0, Buffer.from("new"));
      const created = await setup.client.open("/new", upload);
      await setup.client.write(created, 0, Buffer.from("never"));
      await setup.client.opendir("/");
      await leave(setup);
      expect(seen.sort()).toEqual(["/ aborted", "/ ok", "/new aborted", "/new ok", "/old aborted", "/old ok"]);
      expect(setup.outcomes).toEqual(["aborted", "aborted"]);
      expect(setup.faulty.openHandles).toBe(0);
      expect(setup.faulty.openListings).toBe(0);
      expect(setup.faulty.violations).toEqual([]);
      expect(await contentOf("/old")).toBe("old content");
      await expect(contentOf("/new")).rejects.toMatchObject({ code: 2 });
    },
  );

  it("vanishes while a write is under way is closed only when the write has ended", async () => {
    const slow = latch();
    const { client, connection, faulty, outcomes } = await setUp(undefined, [{ at: "handle.write", until: slow }]);
    const handle = await client.open("/old", upload);
    const writing = client.write(handle, 0, Buffer.from("new"));
    await slow.reached;
    connection.cut();
    await expect(writing).rejects.toThrow(/closed|ended/);
    expect(outcomes).toEqual([]);
    slow.release();
    await gone();
    expect(outcomes).toEqual(["aborted"]);
    expect(faulty.violations).toEqual([]);
  });

  it("vanishes while its CLOSE waits for a write is aborted", async () => {
    const slow = latch();
    const { client, connection, outcomes } = await setUp(undefined, [{ at: "handle.write", until: slow }]);
    const handle = await client.open("/old", upload);
    const all = Promise.allSettled([client.write(handle, 0, Buffer.from("new")), client.close(handle)]);
    await slow.reached;
    // When another client has been served, the CLOSE has arrived.
    await (await (await running!.connect()).sftp()).realpath("/");
    connection.cut();
    await all;
    slow.release();
    await gone();
    expect(outcomes).toEqual(["aborted"]);
    expect(await contentOf("/old")).toBe("old content");
  });

  it("vanishes while the file is being opened is aborted", async () => {
    const slow = latch();
    const { client, connection, faulty, outcomes } = await setUp(undefined, [{ at: "open", answersAfter: slow }]);
    const opening = client.open("/old", upload);
    await slow.reached;
    connection.cut();
    await expect(opening).rejects.toThrow(/closed|ended/);
    slow.release();
    await gone();
    expect(outcomes).toEqual(["aborted"]);
    expect(faulty.openHandles).toBe(0);
  });

  it("vanishes when the CLOSE has reached the backend is completed", async () => {
    const slow = latch();
    const { client, connection, outcomes } = await setUp(undefined, [{ at: "handle.close", until: slow }]);
    const handle = await client.open("/old", upload);
    await client.write(handle, 0, Buffer.from("new"));
    const closing = client.close(handle);
    await slow.reached;
    connection.cut();
    await expect(closing).rejects.toThrow(/closed|ended/);
    slow.release();
    await gone();
    expect(outcomes).toEqual(["completed"]);
    expect(await contentOf("/old")).toBe("new");
  });

  it("vanishes has the signal of what runs aborted", async () => {
    let aborted: Promise<string> | undefined;
    const began = latch();
    const { client, connection } = await setUp((server) =>
      server.use("stat", async (ctx) => {
        aborted = new Promise((resolve) => {
          ctx.signal.addEventListener("abort", () => resolve(String(ctx.signal.reason)), { once: true });
        });
        began.release();
        await aborted;
        throw new SftpError("connectionLost");
      }),
    );
    const asked = client.stat("/old").catch((error: unknown) => error);
    await began.wait();
    connection.cut();
    expect(await aborted).toMatch(/clos|ended/);
    await asked;
    await gone();
  });

  it("vanishes still has its other files closed where one fails to", async () => {
    const { client, connection, outcomes, faulty } = await setUp(undefined, [
      { at: "handle.close", nth: 1, rejects: new Error("disk on fire") },
    ]);
    await client.open("/old", upload);
    await client.open("/other", upload);
    connection.cut();
    await gone();
    expect(outcomes).toEqual(["aborted", "aborted"]);
    expect(faulty.openHandles).toBe(0);
    expect(running!.log.text()).toContain("disk on fire");
  });

  it("vanishes still has its files closed where the close middleware refuses", async () => {
    const { client, connection, faulty, outcomes } = await setUp((server) =>
      server.before("close", () => {
        throw new Error("no close today");
      }),
    );
    await client.open("/old", upload);
    connection.cut();
    await gone();
    expect(outcomes).toEqual(["refused"]);
    expect(faulty.openHandles).toBe(0);
  });
});

describe("a close middleware", () => {
  it("that refuses makes the client read why, and the backend drop it", async () => {
    const { client, outcomes, faulty } = await setUp((server) =>
      server.use("close", () => Promise.reject(new SftpError("permissionDenied", "The file is infected"))),
    );
    const handle = await client.open("/old", upload);
    await client.write(handle, 0, Buffer.from("virus"));
    await expect(client.close(handle)).rejects.toMatchObject({ code: 3, message: "The file is infected" });
    expect(outcomes).toEqual(["refused"]);
    expect(faulty.openHandles).toBe(0);
    expect((await client.stat("/old")).size).toBe("old content".length);
  });

  it("that answers itself and does not call next makes the backend drop it", async () => {
    const { client, outcomes } = await setUp((server) => server.use("close", () => Promise.resolve()));
    const handle = await client.open("/old", upload);
    await client.close(handle);
    expect(outcomes).toEqual(["refused"]);
  });

  it("that fails after the file system has closed is told to the client, and what is stored stays", async () => {
    const { client, outcomes } = await setUp((server) =>
      server.use("close", async (_ctx, next) => {
        await next();
        throw new SftpError("failure", "Stored, but not announced");
      }),
    );
    const handle = await client.open("/old", upload);
    await client.write(handle, 0, Buffer.from("new"));
    await expect(client.close(handle)).rejects.toMatchObject({ message: "Stored, but not announced" });
    expect(outcomes).toEqual(["completed"]);
  });

  it("may read the file before it decides", async () => {
    const { client } = await setUp((server) =>
      server.use("close", async (ctx, next) => {
        const { file } = ctx.request;
        if (file.kind === "file" && file.flags.write) {
          const buffer = Buffer.alloc(100);
          const bytes = await file.handle.read(buffer, 0);
          if (buffer.subarray(0, bytes).includes("virus")) throw new SftpError("permissionDenied", "No");
        }
        await next();
      }),
    );
    for (const [content, refused] of [
      ["harmless", false],
      ["a virus", true],
    ] as const) {
      const handle = await client.open("/scanned", { ...upload, read: true });
      await client.write(handle, 0, Buffer.from(content));
      const closed = await client.close(handle).then(
        () => false,
        () => true,
      );
      expect(closed).toBe(refused);
    }
    expect((await client.readFile("/scanned")).toString()).toBe("harmless");
  });
});

describe("a backend", () => {
  it("that cannot complete an upload tells the client why at CLOSE", async () => {
    const { client, outcomes } = await setUp(undefined, [
      { at: "handle.close", rejects: new SftpError("quotaExceeded", "Your quota is used up") },
    ]);
    const handle = await client.open("/old", upload);
    await expect(client.close(handle)).rejects.toMatchObject({ code: 4, message: "Your quota is used up" });
    expect(outcomes).toEqual(["aborted"]);
  });

  it.each<[string, CallSite, (client: SftpClient) => Promise<unknown>]>([
    ["open", "open", async (client) => client.close(await client.open("/old"))],
    ["stat", "stat", (client) => client.stat("/old")],
    ["list", "list.next", (client) => client.list("/")],
    ["mkdir", "mkdir", (client) => client.mkdir("/x")],
    ["read", "handle.read", (client) => client.readFile("/old")],
    ["write", "handle.write", (client) => client.writeFile("/old", "x")],
  ])("that throws at once in %s costs that request alone", async (_name, at, call) => {
    const { client, faulty } = await setUp(undefined, [{ at, nth: 1, throws: new Error("secret: /srv/data") }]);
    await expect(call(client)).rejects.toMatchObject({ code: 4, message: /^Internal error [0-9a-f]{12}$/ });
    await call(client);
    expect(faulty.openHandles).toBe(0);
  });
});
