import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  latch,
  startTestServer,
  type SftpClient,
  type TestServer,
  type TestServerOptions,
} from "@sluice/testing";
import type { FileSystem } from "../filesystem.ts";
import { SftpError } from "../errors.ts";
import { maxDataBytes, maxPacketBytes } from "../protocol/packets.ts";
import { Writer } from "../protocol/writer.ts";

const status = { noSuchFile: 2, permissionDenied: 3, failure: 4, badMessage: 5, unsupported: 8 };

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function serve(options: TestServerOptions = {}): Promise<SftpClient> {
  running = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/one": "first\n", "/two": "second\n" } }),
    ...options,
  });
  return (await running.connect()).sftp();
}

const text = async (client: SftpClient, path: string): Promise<string> => (await client.readFile(path)).toString();

describe("VERSION", () => {
  it("announces every built-in extension with its data", async () => {
    const client = await serve();
    expect(Object.fromEntries(client.extensions)).toEqual({
      "posix-rename@openssh.com": "1",
      "statvfs@openssh.com": "2",
      "fstatvfs@openssh.com": "2",
      "hardlink@openssh.com": "1",
      "fsync@openssh.com": "1",
      "lsetstat@openssh.com": "1",
      "limits@openssh.com": "1",
      "expand-path@openssh.com": "1",
      "home-directory": "1",
      "users-groups-by-id@openssh.com": "1",
      "copy-data": "1",
      "space-available": "1",
    });
  });
});

describe("posix-rename@openssh.com", () => {
  it("replaces its target", async () => {
    const client = await serve();
    await client.posixRename("/one", "/two");
    expect(await text(client, "/two")).toBe("first\n");
    await expect(client.stat("/one")).rejects.toMatchObject({ code: status.noSuchFile });
  });

  it("is a rename to every guard", async () => {
    const seen: boolean[] = [];
    const client = await serve({
      prepare: (server) =>
        server.before("rename", ({ request }) => {
          seen.push(request.overwrite);
          throw new SftpError("permissionDenied");
        }),
    });
    await expect(client.posixRename("/one", "/two")).rejects.toMatchObject({ code: status.permissionDenied });
    await expect(client.rename("/one", "/three")).rejects.toMatchObject({ code: status.permissionDenied });
    expect(seen).toEqual([true, false]);
  });
});

describe("statvfs@openssh.com and fstatvfs@openssh.com", () => {
  it("tell the sizes of the file system, by path and by the handle of a file or directory", async () => {
    const client = await serve({
      fs: createMemoryFileSystem({ maxBytes: 40_960, maxFiles: 10, files: { "/one": "x" } }),
    });
    const stats = await client.statvfs("/");
    expect(stats).toMatchObject({ blockSize: 4096, blocks: 10, files: 10, readOnly: false, maxNameLength: 255 });
    expect(await client.fstatvfs(await client.open("/one"))).toEqual(stats);
    expect(await client.fstatvfs(await client.opendir("/"))).toEqual(stats);
    await expect(client.statvfs("/missing")).rejects.toMatchObject({ code: status.noSuchFile });
  });
});

describe("space-available", () => {
  const asked = new Writer().text("/").finish();

  it("tells the file system's bytes, free ones, the user's, those left to the user, and the unit", async () => {
    const statfs = () =>
      Promise.resolve({
        blockSize: 65_536,
        fragmentSize: 4096,
        blocks: 0x300_0000,
        freeBlocks: 0x200_0000,
        availableBlocks: 0x180_0000,
        files: 0,
        freeFiles: 0,
        availableFiles: 0,
        readOnly: false,
        maxNameLength: 255,
      });
    const client = await serve({ fs: Object.assign(createMemoryFileSystem(), { statfs }) });
    expect(await client.extended("space-available", asked)).toEqual(
      Buffer.concat([
        Buffer.from([0, 0, 0, 0x30, 0, 0, 0, 0]), // bytes-on-device
        Buffer.from([0, 0, 0, 0x20, 0, 0, 0, 0]), // unused-bytes-on-device
        Buffer.from([0, 0, 0, 0x28, 0, 0, 0, 0]), // bytes-available-to-user
        Buffer.from([0, 0, 0, 0x18, 0, 0, 0, 0]), // unused-bytes-available-to-user
        Buffer.from([0, 0, 0x10, 0]), // bytes-per-allocation-unit
      ]),
    );
  });

  it("is the question that statvfs is: whoever judges or answers that one does so here", async () => {
    const seen: string[] = [];
    const client = await serve({
      fs: createMemoryFileSystem({ maxBytes: 40_960, maxFiles: 10 }),
      prepare: (server) =>
        server.use("statfs", async (ctx, next) => {
          seen.push(ctx.request.path);
          if (ctx.request.path === "/secret") throw new SftpError("permissionDenied");
          await next();
          ctx.result = { ...ctx.result!, availableBlocks: 3 };
        }),
    });
    expect((await client.extended("space-available", asked))!.readBigUInt64BE(24)).toBe(3n * 4096n);
    const secret = new Writer().text("secret").finish();
    await expect(client.extended("space-available", secret)).rejects.toMatchObject({ code: status.permissionDenied });
    expect(seen).toEqual(["/", "/secret"]);
  });

  it("is refused where the file system does not know, and capped where its size is beyond every number", async () => {
    const client = await serve({ fs: Object.assign(createMemoryFileSystem(), { statfs: undefined }) });
    await expect(client.extended("space-available", asked)).rejects.toMatchObject({ code: status.unsupported });
    await running!.close();
    const stats = await createMemoryFileSystem().statfs!("/" as never);
    const endless = { ...stats, blocks: 2 ** 52, freeBlocks: 2 ** 52, availableBlocks: 2 ** 52 };
    const other = await serve({
      fs: Object.assign(createMemoryFileSystem(), { statfs: () => Promise.resolve(endless) }),
    });
    const reply = await other.extended("space-available", asked);
    expect(reply!.readBigUInt64BE(0)).toBe(BigInt(Number.MAX_SAFE_INTEGER));
  });
});

