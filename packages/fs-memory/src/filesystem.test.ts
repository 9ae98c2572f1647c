import { describe, expect, it } from "vitest";
import { sftpPath as path, type Attributes, type FileHandle, type FileSystem, type OpenFlags } from "@sluice/core";
import { createMemoryFileSystem, type MemoryOptions } from "./index.ts";

type Whole = Required<Omit<FileSystem, "close">>;

const none = { read: false, write: false, append: false, create: false, truncate: false, exclusive: false };

function make(options?: MemoryOptions): Whole {
  return createMemoryFileSystem(options) as Whole;
}

function open(
  fs: FileSystem,
  name: string,
  flags: Partial<OpenFlags>,
  attributes: Attributes = {},
): Promise<FileHandle> {
  return fs.open(path(name), { ...none, ...flags }, attributes);
}

function upload(fs: FileSystem, name: string): Promise<FileHandle> {
  return open(fs, name, { write: true, create: true, truncate: true });
}

async function put(fs: FileSystem, name: string, content: string): Promise<void> {
  const handle = await upload(fs, name);
  await handle.write(Buffer.from(content), 0);
  await handle.close("completed");
}

async function get(fs: FileSystem, name: string): Promise<string> {
  const handle = await open(fs, name, { read: true });
  const buffer = Buffer.alloc(100);
  const bytes = await handle.read(buffer, 0);
  await handle.close("completed");
  return buffer.subarray(0, bytes).toString();
}

async function names(fs: FileSystem, name = "/"): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of fs.list(path(name))) found.push(...batch.map((entry) => entry.name));
  return found.sort();
}

describe("an upload", () => {
  it("of a new file is there at once, as it grows", async () => {
    const fs = make();
    const handle = await upload(fs, "/file");
    await handle.write(Buffer.from("abc"), 0);
    expect(await fs.stat(path("/file"), { follow: true })).toMatchObject({ type: "file", size: 3 });
    await handle.close("completed");
  });

  it("that is renamed while it is under way keeps its new name", async () => {
    const fs = make();
    const handle = await upload(fs, "/file.part");
    await fs.rename(path("/file.part"), path("/file"), { overwrite: false });
    await handle.write(Buffer.from("abc"), 0);
    await handle.close("completed");
    expect(await names(fs)).toEqual(["file"]);
    expect(await get(fs, "/file")).toBe("abc");
  });

  it("moves with its directory", async () => {
    const fs = make();
    await fs.mkdir(path("/old"), {});
    await put(fs, "/old/file", "before");
    const handle = await upload(fs, "/old/file");
    await fs.rename(path("/old"), path("/new"), { overwrite: false });
    await handle.write(Buffer.from("after"), 0);
    await handle.close("completed");
    expect(await get(fs, "/new/file")).toBe("after");
    expect(await names(fs)).toEqual(["new"]);
  });

  it("over a file follows it to its new name", async () => {
    const fs = make({ files: { "/file": "old", "/other": "other" } });
    const handle = await upload(fs, "/file");
    await handle.write(Buffer.from("new"), 0);
    await fs.rename(path("/file"), path("/other"), { overwrite: true });
    expect(await get(fs, "/other")).toBe("old");
    await handle.close("completed");
    expect(await get(fs, "/other")).toBe("new");
    expect(await names(fs)).toEqual(["other"]);
  });

  it("that was renamed leaves nothing when it is aborted", async () => {
    const fs = make();
    const handle = await upload(fs, "/file.part");
    await fs.rename(path("/file.part"), path("/file"), { overwrite: false });
    await handle.close("aborted");
    expect(await names(fs)).toEqual([]);
  });

  it("does not come back when its name was removed or given to another file", async () => {
    const fs = make({ files: { "/old": "old", "/other": "other" } });
    const handles = await Promise.all(["/old", "/new", "/taken"].map((name) => upload(fs, name)));
    await fs.remove(path("/old"));
    await fs.remove(path("/new"));
    await fs.rename(path("/other"), path("/taken"), { overwrite: true });
    for (const handle of handles) await handle.close("completed");
    expect(await names(fs)).toEqual(["taken"]);
    expect(await get(fs, "/taken")).toBe("other");
  });

  it("is refused at its close when its name cannot be had any more", async () => {
    const fs = make();
    await fs.mkdir(path("/directory"), {});
    const begin = async (name: string): Promise<FileHandle> => {
      const first = await upload(fs, name);
      const second = await upload(fs, name);
      await first.close("aborted");
      return second;
    };
    const [inDirectory, atName] = [await begin("/directory/file"), await begin("/file")];
    await fs.rmdir(path("/directory"));
    await fs.mkdir(path("/file"), {});
    await expect(inDirectory.close("completed")).rejects.toMatchObject({ status: "noSuchFile" });
    await expect(atName.close("completed")).rejects.toMatchObject({ status: "isADirectory" });
    expect((await fs.stat(path("/file"), { follow: true })).type).toBe("directory");
    expect(await fs.statfs(path("/"))).toMatchObject({ freeFiles: 100_000 - 2 });
  });

  it("that is aborted stays when somebody else has begun to write to the same file", async () => {
    const fs = make();
    const first = await open(fs, "/file", { write: true, create: true });
    const second = await open(fs, "/file", { write: true, create: true });
    await second.write(Buffer.from("second"), 0);
    await second.close("completed");
    await first.close("aborted");
    expect(await get(fs, "/file")).toBe("second");
  });

  it("over a file keeps its mode and owner, and breaks its hard links", async () => {
    const fs = make({ files: { "/file": "old" } });
    await fs.setAttributes(path("/file"), { mode: 0o600, uid: 7, gid: 8 }, { follow: true });
    await fs.link(path("/second"), path("/file"));
    await put(fs, "/file", "new");
    expect(await fs.stat(path("/file"), { follow: true })).toMatchObject({ mode: 0o600, uid: 7, gid: 8, linkCount: 1 });
    expect(await get(fs, "/second")).toBe("old");
  });

  it("cannot truncate what it may not write", async () => {
    const fs = make({ files: { "/file": "old" } });
    await expect(open(fs, "/file", { read: true, truncate: true })).rejects.toMatchObject({
      status: "invalidParameter",
    });
    expect(await get(fs, "/file")).toBe("old");
  });
});

