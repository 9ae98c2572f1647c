import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { packet, startTestServer, type SftpClient, type TestServer } from "@sluice/testing";
import type { FileSystem, Stats } from "../filesystem.ts";
import { SSH_FXP } from "../protocol/packets.ts";
import { textFromBytes } from "../protocol/text.ts";

const status = { noSuchFile: 2, permissionDenied: 3, failure: 4, badMessage: 5, unsupported: 8 };

let running: TestServer;
let client: SftpClient;

async function serve(fs: FileSystem): Promise<void> {
  running = await startTestServer({ fs });
  client = await (await running.connect()).sftp();
}

beforeEach(() => serve(createMemoryFileSystem({ files: { "/dir/one": "first\n", "/dir/two": "second\n" } })));
afterEach(() => running.close());

const text = async (path: string): Promise<string> => (await client.readFile(path)).toString();

describe("OPEN", () => {
  it("makes a file that is not there when it is asked to create", async () => {
    const handle = await client.open("/new", { write: true, create: true }, { mode: 0o640 });
    await client.write(handle, 0, Buffer.from("hello"));
    await client.close(handle);
    expect(await text("/new")).toBe("hello");
    expect(await client.stat("/new")).toMatchObject({ type: "file", size: 5, mode: 0o640 });
  });

  it("refuses a missing file with NO_SUCH_FILE", async () => {
    await expect(client.open("/missing")).rejects.toMatchObject({ code: status.noSuchFile, message: "No such file" });
  });

  it("refuses an existing file when creation is to be exclusive, and says why", async () => {
    await expect(client.open("/dir/one", { write: true, create: true, exclusive: true })).rejects.toMatchObject({
      code: status.failure,
      message: "File already exists",
    });
    expect(await text("/dir/one")).toBe("first\n");
  });

  it("empties the file when it is asked to truncate, and keeps it otherwise", async () => {
    const kept = await client.open("/dir/one", { write: true });
    await client.write(kept, 0, Buffer.from("F"));
    await client.close(kept);
    expect(await text("/dir/one")).toBe("First\n");
    await client.close(await client.open("/dir/one", { write: true, truncate: true }));
    expect(await text("/dir/one")).toBe("");
  });

  it("appends whatever offset the client gives", async () => {
    const handle = await client.open("/dir/one", { append: true, write: true });
    await client.write(handle, 0, Buffer.from("more\n"));
    await client.write(handle, 3, Buffer.from("and more\n"));
    await client.close(handle);
    expect(await text("/dir/one")).toBe("first\nmore\nand more\n");
  });

  it("opens for reading when the client names no access at all", async () => {
    const handle = await client.open("/dir/one", {});
    expect(Buffer.from((await client.read(handle, 0, 100))!).toString()).toBe("first\n");
    await expect(client.write(handle, 0, Buffer.from("x"))).rejects.toMatchObject({ code: status.permissionDenied });
  });

  it("refuses a directory and says that it is one", async () => {
    await expect(client.open("/dir")).rejects.toMatchObject({ code: status.failure, message: "Is a directory" });
  });
});