describe("hardlink@openssh.com", () => {
  it("gives a file a second name; the existing one comes first", async () => {
    const client = await serve();
    await client.hardlink("/one", "/again");
    await client.remove("/one");
    expect(await text(client, "/again")).toBe("first\n");
    await expect(client.hardlink("/again", "/two")).rejects.toMatchObject({ message: "File already exists" });
  });
});

describe("fsync@openssh.com", () => {
  it("reaches the handle after the writes that came before it", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "handle.write", until: gate }]);
    const client = await serve({ fs: faulty.fs });
    const handle = await client.open("/new", { write: true, create: true });
    const all = Promise.all([
      client.write(handle, 0, Buffer.from("a")),
      client.write(handle, 1, Buffer.from("b")),
      client.fsync(handle),
    ]);
    await gate.reached;
    // When another client has been served, all of these have arrived.
    await (await (await running!.connect()).sftp()).realpath("/");
    expect([faulty.calls("handle.write"), faulty.calls("handle.sync")]).toEqual([2, 0]);
    gate.release();
    await all;
    expect(faulty.calls("handle.sync")).toBe(1);
  });

  it("refuses the handle of a directory", async () => {
    const client = await serve();
    const directory = await client.opendir("/");
    await expect(client.fsync(directory)).rejects.toMatchObject({ code: status.failure, message: "Invalid handle" });
  });
});

describe("lsetstat@openssh.com", () => {
  it("changes a link and not what it points to", async () => {
    const client = await serve();
    await client.symlink("/link", "/one");
    const before = await client.stat("/one");
    await client.lsetstat("/link", { atimeMs: 1000, mtimeMs: 2000 });
    expect(await client.lstat("/link")).toMatchObject({ type: "symlink", mtimeMs: 2000 });
    expect(await client.stat("/one")).toEqual(before);
  });

  it("is a setstat to every guard, and says that links are not followed", async () => {
    const seen: boolean[] = [];
    const client = await serve({
      prepare: (server) => server.before("setstat", ({ request }) => void seen.push(request.follow)),
    });
    await client.lsetstat("/one", { mode: 0o600 });
    await client.setstat("/one", { mode: 0o600 });
    expect(seen).toEqual([false, true]);
  });
});

describe("limits@openssh.com", () => {
  it("tells what the server takes", async () => {
    const client = await serve({ limits: { handles: 17 } });
    expect(await client.limits()).toEqual({
      packetBytes: maxPacketBytes,
      readBytes: maxDataBytes,
      writeBytes: maxDataBytes,
      handles: 17,
    });
  });

  it("takes a write of the size that it tells", async () => {
    const client = await serve();
    const { writeBytes } = await client.limits();
    const handle = await client.open("/large", { write: true, create: true });
    await client.write(handle, 0, Buffer.alloc(writeBytes, 7));
    await expect(client.write(handle, 0, Buffer.alloc(writeBytes + 1))).rejects.toMatchObject({ code: status.failure });
    await client.close(handle);
    expect((await client.stat("/large")).size).toBe(writeBytes);
  });
});

