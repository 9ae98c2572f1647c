import assert from "node:assert/strict";
import { sftpPath as path, type Attributes, type FileHandle, type Stats } from "@sluice/core";
import { blocked, missing, refused } from "./refusal.ts";
import { check, Skipped, type Case } from "./case.ts";
import { upload, type Stage } from "./stage.ts";

const followed = { follow: true };
const unfollowed = { follow: false };

/** A time with a fraction of a second, and one past 2^32 seconds' half way, where 32-bit clocks end. */
const someTime = 1_600_000_000_250;
const lateTime = 4_102_444_800_000;

/** Storages round: nanoseconds, or doubles of seconds. */
function sameTime(actual: number | undefined, expected: number, what: string): void {
  if (actual === undefined) throw new Skipped(`its stats have no ${what}`);
  assert.ok(Math.abs(actual - expected) < 1, `${what}: expected ${expected}, got ${actual}`);
}

function field<K extends keyof Stats>(stats: Stats, name: K): NonNullable<Stats[K]> {
  const value = stats[name];
  if (value === undefined || value === null) throw new Skipped(`its stats have no ${name}`);
  return value;
}

/** The two ways to set attributes must do the same: by path, and by handle. */
function bothWays(
  what: string,
  run: (stage: Stage, set: (attributes: Attributes) => Promise<void>) => Promise<void>,
): readonly Case[] {
  return [
    check(`setAttributes: ${what}`, async (stage) => {
      const setAttributes = stage.method("setAttributes");
      await stage.put("/file", "content");
      await run(stage, (attributes) => setAttributes(path("/file"), attributes, followed));
    }),
    check(`setAttributes of a handle: ${what}`, async (stage) => {
      await stage.put("/file", "content");
      const handle: FileHandle = await stage.open("/file", ["read", "write"]);
      await run(stage, stage.handleMethod(handle, "setAttributes"));
    }),
  ];
}