describe("READ and WRITE", () => {
  it("refuse a write on a file that is open for reading only, and a read on one that is open for writing only", async () => {
    const reading = await client.open("/dir/one", { read: true });
    await expect(client.write(reading, 0, Buffer.from("x"))).rejects.toMatchObject({
      code: status.permissionDenied,
      message: "The file is not open for writing",
    });
    const writing = await client.open("/dir/one", { write: true });
    await expect(client.read(writing, 0, 10)).rejects.toMatchObject({
      code: status.permissionDenied,
      message: "The file is not open for reading",
    });
  });

  it("reach the bytes at an offset beyond 4 GiB", async () => {
    const handle = await client.open("/sparse", { read: true, write: true, create: true });
    const position = 2 ** 40 + 3;
    await client.write(handle, position, Buffer.from("far"));
    expect(Buffer.from((await client.read(handle, position, 10))!).toString()).toBe("far");
    expect((await client.fstat(handle)).size).toBe(position + 3);
  });

  it("refuse an offset over 2^53 - 1 instead of rounding it", async () => {
    const handle = await client.open("/dir/one", { read: true, write: true });
    const fields = (tail: Buffer): Buffer => Buffer.concat([Buffer.from("0020000000000000", "hex"), tail]);
    const read = packet(SSH_FXP.READ, (writer) =>
      writer
        .u32(0x8000_0001)
        .bytes(handle)
        .raw(fields(Buffer.from("00000010", "hex"))),
    );
    const write = packet(SSH_FXP.WRITE, (writer) =>
      writer
        .u32(0x8000_0002)
        .bytes(handle)
        .raw(fields(Buffer.from("0000000178", "hex"))),
    );
    for (const request of [read, write]) {
      const [reply] = await client.raw(request);
      expect(reply![0]).toBe(SSH_FXP.STATUS);
      expect(reply!.readUInt32BE(1)).toBe(request.readUInt32BE(5));
      expect(reply!.readUInt32BE(5)).toBe(status.failure);
      expect(reply!.toString("latin1")).toContain("Number too large");
    }
    expect(await text("/dir/one")).toBe("first\n");
  });

  it("count the bytes of each open file for the plugins", async () => {
    const seen: [number, number][] = [];
    await running.close();
    running = await startTestServer({
      fs: createMemoryFileSystem({ files: { "/file": "0123456789" } }),
      prepare: (server) =>
        server.after("close", ({ request: { file } }) => {
          if (file.kind === "file") seen.push([file.bytesRead, file.bytesWritten]);
        }),
    });
    client = await (await running.connect()).sftp();
    const handle = await client.open("/file", { read: true, write: true });
    await client.read(handle, 4, 100);
    await client.write(handle, 0, Buffer.from("abc"));
    await client.close(handle);
    expect(seen).toEqual([[6, 3]]);
  });
});

describe("STAT, LSTAT and FSTAT", () => {
  it("tell type, size, mode, owner and times of a file and a directory", async () => {
    await client.setstat("/dir/one", {
      mode: 0o600,
      uid: 7,
      gid: 8,
      atimeMs: 1_000_000_000_000,
      mtimeMs: 1_234_567_890_000,
    });
    expect(await client.stat("/dir/one")).toEqual({
      type: "file",
      size: 6,
      mode: 0o600,
      uid: 7,
      gid: 8,
      atimeMs: 1_000_000_000_000,
      mtimeMs: 1_234_567_890_000,
    });
    expect(await client.stat("/dir")).toMatchObject({ type: "directory", mode: 0o755 });
  });

  it("follow a symbolic link, except for LSTAT", async () => {
    await client.symlink("/link", "/dir/two");
    expect(await client.stat("/link")).toMatchObject({ type: "file", size: 7 });
    expect(await client.lstat("/link")).toMatchObject({ type: "symlink", size: "/dir/two".length });
  });

  it("tell of an open file what its handle knows, though its name is gone", async () => {
    const handle = await client.open("/dir/one", { read: true });
    await client.remove("/dir/one");
    expect(await client.fstat(handle)).toMatchObject({ type: "file", size: 6 });
    await expect(client.stat("/dir/one")).rejects.toMatchObject({ code: status.noSuchFile });
  });

  it("answer NO_SUCH_FILE for a path through a file, with a message that says more", async () => {
    await expect(client.stat("/dir/one/below")).rejects.toMatchObject({ code: status.noSuchFile });
  });
});

describe("SETSTAT and FSETSTAT", () => {
  it("change what they name and leave the rest alone", async () => {
    const before = await client.stat("/dir/one");
    await client.setstat("/dir/one", { mode: 0o400 });
    expect(await client.stat("/dir/one")).toEqual({ ...before, mode: 0o400 });
  });

  it("cut and extend a file", async () => {
    await client.setstat("/dir/one", { size: 2 });
    expect(await text("/dir/one")).toBe("fi");
    const handle = await client.open("/dir/one", { write: true });
    await client.fsetstat(handle, { size: 4 });
    await client.close(handle);
    expect(await text("/dir/one")).toBe("fi\0\0");
  });

  it("set times through a handle", async () => {
    const handle = await client.open("/dir/one", { write: true });
    await client.fsetstat(handle, { atimeMs: 5000, mtimeMs: 7000 });
    expect(await client.fstat(handle)).toMatchObject({ atimeMs: 5000, mtimeMs: 7000 });
  });
});