describe("expand-path@openssh.com and home-directory", () => {
  const atHome: TestServerOptions = {
    fs: createMemoryFileSystem({ files: { "/home/tester/dir/file": "" } }),
    methods: [{ name: "any", mechanism: "password", verify: () => ({ is: "proven", user: { home: "/home/tester" } }) }],
  };
  async function client(): Promise<SftpClient> {
    running = await startTestServer(atHome);
    return (await running.connect({ password: "x" })).sftp();
  }

  it("know ~ and the user's own name", async () => {
    const sftp = await client();
    expect(await sftp.expandPath("~")).toBe("/home/tester");
    expect(await sftp.expandPath("~/dir/../dir")).toBe("/home/tester/dir");
    expect(await sftp.expandPath("~tester/dir")).toBe("/home/tester/dir");
    expect(await sftp.expandPath("~//dir")).toBe("/home/tester/dir");
    expect(await sftp.expandPath("dir")).toBe("/home/tester/dir");
    expect(await sftp.expandPath("/home")).toBe("/home");
    expect(await sftp.homeDirectory()).toBe("/home/tester");
    expect(await sftp.homeDirectory("tester")).toBe("/home/tester");
  });

  it("tell nothing of other users", async () => {
    const sftp = await client();
    await expect(sftp.expandPath("~root/x")).rejects.toMatchObject({ code: status.noSuchFile });
    await expect(sftp.homeDirectory("root")).rejects.toMatchObject({ code: status.noSuchFile });
  });
});

describe("users-groups-by-id@openssh.com", () => {
  it("names those that are known and leaves the others empty", async () => {
    const client = await serve({
      fs: createMemoryFileSystem({ users: { root: 0, ann: 7 }, groups: { staff: 20 } }),
    });
    expect(await client.usersGroupsById([7, 4_294_967_295, 0], [20, 21])).toEqual({
      users: ["ann", "", "root"],
      groups: ["staff", ""],
    });
    expect(await client.usersGroupsById([], [])).toEqual({ users: [], groups: [] });
  });

  it("refuses a list that ends in the middle of a number", async () => {
    const client = await serve();
    const payload = new Writer()
      .bytes(Buffer.from([0, 0, 1]))
      .bytes(Buffer.alloc(0))
      .finish();
    await expect(client.extended("users-groups-by-id@openssh.com", payload)).rejects.toMatchObject({
      code: status.badMessage,
    });
  });
});

describe("copy-data", () => {
  async function open(client: SftpClient): Promise<{ from: Uint8Array; to: Uint8Array }> {
    return {
      from: await client.open("/one", { read: true }),
      to: await client.open("/copy", { read: true, write: true, create: true }),
    };
  }

  it("copies a part, or with length 0 all that is left", async () => {
    const client = await serve();
    const { from, to } = await open(client);
    await client.copyData(from, 1, 3, to, 0);
    await client.copyData(from, 0, 0, to, 3);
    await client.close(to);
    expect(await text(client, "/copy")).toBe("irsfirst\n");
  });

  it("copies what is there when the source ends early", async () => {
    const client = await serve();
    const { from, to } = await open(client);
    await client.copyData(from, 3, 1_000_000, to, 0);
    await client.copyData(from, 100, 1, to, 10);
    await client.close(to);
    expect(await text(client, "/copy")).toBe("st\n");
  });

  it("refuses to copy a handle onto itself", async () => {
    const client = await serve();
    const both = await client.open("/one", { read: true, write: true });
    await expect(client.copyData(both, 0, 1, both, 3)).rejects.toMatchObject({ code: status.failure });
    expect(await text(client, "/one")).toBe("first\n");
  });

  it("copies between two file systems that are mounted in one tree", async () => {
    const client = await serve({
      prepare: (server) => server.mount("/other", createMemoryFileSystem()),
    });
    const large = Buffer.alloc(700_001, "abcdefg");
    await client.writeFile("/large", large);
    const from = await client.open("/large");
    const to = await client.open("/other/large", { write: true, create: true });
    await client.copyData(from, 0, 0, to, 0);
    await client.close(to);
    expect((await client.readFile("/other/large")).equals(large)).toBe(true);
  });

  it("needs a source open for reading and a target open for writing, whatever the file system lets pass", async () => {
    let written = 0;
    const lenient: FileSystem = {
      open: () =>
        Promise.resolve({
          read: (buffer) => Promise.resolve(buffer.length > 0 ? 1 : 0),
          write: () => {
            written += 1;
            return Promise.resolve();
          },
          stat: () => Promise.resolve({ type: "file", size: 1, mtimeMs: 0 }),
          close: () => Promise.resolve(),
        }),
      async *list() {},
      stat: () => Promise.resolve({ type: "file", size: 1, mtimeMs: 0 }),
    };
    const client = await serve({ fs: lenient });
    const reading = await client.open("/a", { read: true });
    const alsoReading = await client.open("/b", { read: true });
    const writing = await client.open("/c", { write: true });
    const alsoWriting = await client.open("/d", { write: true });
    await expect(client.copyData(reading, 0, 1, alsoReading, 0)).rejects.toMatchObject({
      code: status.permissionDenied,
    });
    await expect(client.copyData(writing, 0, 1, alsoWriting, 0)).rejects.toMatchObject({
      code: status.permissionDenied,
    });
    expect(written).toBe(0);
  });

  it("waits for the writes to its source and comes before later reads of its target", async () => {
    const client = await serve();
    const from = await client.open("/source", { read: true, write: true, create: true });
    const to = await client.open("/target", { read: true, write: true, create: true });
    const [, , , read] = await Promise.all([
      client.write(from, 0, Buffer.from("fresh")),
      client.write(to, 0, Buffer.from("stale")),
      client.copyData(from, 0, 0, to, 0),
      client.read(to, 0, 100),
    ]);
    expect(Buffer.from(read!).toString()).toBe("fresh");
  });
});