describe("a limit", () => {
  it("in bytes refuses the write that goes beyond it, and counts what is removed", async () => {
    const fs = make({ maxBytes: 10 });
    await put(fs, "/a", "1234567");
    const handle = await upload(fs, "/b");
    await expect(handle.write(Buffer.from("1234"), 0)).rejects.toMatchObject({ status: "noSpace" });
    await handle.write(Buffer.from("123"), 0);
    await handle.close("aborted");
    await fs.remove(path("/a"));
    await put(fs, "/c", "1234567890");
    expect(await get(fs, "/c")).toBe("1234567890");
  });

  it("in bytes holds for the old content and the new while both are there", async () => {
    const fs = make({ maxBytes: 10 });
    await put(fs, "/a", "123456");
    const handle = await upload(fs, "/a");
    await expect(handle.write(Buffer.from("12345"), 0)).rejects.toMatchObject({ status: "noSpace" });
    await handle.write(Buffer.from("1234"), 0);
    await handle.close("completed");
    await put(fs, "/b", "123456");
  });

  it("in bytes counts a removed file until it is closed", async () => {
    const fs = make({ maxBytes: 10 });
    await put(fs, "/a", "1234567");
    const reader = await open(fs, "/a", { read: true });
    await fs.remove(path("/a"));
    await expect(put(fs, "/b", "1234567")).rejects.toMatchObject({ status: "noSpace" });
    await reader.close("completed");
    await put(fs, "/b", "1234567");
  });

  it("in files refuses whatever is one too many", async () => {
    const fs = make({ maxFiles: 4, files: { "/a": "", "/b": "" } });
    await fs.mkdir(path("/c"), {});
    const full = { status: "noSpace" };
    await expect(put(fs, "/d", "")).rejects.toMatchObject(full);
    await expect(fs.mkdir(path("/d"), {})).rejects.toMatchObject(full);
    await expect(fs.symlink(path("/d"), "a")).rejects.toMatchObject(full);
    await expect(upload(fs, "/a")).rejects.toMatchObject(full);
    expect(await names(fs)).toEqual(["a", "b", "c"]);
    await expect(fs.link(path("/d"), path("/a"))).rejects.toMatchObject(full);
    await fs.rename(path("/a"), path("/d"), { overwrite: false });
    await fs.rmdir(path("/c"));
    await put(fs, "/d", "new");
    await fs.link(path("/a"), path("/d"));
    await expect(fs.mkdir(path("/c"), {})).rejects.toMatchObject(full);
    await fs.remove(path("/d"));
    await fs.mkdir(path("/c"), {});
    expect(await names(fs)).toEqual(["a", "b", "c"]);
  });

  it("is told by statfs, and all is free again when all is removed", async () => {
    const fs = make({ maxBytes: 81_920, maxFiles: 10 });
    const empty = await fs.statfs(path("/"));
    expect(empty).toMatchObject({ blocks: 20, freeBlocks: 20, availableBlocks: 20, files: 10, freeFiles: 9 });
    await put(fs, "/file", "x".repeat(5_000));
    await fs.link(path("/second"), path("/file"));
    await fs.symlink(path("/link"), "file");
    await fs.mkdir(path("/directory"), {});
    await put(fs, "/directory/inner", "x".repeat(4_000));
    await put(fs, "/directory/inner", "x".repeat(4_096));
    await (await upload(fs, "/aborted")).close("aborted");
    expect(await fs.statfs(path("/"))).toMatchObject({ freeBlocks: 17, freeFiles: 4 });
    await fs.rename(path("/directory/inner"), path("/file"), { overwrite: true });
    for (const name of ["/file", "/second", "/link"]) await fs.remove(path(name));
    await fs.rmdir(path("/directory"));
    expect(await fs.statfs(path("/"))).toEqual(empty);
  });

  it("keeps one file's attributes small", async () => {
    const fs = make({ files: { "/file": "" } });
    const set = (extended: Map<string, Uint8Array>): Promise<void> =>
      fs.setAttributes(path("/file"), { extended }, { follow: true });
    await set(new Map([["user.small", Buffer.alloc(3_000)]]));
    await expect(set(new Map([["user.more", Buffer.alloc(3_000)]]))).rejects.toMatchObject({ status: "noSpace" });
    const { extended } = await fs.stat(path("/file"), { follow: true });
    expect([...(extended?.keys() ?? [])]).toEqual(["user.small"]);
  });
});

