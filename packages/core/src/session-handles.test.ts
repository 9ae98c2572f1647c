import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { faultyFileSystem, startTestServer, type SftpClient, type TestServer } from "@sluice/testing";
import { SftpError } from "./errors.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

const files = { "/file": "content", "/dir/other": "" };
const invalid = { code: 4, message: "Invalid handle" };
const full = { code: 4, message: "Too many open handles" };

async function serve(limits = {}): Promise<SftpClient> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files }), limits });
  return (await running.connect()).sftp();
}

/** Every request that takes the handle of a file. */
function fileRequests(
  client: SftpClient,
  handle: Uint8Array,
  good: Uint8Array,
): Record<string, () => Promise<unknown>> {
  return {
    read: () => client.read(handle, 0, 10),
    write: () => client.write(handle, 0, Buffer.from("x")),
    fstat: () => client.fstat(handle),
    fsetstat: () => client.fsetstat(handle, { mode: 0o600 }),
    fsync: () => client.fsync(handle),
    copyFrom: () => client.copyData(handle, 0, 1, good, 0),
    copyTo: () => client.copyData(good, 0, 1, handle, 0),
  };
}

describe("a handle", () => {
  it("that is forged is refused by every request that takes one", async () => {
    const client = await serve();
    const good = await client.open("/file", { read: true, write: true });
    const forgeries = [
      Buffer.alloc(16, 1),
      Buffer.alloc(0),
      Buffer.from(good.subarray(0, 15)),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.alloc(257, 7),
      Buffer.from(good.map((byte, i) => (i === 7 ? byte ^ 1 : byte))),
    ];
    for (const handle of forgeries) {
      const requests = {
        ...fileRequests(client, handle, good),
        close: () => client.close(handle),
        readdir: () => client.readdir(handle),
        fstatvfs: () => client.fstatvfs(handle),
      };
      for (const [name, request] of Object.entries(requests)) {
        await expect(request(), `${name} ${handle.toString("hex")}`).rejects.toMatchObject(invalid);
      }
    }
    expect(Buffer.from((await client.read(good, 0, 10))!).toString()).toBe("content");
  });

  it("that was closed is refused, even for a second CLOSE", async () => {
    const client = await serve();
    const good = await client.open("/file", { read: true, write: true });
    const handle = await client.open("/file", { read: true, write: true });
    await client.close(handle);
    for (const [name, request] of Object.entries(fileRequests(client, handle, good))) {
      await expect(request(), `request ${name}`).rejects.toMatchObject(invalid);
    }
    await expect(client.close(handle)).rejects.toMatchObject(invalid);
  });

  it("is refused by what arrives behind its CLOSE, though the CLOSE has not been answered yet", async () => {
    const client = await serve();
    const handle = await client.open("/file");
    const [closed, read, again] = await Promise.allSettled([
      client.close(handle),
      client.read(handle, 0, 1),
      client.close(handle),
    ]);
    expect(closed.status).toBe("fulfilled");
    expect(read).toMatchObject({ status: "rejected", reason: invalid });
    expect(again).toMatchObject({ status: "rejected", reason: invalid });
  });

  it("of another session is refused, on the same connection too", async () => {
    running = await startTestServer({ fs: createMemoryFileSystem({ files }) });
    const connection = await running.connect();
    const [mine, theirs, elsewhere] = [
      await connection.sftp(),
      await connection.sftp(),
      await (await running.connect()).sftp(),
    ];
    const handle = await theirs.open("/file");
    for (const client of [mine, elsewhere]) {
      await expect(client.read(handle, 0, 1)).rejects.toMatchObject(invalid);
      await expect(client.close(handle)).rejects.toMatchObject(invalid);
    }
    expect(await theirs.read(handle, 0, 1)).toBeDefined();
  });

  it("of a directory is refused where a file is needed, and that of a file by READDIR", async () => {
    const client = await serve();
    const good = await client.open("/file", { read: true, write: true });
    const directory = await client.opendir("/dir");
    for (const [name, request] of Object.entries(fileRequests(client, directory, good))) {
      await expect(request(), `request ${name}`).rejects.toMatchObject(invalid);
    }
    await expect(client.readdir(good)).rejects.toMatchObject(invalid);
    expect(await client.readdir(directory)).toHaveLength(1);
  });

  it("has 16 bytes that differ from those of every other", async () => {
    const client = await serve();
    const handles = await Promise.all(Array.from({ length: 200 }, () => client.open("/file")));
    expect(new Set(handles.map((handle) => Buffer.from(handle).toString("hex"))).size).toBe(200);
    expect(handles.every((handle) => handle.length === 16)).toBe(true);
  });
});