/** What `stat` says, and what `setAttributes` changes. */
export const attributes: readonly Case[] = [
  check("stat: the root is a directory", async (stage) => {
    assert.equal((await stage.stat("/")).type, "directory");
    assert.equal((await stage.lstat("/")).type, "directory");
  }),

  check("stat: a file has its type, its size and finite times", async (stage) => {
    await stage.put("/file", "12345");
    for (const stats of [await stage.stat("/file"), await stage.lstat("/file")]) {
      assert.equal(stats.type, "file");
      assert.equal(stats.size, 5);
      assert.ok(Number.isFinite(stats.mtimeMs), `mtimeMs is ${stats.mtimeMs}`);
      assert.ok((stats.mode ?? 0) <= 0o7777, "mode has permission bits only, no file type");
    }
  }),

  check("stat: a handle says what the path says", async (stage) => {
    await stage.put("/file", "12345");
    const handle = await stage.open("/file", ["read"]);
    const { type, size, mode, mtimeMs } = await handle.stat();
    const byPath = await stage.stat("/file");
    assert.deepEqual(
      { type, size, mode, mtimeMs },
      { type: byPath.type, size: byPath.size, mode: byPath.mode, mtimeMs: byPath.mtimeMs },
    );
  }),

  check("stat: with follow it is of the target, without of the link", async (stage) => {
    await stage.put("/file", "12345");
    await stage.symlink("/link", "file");
    assert.deepEqual([(await stage.stat("/link")).type, (await stage.stat("/link")).size], ["file", 5]);
    assert.equal((await stage.lstat("/link")).type, "symlink");
  }),

  check("stat: a dangling link is there, its target is not", async (stage) => {
    await stage.symlink("/link", "none");
    assert.equal((await stage.lstat("/link")).type, "symlink");
    await refused("stat", () => stage.stat("/link"), ...missing);
  }),

  check("stat: what is missing is refused", async (stage) => {
    await refused("stat", () => stage.stat("/none"), ...missing);
    await refused("stat", () => stage.lstat("/none/below"), ...missing);
    await stage.put("/file", "");
    await refused("stat below a file", () => stage.stat("/file/below"), ...blocked);
  }),

  ...bothWays("nothing to set changes nothing", async (stage, set) => {
    const before = await stage.stat("/file");
    await set({});
    const { size, mtimeMs, mode } = await stage.stat("/file");
    assert.deepEqual({ size, mtimeMs, mode }, { size: before.size, mtimeMs: before.mtimeMs, mode: before.mode });
  }),

  ...bothWays("times are kept, fractions and all", async (stage, set) => {
    await set({ atimeMs: someTime, mtimeMs: someTime + 1_500 });
    const stats = await stage.stat("/file");
    sameTime(stats.mtimeMs, someTime + 1_500, "mtimeMs");
    sameTime(stats.atimeMs, someTime, "atimeMs");
  }),

  ...bothWays("times after 2038 are kept", async (stage, set) => {
    await set({ atimeMs: lateTime, mtimeMs: lateTime });
    sameTime((await stage.stat("/file")).mtimeMs, lateTime, "mtimeMs");
  }),

  ...bothWays("one time alone leaves the other", async (stage, set) => {
    await set({ atimeMs: someTime, mtimeMs: someTime });
    await set({ mtimeMs: lateTime });
    sameTime((await stage.stat("/file")).mtimeMs, lateTime, "mtimeMs");
    sameTime((await stage.stat("/file")).atimeMs, someTime, "atimeMs");
    await set({ atimeMs: someTime + 5_000 });
    sameTime((await stage.stat("/file")).mtimeMs, lateTime, "mtimeMs");
    sameTime((await stage.stat("/file")).atimeMs, someTime + 5_000, "atimeMs");
  }),

  ...bothWays("a mode is kept and leaves the rest", async (stage, set) => {
    await set({ mtimeMs: someTime });
    field(await stage.stat("/file"), "mode");
    for (const mode of [0o600, 0o644, 0o750]) {
      await set({ mode });
      assert.equal(field(await stage.stat("/file"), "mode"), mode);
    }
    sameTime((await stage.stat("/file")).mtimeMs, someTime, "mtimeMs");
    await stage.holds("/file", "content");
  }),

  ...bothWays("the owner that it has can be set", async (stage, set) => {
    const before = await stage.stat("/file");
    const [uid, gid] = [field(before, "uid"), field(before, "gid")];
    await set({ uid, gid });
    const after = await stage.stat("/file");
    assert.deepEqual([after.uid, after.gid], [uid, gid]);
  }),

  ...bothWays("a smaller size cuts the end off", async (stage, set) => {
    await set({ size: 4 });
    await stage.holds("/file", "cont");
    await set({ size: 0 });
    await stage.holds("/file", "");
  }),

  ...bothWays("a larger size adds zeros, also where there was content before", async (stage, set) => {
    await set({ size: 10 });
    await stage.holds("/file", "content\0\0\0");
    await set({ size: 3 });
    await set({ size: 100_000 });
    await stage.holds("/file", Buffer.concat([Buffer.from("con"), Buffer.alloc(99_997)]));
  }),

  ...bothWays("a size over 2^32 is exact", async (stage, set) => {
    await set({ size: 2 ** 32 + 5 });
    assert.equal((await stage.stat("/file")).size, 2 ** 32 + 5);
    await set({ size: 7 });
    await stage.holds("/file", "content");
  }),

  ...bothWays("a size and a time together are both set", async (stage, set) => {
    await set({ size: 4, mtimeMs: someTime });
    sameTime((await stage.stat("/file")).mtimeMs, someTime, "mtimeMs");
    await stage.holds("/file", "cont");
  }),

  check("setAttributes of a handle: an upload keeps the times that were set before its close", async (stage) => {
    await stage.put("/existing", "old");
    for (const name of ["/new", "/existing"]) {
      const handle = await stage.open(name, upload);
      const set = stage.handleMethod(handle, "setAttributes");
      await handle.write(Buffer.from("content"), 0);
      await set({ atimeMs: someTime, mtimeMs: someTime });
      await stage.close(handle);
      sameTime((await stage.stat(name)).mtimeMs, someTime, "mtimeMs");
    }
  }),

  check("setAttributes of a handle: an upload can be cut", async (stage) => {
    const handle = await stage.open("/file", upload);
    const set = stage.handleMethod(handle, "setAttributes");
    await handle.write(Buffer.from("content"), 0);
    await set({ size: 3 });
    assert.equal((await handle.stat()).size, 3);
    await stage.close(handle);
    await stage.holds("/file", "con");
  }),

  check("setAttributes: a directory's times are kept", async (stage) => {
    const set = stage.method("setAttributes");
    await stage.mkdir("/directory");
    await set(path("/directory"), { atimeMs: someTime, mtimeMs: someTime }, followed);
    sameTime((await stage.stat("/directory")).mtimeMs, someTime, "mtimeMs");
  }),

  check("setAttributes: a directory has no size to set", async (stage) => {
    const set = stage.method("setAttributes");
    await stage.mkdir("/directory");
    await refused("setAttributes", () => set(path("/directory"), { size: 0 }, followed));
  }),

  check("setAttributes: with follow it changes the target, without the link or nothing", async (stage) => {
    const set = stage.method("setAttributes");
    await stage.put("/file", "content");
    await stage.symlink("/link", "file");
    await set(path("/link"), { atimeMs: someTime, mtimeMs: someTime }, followed);
    sameTime((await stage.stat("/file")).mtimeMs, someTime, "mtimeMs");
    await set(path("/link"), { atimeMs: lateTime, mtimeMs: lateTime }, unfollowed).catch(() =>
      refused("setAttributes", () => set(path("/link"), { mtimeMs: lateTime }, unfollowed)),
    );
    sameTime((await stage.stat("/file")).mtimeMs, someTime, "mtimeMs");
  }),

  check("setAttributes: what is missing is refused", async (stage) => {
    const set = stage.method("setAttributes");
    await refused("by path", () => set(path("/none"), { mtimeMs: someTime }, followed), ...missing);
    await stage.symlink("/link", "none");
    await refused("through a dangling link", () => set(path("/link"), { mtimeMs: someTime }, followed), ...missing);
  }),
];