describe("attributes", () => {
  it("of every kind are kept, and lent bytes are copied", async () => {
    const fs = make({ files: { "/file": "content" } });
    const value = Buffer.from("value");
    const attributes = {
      mode: 0o4755,
      uid: 1,
      gid: 2,
      atimeMs: 1_000.5,
      mtimeMs: 2_000.25,
      birthtimeMs: 500,
      acl: { entries: [{ type: 0, flags: 0, mask: 1, who: "OWNER@" }] },
    };
    await fs.setAttributes(
      path("/file"),
      { ...attributes, extended: new Map([["user.key", value]]) },
      { follow: true },
    );
    value.fill(0);
    const stats = await fs.stat(path("/file"), { follow: true });
    expect(stats).toMatchObject(attributes);
    expect(Buffer.from(stats.extended?.get("user.key") ?? []).toString()).toBe("value");
  });

  it("keep the permission bits of a mode, not the type", async () => {
    const fs = make();
    await (await open(fs, "/file", { write: true, create: true }, { mode: 0o100640 })).close("completed");
    expect((await fs.stat(path("/file"), { follow: true })).mode).toBe(0o640);
  });

  it("are all set or none", async () => {
    const fs = make({ files: { "/file": "content" } });
    const change = { size: 2 ** 53, mode: 0o600 };
    await expect(fs.setAttributes(path("/file"), change, { follow: true })).rejects.toMatchObject({
      status: "invalidParameter",
    });
    expect(await fs.stat(path("/file"), { follow: true })).toMatchObject({ size: 7, mode: 0o644 });
  });

  it("name owners as the options do", async () => {
    const fs = make({ files: { "/file": "" }, users: { root: 0, alice: 1000 }, groups: { staff: 50 } });
    expect(await fs.ownerNames([1000, 7, 0], [50, 0])).toEqual({
      users: ["alice", undefined, "root"],
      groups: ["staff", undefined],
    });
    await fs.setAttributes(path("/file"), { owner: "alice", group: "staff" }, { follow: true });
    const stats = await fs.stat(path("/file"), { follow: true });
    expect([stats.uid, stats.gid, stats.owner]).toEqual([1000, 50, undefined]);
    const set = (attributes: Attributes): Promise<void> =>
      fs.setAttributes(path("/file"), attributes, { follow: true });
    await expect(set({ owner: "mallory" })).rejects.toMatchObject({ status: "ownerInvalid" });
    await expect(set({ group: "toString" })).rejects.toMatchObject({ status: "groupInvalid" });
  });

  it("of a directory change when its entries do", async () => {
    const fs = make();
    await fs.setAttributes(path("/"), { mtimeMs: 0 }, { follow: true });
    await put(fs, "/file", "");
    expect((await fs.stat(path("/"), { follow: true })).mtimeMs).toBeGreaterThan(0);
  });
});