describe("the limit of handles", () => {
  it("refuses one more open file or directory until one is closed", async () => {
    const client = await serve({ handles: 3 });
    const first = await client.open("/file");
    await client.opendir("/dir");
    await client.open("/file");
    await expect(client.open("/file")).rejects.toMatchObject(full);
    await expect(client.opendir("/dir")).rejects.toMatchObject(full);
    await client.close(first);
    await client.open("/file");
    await expect(client.open("/file")).rejects.toMatchObject(full);
  });

  it("holds for requests that come all at once", async () => {
    const client = await serve({ handles: 3 });
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => client.open("/file")));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  });

  it("is not used up by what could not be opened", async () => {
    const client = await serve({ handles: 2 });
    for (let i = 0; i < 10; i++) {
      await expect(client.open("/missing")).rejects.toMatchObject({ code: 2 });
      await expect(client.opendir("/missing")).rejects.toMatchObject({ code: 2 });
    }
    await client.open("/file");
    await client.open("/file");
  });

  it("is not used up by what a middleware refused after the file system had opened it", async () => {
    const faulty = faultyFileSystem(createMemoryFileSystem({ files }));
    let refusals = 5;
    running = await startTestServer({
      fs: faulty.fs,
      limits: { handles: 1 },
      prepare: (server) =>
        server.use(["open", "opendir"], async (_ctx, next) => {
          await next();
          if (refusals-- > 0) throw new SftpError("permissionDenied");
        }),
    });
    const client = await (await running.connect()).sftp();
    for (const attempt of [1, 2, 3, 4, 5]) {
      await expect(attempt % 2 === 1 ? client.open("/file") : client.opendir("/dir")).rejects.toMatchObject({
        code: 3,
      });
      expect(faulty.openHandles).toBe(0);
      expect(faulty.openListings).toBe(0);
    }
    await client.close(await client.open("/file"));
  });

  it("ends through the pipeline, so that who has counted it hears of it, also where its open was refused in the end", async () => {
    const seen: unknown[] = [];
    running = await startTestServer({
      fs: createMemoryFileSystem({ files }),
      prepare: (server) => {
        server.use("open", async (_ctx, next) => {
          await next();
          throw new SftpError("permissionDenied");
        });
        server.use("close", async (ctx, next) => {
          seen.push(ctx.request.file.path, ctx.request.outcome);
          await next();
          throw new SftpError("failure", "told to nobody");
        });
      },
    });
    const client = await (await running.connect()).sftp();
    await expect(client.open("/new", { write: true, create: true })).rejects.toMatchObject({ code: 3 });
    expect(seen).toEqual(["/new", "refused"]);
    await expect(client.stat("/new")).rejects.toMatchObject({ code: 2 });
  });

  it("counts for each session alone", async () => {
    running = await startTestServer({ fs: createMemoryFileSystem({ files }), limits: { handles: 1 } });
    const connection = await running.connect();
    const [one, two] = [await connection.sftp(), await connection.sftp()];
    await one.open("/file");
    await two.open("/file");
    await expect(two.open("/file")).rejects.toMatchObject(full);
  });
});

describe("CLOSE", () => {
  it("frees the handle even when the backend fails to close, and passes on why", async () => {
    const faulty = faultyFileSystem(createMemoryFileSystem({ files }), [
      { at: "handle.close", nth: 1, rejects: new SftpError("noSpace", "The disk is full") },
    ]);
    running = await startTestServer({ fs: faulty.fs, limits: { handles: 1 } });
    const client = await (await running.connect()).sftp();
    const handle = await client.open("/file", { write: true });
    await expect(client.close(handle)).rejects.toMatchObject({ code: 4, message: "The disk is full" });
    await expect(client.close(handle)).rejects.toMatchObject(invalid);
    expect(faulty.openHandles).toBe(0);
    await client.close(await client.open("/file"));
    expect(faulty.calls("handle.close")).toBe(2);
    expect(faulty.violations).toEqual([]);
  });

  it("frees the handle when a middleware refuses it", async () => {
    running = await startTestServer({
      fs: createMemoryFileSystem({ files }),
      limits: { handles: 1 },
      prepare: (server) =>
        server.before("close", () => {
          throw new SftpError("permissionDenied", "Not closed in order");
        }),
    });
    const client = await (await running.connect()).sftp();
    for (let i = 0; i < 3; i++) {
      const handle = await client.open("/file");
      await expect(client.close(handle)).rejects.toMatchObject({ message: "Not closed in order" });
    }
  });
});

describe("the limit of open files of a server", () => {
  const tooMany = { code: 4, message: "The server has too many files open; try again later" };

  it("is shared by all sessions, and what is closed makes room in every one", async () => {
    const first = await serve({ openFiles: 3 });
    const second = await (await running!.connect()).sftp();
    const mine = [await first.open("/file"), await first.opendir("/dir")];
    await second.open("/file");
    await expect(second.open("/file")).rejects.toMatchObject(tooMany);
    await expect(first.opendir("/dir")).rejects.toMatchObject(tooMany);
    for (const handle of mine) await first.close(handle);
    await second.opendir("/dir");
    await second.open("/file");
    await expect(first.open("/file")).rejects.toMatchObject(tooMany);
  });

  it("is not used up by what cannot be opened", async () => {
    const client = await serve({ openFiles: 1 });
    for (let i = 0; i < 3; i++) await expect(client.open("/missing")).rejects.toMatchObject({ code: 2 });
    for (let i = 0; i < 3; i++) await client.close(await client.open("/file"));
  });

  it("has room again when a client has gone that closed nothing", async () => {
    const client = await serve({ openFiles: 2 });
    const connection = await running!.connect();
    const gone = await connection.sftp();
    await gone.open("/file");
    await gone.opendir("/dir");
    await expect(client.open("/file")).rejects.toMatchObject(tooMany);
    connection.cut();
    await expect
      .poll(() =>
        client.open("/file").then(
          () => "open",
          () => "full",
        ),
      )
      .toBe("open");
  });
});