describe("extensions in general", () => {
  it("that nobody has are answered OP_UNSUPPORTED, and the session goes on", async () => {
    const client = await serve();
    await expect(client.extended("no-such@example.com", Buffer.from("x"))).rejects.toMatchObject({
      code: status.unsupported,
    });
    await expect(client.extended("")).rejects.toMatchObject({ code: status.unsupported });
    expect(await client.stat("/one")).toMatchObject({ size: 6 });
  });

  it("with fields that are cut short are answered BAD_MESSAGE", async () => {
    const client = await serve();
    const handle = await client.open("/one");
    const short: Record<string, Buffer> = {
      "posix-rename@openssh.com": new Writer().text("/one").finish(),
      "statvfs@openssh.com": Buffer.from([0, 0, 0, 9]),
      "fstatvfs@openssh.com": Buffer.alloc(0),
      "space-available": Buffer.from([0, 0, 0, 2, 0x2f]),
      "hardlink@openssh.com": new Writer().text("/one").u32(50).finish(),
      "fsync@openssh.com": Buffer.from([0, 0, 0, 16, 1, 2]),
      "lsetstat@openssh.com": new Writer().text("/one").u32(1).finish(),
      "expand-path@openssh.com": Buffer.from([0xff, 0xff, 0xff, 0xff]),
      "home-directory": Buffer.from([0]),
      "users-groups-by-id@openssh.com": new Writer().bytes(Buffer.alloc(4)).finish(),
      "copy-data": new Writer().bytes(handle).u64(0).finish(),
    };
    for (const [name, payload] of Object.entries(short)) {
      await expect(client.extended(name, payload), `payload of ${name}`).rejects.toMatchObject({
        code: status.badMessage,
      });
    }
    expect(await client.readFile("/one")).toHaveLength(6);
  });

  it("of a plugin are announced and answered", async () => {
    const client = await serve({
      prepare: (server) => {
        server.extend({
          name: "shout@example.com",
          data: "7",
          operation: "extended",
          decode: ({ reader }) => ({ name: "shout@example.com", data: reader.bytes() }),
          answer: (ctx) => Promise.resolve(Buffer.from(`${Buffer.from(ctx.request.data).toString().toUpperCase()}!`)),
        });
        server.extend({
          name: "quiet@example.com",
          operation: "extended",
          decode: () => ({ name: "quiet@example.com", data: new Uint8Array(0) }),
          answer: () => Promise.resolve(undefined),
        });
        server.extend({
          name: "unlink@example.com",
          operation: "remove",
          decode: (fields) => ({ path: fields.path() }),
        });
      },
    });
    expect(client.extensions.get("shout@example.com")).toBe("7");
    expect(client.extensions.get("quiet@example.com")).toBe("1");
    const reply = await client.extended("shout@example.com", new Writer().text("hey").finish());
    expect(reply?.toString()).toBe("HEY!");
    expect(await client.extended("quiet@example.com")).toBeUndefined();
    expect(await client.extended("unlink@example.com", new Writer().text("/one").finish())).toBeUndefined();
    await expect(client.stat("/one")).rejects.toMatchObject({ code: status.noSuchFile });
  });

  it("of another version are neither announced nor served", async () => {
    const client = await serve({
      prepare: (server) =>
        server.extend({
          name: "six@example.com",
          versions: [6],
          operation: "extended",
          decode: () => ({ name: "six@example.com", data: new Uint8Array(0) }),
          answer: () => Promise.resolve(undefined),
        }),
    });
    expect(client.extensions.has("six@example.com")).toBe(false);
    await expect(client.extended("six@example.com")).rejects.toMatchObject({ code: status.unsupported });
  });
});
