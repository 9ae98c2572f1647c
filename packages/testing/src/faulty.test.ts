import assert from "node:assert/strict";
import { describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { rootPath, SftpError, sftpPath, type FileSystem, type OpenFlags } from "@sluice/core";
import { faultyFileSystem, fileSystemSuite, latch, runSuite, type FaultyFileSystem } from "./index.ts";

const file = sftpPath("/file");
const flags = { read: true, write: true, append: false, create: true, truncate: false, exclusive: false } as const;
const noSpace = new SftpError("noSpace");

function openFile(fs: FileSystem, change: Partial<OpenFlags> = {}): ReturnType<FileSystem["open"]> {
  return fs.open(file, { ...flags, ...change }, {});
}

async function exists(fs: FileSystem): Promise<boolean> {
  return fs.stat(file, { follow: false }).then(
    () => true,
    () => false,
  );
}

/** A promise's state, once everything that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => void (settled = true);
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

// With nothing planned, nothing may go wrong: neither in the file system nor in what is counted.
runSuite(
  "a faulty file system without faults",
  fileSystemSuite({
    absent: ["lock", "unlock"],
    async create() {
      const faulty: FaultyFileSystem = faultyFileSystem(createMemoryFileSystem());
      return {
        fs: faulty.fs,
        async close() {
          assert.deepEqual([faulty.openHandles, faulty.openListings, faulty.violations], [0, 0, []]);
        },
      };
    },
  }),
  { describe, it },
);

describe("a fault", () => {
  it("fails the call that it is planned for, and no other", async () => {
    const { fs } = faultyFileSystem(createMemoryFileSystem(), [{ at: "handle.write", nth: 2, rejects: noSpace }]);
    const handle = await openFile(fs);
    await handle.write(Buffer.from("one"), 0);
    await expect(handle.write(Buffer.from("two"), 3)).rejects.toBe(noSpace);
    await handle.write(Buffer.from("three"), 3);
    const buffer = Buffer.alloc(20);
    expect(buffer.subarray(0, await handle.read(buffer, 0)).toString()).toBe("onethree");
  });

  it("without a number fails every call", async () => {
    const { fs } = faultyFileSystem(createMemoryFileSystem(), [{ at: ["stat", "remove"], rejects: noSpace }]);
    await expect(fs.stat(rootPath, { follow: true })).rejects.toBe(noSpace);
    await expect(fs.stat(rootPath, { follow: true })).rejects.toBe(noSpace);
    await expect(fs.remove?.(file)).rejects.toBe(noSpace);
    await fs.mkdir?.(file, {});
  });

  it("without a place counts all calls together", async () => {
    const { fs } = faultyFileSystem(createMemoryFileSystem(), [{ nth: 3, rejects: noSpace }]);
    const handle = await openFile(fs);
    await handle.write(Buffer.from("one"), 0);
    await expect(handle.stat()).rejects.toBe(noSpace);
    await handle.stat();
  });

  it("can throw before there is a promise", async () => {
    const { fs } = faultyFileSystem(createMemoryFileSystem(), [
      { at: ["open", "list", "handle.read"], nth: 1, throws: noSpace },
      { at: "handle.read", nth: 1, throws: noSpace },
    ]);
    expect(() => openFile(fs)).toThrow(noSpace);
    expect(() => fs.list(rootPath)).not.toThrow();
    const handle = await openFile(fs);
    expect(() => handle.read(Buffer.alloc(1), 0)).toThrow(noSpace);
  });

  it("keeps a call from happening until its latch is released", async () => {
    const gate = latch();
    const inner = createMemoryFileSystem();
    const { fs } = faultyFileSystem(inner, [{ at: "open", until: gate }]);
    const opening = openFile(fs);
    await gate.reached;
    expect([await isSettled(opening), await exists(inner), gate.waiting]).toEqual([false, false, 1]);
    gate.release();
    await opening;
    expect([await exists(inner), gate.waiting]).toEqual([true, 0]);
    await openFile(fs); // The latch stays open.
  });

  it("keeps an answer back until its latch is released, after the call was done", async () => {
    const gate = latch();
    const inner = createMemoryFileSystem();
    const { fs } = faultyFileSystem(inner, [{ at: "open", answersAfter: gate }]);
    const opening = openFile(fs);
    await gate.reached;
    expect([await isSettled(opening), await exists(inner)]).toEqual([false, true]);
    gate.release();
    await opening;
  });

  it("can wait first and fail then", async () => {
    const gate = latch();
    const { fs } = faultyFileSystem(createMemoryFileSystem(), [{ at: "open", until: gate, rejects: noSpace }]);
    const opening = openFile(fs);
    expect(await isSettled(opening)).toBe(false);
    gate.release();
    await expect(opening).rejects.toBe(noSpace);
  });

  it("makes a read tell a wrong count", async () => {
    const { fs } = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "12345" } }), [
      { at: "handle.read", nth: 1, miscounts: (bytes) => bytes - 2 },
      { at: "handle.read", nth: 2, miscounts: () => 1_000_000 },
    ]);
    const handle = await openFile(fs);
    expect(await handle.read(Buffer.alloc(10), 0)).toBe(3);
    expect(await handle.read(Buffer.alloc(10), 0)).toBe(1_000_000);
    expect(await handle.read(Buffer.alloc(10), 0)).toBe(5);
  });

  it("breaks a listing at its beginning or on the way", async () => {
    const names = Array.from({ length: 300 }, (_, number) => [`/${number}`, ""] as const);
    const inner = createMemoryFileSystem({ files: Object.fromEntries(names) });
    const atOnce = faultyFileSystem(inner, [{ at: "list", rejects: noSpace }]);
    await expect(atOnce.fs.list(rootPath)[Symbol.asyncIterator]().next()).rejects.toBe(noSpace);
    const later = faultyFileSystem(inner, [{ at: "list.next", nth: 2, rejects: noSpace }]);
    const batches = later.fs.list(rootPath)[Symbol.asyncIterator]();
    expect((await batches.next()).done).toBe(false);
    await expect(batches.next()).rejects.toBe(noSpace);
    expect([atOnce.openListings, later.openListings]).toEqual([0, 0]);
  });

  it("can be planned while the file system is in use, and counts from then on", async () => {
    const faulty = faultyFileSystem(createMemoryFileSystem());
    const { fs } = faulty;
    await fs.stat(rootPath, { follow: true });
    faulty.plan({ at: "stat", nth: 2, rejects: noSpace });
    await fs.stat(rootPath, { follow: true });
    await expect(fs.stat(rootPath, { follow: true })).rejects.toBe(noSpace);
  });

  it("at the close discards the upload and gives the original handle back", async () => {
    for (const fault of [{ rejects: noSpace }, { throws: noSpace }]) {
      const inner = createMemoryFileSystem();
      const faulty = faultyFileSystem(inner, [{ at: "handle.close", ...fault }]);
      const handle = await openFile(faulty.fs);
      expect(await exists(inner)).toBe(true);
      await expect((async () => handle.close("completed"))()).rejects.toBe(noSpace);
      expect([await exists(inner), faulty.openHandles]).toEqual([false, 0]);
    }
  });
});

describe("a faulty file system", () => {
  it("lacks the methods that the original lacks", () => {
    const inner = createMemoryFileSystem();
    const { fs } = faultyFileSystem({
      open: (...given) => inner.open(...given),
      list: (path) => inner.list(path),
      stat: (...given) => inner.stat(...given),
    });
    expect(Object.keys(fs).sort()).toEqual(["list", "open", "stat"]);
  });

  it("counts calls, the refused ones too", async () => {
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "open", nth: 1, rejects: noSpace }]);
    await expect(openFile(faulty.fs)).rejects.toBe(noSpace);
    const handle = await openFile(faulty.fs);
    await handle.stat();
    const sites = ["open", "handle.stat", "stat", undefined] as const;
    expect(sites.map((at) => faulty.calls(at))).toEqual([2, 1, 0, 3]);
  });

  it("knows which handles are open", async () => {
    const faulty = faultyFileSystem(createMemoryFileSystem());
    const [one, two] = [await openFile(faulty.fs), await openFile(faulty.fs)];
    await expect(openFile(faulty.fs, { exclusive: true })).rejects.toThrow("File already exists");
    expect(faulty.openHandles).toBe(2);
    await one.close("completed");
    await two.close("aborted");
    expect(faulty.openHandles).toBe(0);
  });

  it("counts a handle whose opening is not answered yet", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "open", answersAfter: gate }]);
    const opening = openFile(faulty.fs);
    await gate.reached;
    expect(faulty.openHandles).toBe(1);
    gate.release();
    await (await opening).close("aborted");
    expect(faulty.openHandles).toBe(0);
  });

  it("knows which listings are under way", async () => {
    const names = Array.from({ length: 300 }, (_, number) => [`/${number}`, ""] as const);
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: Object.fromEntries(names) }));
    const [finished, abandoned] = [0, 1].map(() => faulty.fs.list(rootPath)[Symbol.asyncIterator]());
    expect(faulty.openListings).toBe(0);
    await Promise.all([finished!.next(), abandoned!.next()]);
    expect(faulty.openListings).toBe(2);
    await abandoned!.return?.();
    while ((await finished!.next()).done !== true);
    expect(faulty.openListings).toBe(0);
  });

  it("notes how callers break the contract of a handle", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "handle.sync", until: gate }]);
    const handle = await openFile(faulty.fs);
    const syncing = handle.sync?.();
    await handle.close("completed");
    gate.release();
    await syncing;
    await handle.stat();
    await handle.close("completed");
    expect(faulty.violations).toEqual([
      "handle.close was called while 1 calls were pending",
      "handle.stat was called after the close",
      "handle.close was called twice",
    ]);
    expect(faulty.openHandles).toBe(0);
  });

  it("hands a backend its own handles to copy between", async () => {
    const { fs } = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "12345" } }));
    const handle = await openFile(fs);
    await expect(handle.copyTo?.(handle, 0, 5, 1)).rejects.toMatchObject({ status: "invalidParameter" });
  });
});