describe("directories", () => {
  it("are listed whole, with attributes, and without . and ..", async () => {
    await client.mkdir("/dir/sub", { mode: 0o700 });
    await client.symlink("/dir/link", "one");
    const names = new Map((await client.list("/dir")).map(({ name, stats }) => [name, stats]));
    expect([...names.keys()].sort()).toEqual(["link", "one", "sub", "two"]);
    expect(names.get("one")).toMatchObject({ type: "file", size: 6 });
    expect(names.get("sub")).toMatchObject({ type: "directory", mode: 0o700 });
    expect(names.get("link")).toMatchObject({ type: "symlink" });
  });

  it("that are missing are refused by OPENDIR, not only by the first READDIR", async () => {
    await expect(client.opendir("/missing")).rejects.toMatchObject({ code: status.noSuchFile });
    await expect(client.opendir("/dir/one")).rejects.toMatchObject({
      code: status.noSuchFile,
      message: "Not a directory",
    });
  });

  it("are made and removed, and refused where that cannot be", async () => {
    await client.mkdir("/dir/sub");
    await expect(client.mkdir("/dir/sub")).rejects.toMatchObject({ code: status.failure });
    await expect(client.rmdir("/dir")).rejects.toMatchObject({ message: "Directory is not empty" });
    await client.rmdir("/dir/sub");
    await expect(client.rmdir("/dir/sub")).rejects.toMatchObject({ code: status.noSuchFile });
    await expect(client.rmdir("/dir/one")).rejects.toMatchObject({ message: "Not a directory" });
  });
});

describe("REMOVE", () => {
  it("takes a file away, and refuses a directory and what is not there", async () => {
    await client.remove("/dir/one");
    expect((await client.list("/dir")).map(({ name }) => name)).toEqual(["two"]);
    await expect(client.remove("/dir/one")).rejects.toMatchObject({ code: status.noSuchFile });
    await expect(client.remove("/dir")).rejects.toMatchObject({ code: status.failure, message: "Is a directory" });
  });
});

describe("RENAME", () => {
  it("moves a file, and never replaces one", async () => {
    await client.rename("/dir/one", "/moved");
    expect(await text("/moved")).toBe("first\n");
    await expect(client.rename("/moved", "/dir/two")).rejects.toMatchObject({
      code: status.failure,
      message: "File already exists",
    });
    expect(await text("/dir/two")).toBe("second\n");
  });
});

describe("REALPATH", () => {
  it("makes a path absolute from the user's home", async () => {
    await running.close();
    running = await startTestServer({
      fs: createMemoryFileSystem({ files: { "/home/tester/file": "", "/home/other/x": "", "/etc/x": "" } }),
      methods: [
        { name: "any", mechanism: "password", verify: () => ({ is: "proven", user: { home: "/home/tester" } }) },
      ],
    });
    client = await (await running.connect({ password: "x" })).sftp();
    expect(await client.realpath(".")).toBe("/home/tester");
    expect(await client.realpath("")).toBe("/home/tester");
    expect(await client.realpath("file")).toBe("/home/tester/file");
    expect(await client.realpath("../other/./x")).toBe("/home/other/x");
    expect(await client.realpath("../../../../etc")).toBe("/etc");
    expect(await client.realpath("/home//none/../other/")).toBe("/home/other");
    expect(await client.stat("file")).toMatchObject({ type: "file" });
  });

  it("follows links where the file system has them, and takes a name that is missing yet", async () => {
    await client.symlink("/link", "/dir");
    expect(await client.realpath("/link/one")).toBe("/dir/one");
    expect(await client.realpath("/dir/not-yet")).toBe("/dir/not-yet");
  });
});

describe("SYMLINK and READLINK", () => {
  it("keep the target as it was given", async () => {
    await client.symlink("/dir/link", "../dir/./two");
    expect(await client.readlink("/dir/link")).toBe("../dir/./two");
    expect(await text("/dir/link")).toBe("second\n");
  });

  it("refuse an empty target, and the target of what is no link", async () => {
    await expect(client.symlink("/link", "")).rejects.toMatchObject({ code: status.failure });
    await expect(client.readlink("/dir/one")).rejects.toMatchObject({ code: status.failure });
  });
});