describe("a path", () => {
  it("leads through 40 links and no more", async () => {
    const fs = make({ files: { "/link-0": "end" } });
    for (let number = 1; number <= 41; number++) await fs.symlink(path(`/link-${number}`), `link-${number - 1}`);
    expect(await get(fs, "/link-40")).toBe("end");
    await expect(get(fs, "/link-41")).rejects.toMatchObject({ status: "linkLoop" });
  });

  it("resolves .. in a target after the links before it", async () => {
    const fs = make({ files: { "/a/b/here": "", "/file": "by name", "/a/file": "by place" } });
    await fs.symlink(path("/link"), "a/b");
    await fs.symlink(path("/up"), "link/../file");
    expect(await get(fs, "/up")).toBe("by place");
  });

  it("through a link with a slash at its end must be a directory", async () => {
    const fs = make({ files: { "/file": "", "/directory/file": "x" } });
    await fs.symlink(path("/to-file"), "file/");
    await fs.symlink(path("/to-directory"), "directory/.//");
    await expect(get(fs, "/to-file")).rejects.toMatchObject({ status: "notADirectory" });
    expect(await names(fs, "/to-directory")).toEqual(["file"]);
  });

  it("does not get names past the limits by way of a link target", async () => {
    const fs = make();
    for (const target of ["x".repeat(256), "a/".repeat(2_100)]) {
      await expect(fs.symlink(path("/link"), target)).rejects.toMatchObject({ status: "invalidFilename" });
    }
    for (const target of ["", "a\0b"]) {
      await expect(fs.symlink(path("/link"), target)).rejects.toMatchObject({ status: "invalidParameter" });
    }
    await fs.symlink(path("/link"), "made");
    await put(fs, "/link", "content");
    expect(await names(fs)).toEqual(["link", "made"]);
  });

  it("of the root is refused where a name is needed", async () => {
    const fs = make();
    await expect(fs.rmdir(path("/"))).rejects.toMatchObject({ status: "cannotDelete" });
    await expect(fs.readlink(path("/"))).rejects.toMatchObject({ status: "invalidParameter" });
  });
});

describe("a second name", () => {
  it("can be given to a symbolic link itself", async () => {
    const fs = make();
    await fs.symlink(path("/link"), "none");
    await fs.link(path("/second"), path("/link"));
    expect(await fs.readlink(path("/second"))).toBe("none");
  });

  it("and the first one change places with nothing lost", async () => {
    const fs = make({ files: { "/file": "content" } });
    await fs.link(path("/second"), path("/file"));
    await fs.rename(path("/second"), path("/file"), { overwrite: true });
    expect(await names(fs)).toEqual(["file", "second"]);
  });
});

describe("a copy on the storage's side", () => {
  it("stops at the limits of the target", async () => {
    const fs = make({ maxBytes: 1_000_000 });
    const from = await open(fs, "/sparse", { read: true, write: true, create: true });
    await from.setAttributes?.({ size: 2 ** 50 });
    const to = await upload(fs, "/copy");
    await expect(from.copyTo?.(to, 0, 0, 0)).rejects.toMatchObject({ status: "noSpace" });
    await to.close("aborted");
    expect(await names(fs)).toEqual(["sparse"]);
  });

  it("within one file refuses parts that overlap", async () => {
    const fs = make({ files: { "/file": "0123456789" } });
    const [one, two] = [await open(fs, "/file", { read: true, write: true }), await open(fs, "/file", { write: true })];
    for (const [from, length, to] of [
      [0, 5, 4],
      [4, 5, 0],
      [0, 0, 9],
    ] as const) {
      await expect(one.copyTo?.(two, from, length, to)).rejects.toMatchObject({ status: "invalidParameter" });
    }
    await one.copyTo?.(two, 0, 0, 10);
    expect(await get(fs, "/file")).toBe("01234567890123456789");
  });

  it("writes to a handle of any other file system", async () => {
    const [fs, other] = [make({ files: { "/file": "content" } }), make()];
    const [from, to] = [await open(fs, "/file", { read: true }), await upload(other, "/file")];
    await from.copyTo?.(to, 3, 0, 0);
    await to.close("completed");
    expect(await get(other, "/file")).toBe("tent");
  });
});