describe("names", () => {
  it("come back byte for byte, UTF-8 or not", async () => {
    const names = [
      Buffer.from("grüße 雪"),
      Buffer.from([0x61, 0xff, 0xfe, 0x62]),
      Buffer.from([0xc3]),
      Buffer.from("a\nb\x1b[31m"),
      Buffer.from([0xed, 0xa0, 0x80]),
    ];
    for (const name of names) await client.writeFile(Buffer.concat([Buffer.from("/"), name]), "x");
    const listed = (await client.list("/")).map(({ name }) => name).filter((name) => name !== "dir");
    expect(listed.sort()).toEqual(names.map((name) => textFromBytes(name)).sort());
    for (const name of names) {
      const path = Buffer.concat([Buffer.from("/"), name]);
      expect(await client.realpath(path)).toBe(textFromBytes(path));
      expect(await client.stat(path)).toMatchObject({ size: 1 });
    }
  });

  it("with a NUL byte are refused as a malformed request", async () => {
    await expect(client.stat("/a\0b")).rejects.toMatchObject({ code: status.badMessage });
  });

  it("that are too long or too deep are refused, and the session goes on", async () => {
    await expect(client.stat(`/${"x".repeat(256)}`)).rejects.toMatchObject({ message: "File name too long" });
    await expect(client.stat("/x".repeat(5000))).rejects.toMatchObject({ message: "Path too long" });
    await expect(client.mkdir("/x".repeat(200))).rejects.toMatchObject({ message: "Path has too many components" });
    expect(await client.stat("/dir")).toMatchObject({ type: "directory" });
  });
});

describe("a file system with the three required methods", () => {
  const stats: Stats = { type: "file", size: 4, mtimeMs: 0 };
  const least: FileSystem = {
    open: () =>
      Promise.resolve({
        read: (buffer, position) => {
          const data = Buffer.from("data").subarray(position, position + buffer.length);
          buffer.set(data);
          return Promise.resolve(data.length);
        },
        write: () => Promise.resolve(),
        stat: () => Promise.resolve(stats),
        close: () => Promise.resolve(),
      }),
    async *list() {
      yield [{ name: "file", stats }];
    },
    stat: () => Promise.resolve(stats),
  };

  it("serves what it has, and OP_UNSUPPORTED for the rest", async () => {
    await running.close();
    await serve(least);
    expect(await text("/file")).toBe("data");
    expect((await client.list("/")).map(({ name }) => name)).toEqual(["file"]);
    expect(await client.realpath("/x/../file")).toBe("/file");
    const handle = await client.open("/file", { read: true, write: true });
    const absent: Record<string, () => Promise<unknown>> = {
      setstat: () => client.setstat("/file", { mode: 0o600 }),
      fsetstat: () => client.fsetstat(handle, { mode: 0o600 }),
      lsetstat: () => client.lsetstat("/file", { mode: 0o600 }),
      remove: () => client.remove("/file"),
      rename: () => client.rename("/file", "/other"),
      posixRename: () => client.posixRename("/file", "/other"),
      mkdir: () => client.mkdir("/new"),
      rmdir: () => client.rmdir("/new"),
      readlink: () => client.readlink("/file"),
      symlink: () => client.symlink("/link", "file"),
      hardlink: () => client.hardlink("/file", "/other"),
      statvfs: () => client.statvfs("/file"),
      fsync: () => client.fsync(handle),
    };
    for (const [name, call] of Object.entries(absent)) {
      await expect(call(), `call of ${name}`).rejects.toMatchObject({ code: status.unsupported });
    }
  });

  it("need not look at how a file was opened: READ and WRITE are refused before it is asked", async () => {
    let calls = 0;
    const count = (): Promise<never> => {
      calls += 1;
      return Promise.reject(new Error("asked"));
    };
    await running.close();
    await serve({ ...least, open: async (...args) => ({ ...(await least.open(...args)), read: count, write: count }) });
    const reading = await client.open("/file", { read: true });
    const writing = await client.open("/file", { write: true });
    await expect(client.write(reading, 0, Buffer.from("x"))).rejects.toMatchObject({ code: status.permissionDenied });
    await expect(client.read(writing, 0, 1)).rejects.toMatchObject({ code: status.permissionDenied });
    expect(calls).toBe(0);
  });

  it("needs no copy of its own for copy-data", async () => {
    await running.close();
    const written: string[] = [];
    await serve({
      ...least,
      open: async (...args) => ({
        ...(await least.open(...args)),
        write: (data, position) => {
          written.push(`${position} ${Buffer.from(data).toString()}`);
          return Promise.resolve();
        },
      }),
    });
    const from = await client.open("/file", { read: true });
    const to = await client.open("/other", { write: true });
    await client.copyData(from, 1, 0, to, 10);
    await client.copyData(from, 0, 2, to, 0);
    expect(written).toEqual(["10 ata", "0 da"]);
  });
});
