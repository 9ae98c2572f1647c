import assert from "node:assert/strict";
import { sftpPath as path, type LockMask } from "@sluice/core";
import { check, type Case } from "./case.ts";
import { missing, refused } from "./refusal.ts";
import { pattern, upload } from "./stage.ts";

const exclusiveLock: LockMask = { read: true, write: true, delete: false, advisory: false };

/** What the handles and the file system offer beyond files: sizes, names of owners, sync, copies, locks. */
export const extras: readonly Case[] = [
  check("statfs: the sizes make sense", async (stage) => {
    const stats = await stage.method("statfs")(path("/"));
    for (const [name, value] of Object.entries(stats)) {
      if (typeof value === "number") assert.ok(Number.isSafeInteger(value) && value >= 0, `${name} is ${value}`);
    }
    assert.ok(stats.blockSize > 0, "blockSize");
    assert.ok(stats.fragmentSize > 0, "fragmentSize");
    assert.ok(stats.freeBlocks <= stats.blocks, "more blocks are free than there are");
    assert.ok(stats.availableBlocks <= stats.freeBlocks, "more blocks are available than are free");
    assert.ok(stats.freeFiles <= stats.files, "more files are free than there are");
    assert.ok(stats.availableFiles <= stats.freeFiles, "more files are available than are free");
    assert.ok(stats.maxNameLength > 0, "maxNameLength");
    assert.equal(typeof stats.readOnly, "boolean");
  }),

  check("statfs: it can be asked of any file, and of nothing that is missing", async (stage) => {
    const statfs = stage.method("statfs");
    await stage.put("/file", "content");
    assert.ok((await statfs(path("/file"))).blockSize > 0);
    await refused("statfs", () => statfs(path("/none")), ...missing);
  }),

  check("ownerNames: there is one answer for each number, in order", async (stage) => {
    const ownerNames = stage.method("ownerNames");
    const { users, groups } = await ownerNames([0, 4_294_967_294, 0], [4_294_967_294, 0]);
    assert.equal(users.length, 3);
    assert.equal(groups.length, 2);
    assert.equal(users[0], users[2]);
    for (const name of [...users, ...groups])
      assert.ok(name === undefined || (typeof name === "string" && name !== ""));
    assert.deepEqual(await ownerNames([], []), { users: [], groups: [] });
  }),

  check("sync: what was written stays", async (stage) => {
    const handle = await stage.open("/file", upload);
    const sync = stage.handleMethod(handle, "sync");
    await handle.write(Buffer.from("one"), 0);
    await sync();
    await handle.write(Buffer.from("two"), 3);
    await sync();
    await stage.close(handle);
    await stage.holds("/file", "onetwo");
  }),

  check("copyTo: a part goes where it is wanted", async (stage) => {
    await stage.put("/from", "0123456789");
    const from = await stage.open("/from", ["read"]);
    const to = await stage.open("/to", upload);
    const copyTo = stage.handleMethod(from, "copyTo");
    await to.write(Buffer.from("........"), 0);
    await copyTo(to, 2, 3, 4);
    await stage.close(to);
    await stage.holds("/to", "....234.");
    await stage.holds("/from", "0123456789");
  }),

  check("copyTo: a length of 0, or one that is too long, means to the end", async (stage) => {
    const content = pattern(700_001);
    await stage.put("/from", content);
    const from = await stage.open("/from", ["read"]);
    const copyTo = stage.handleMethod(from, "copyTo");
    for (const [name, position, length] of [
      ["/whole", 0, 0],
      ["/tail", 300_000, 0],
      ["/long", 300_000, 5_000_000],
    ] as const) {
      const to = await stage.open(name, upload);
      await copyTo(to, position, length, 0);
      await stage.close(to);
      await stage.holds(name, content.subarray(position));
    }
  }),

  check("copyTo: it tells how much was copied", async (stage) => {
    await stage.put("/from", "0123456789");
    const from = await stage.open("/from", ["read"]);
    const to = await stage.open("/to", upload);
    const copyTo = stage.handleMethod(from, "copyTo");
    assert.equal(await copyTo(to, 2, 3, 0), 3);
    assert.equal(await copyTo(to, 6, 100, 3), 4);
    assert.equal(await copyTo(to, 50, 0, 7), 0);
    await stage.close(to);
    await stage.holds("/to", "2346789");
  }),

  check("copyTo: it stops when it is aborted", async (stage) => {
    await stage.put("/from", pattern(100_000));
    const from = await stage.open("/from", ["read"]);
    const to = await stage.open("/to", upload);
    const copyTo = stage.handleMethod(from, "copyTo");
    await refused("copyTo", () => copyTo(to, 0, 0, 0, AbortSignal.abort()), "connectionLost");
    await stage.close(to, "aborted");
  }),

  check("copyTo: within one file, parts that do not overlap are copied", async (stage) => {
    await stage.put("/file", "0123456789");
    const handle = await stage.open("/file", ["read", "write"]);
    const copyTo = stage.handleMethod(handle, "copyTo");
    await copyTo(handle, 0, 3, 7);
    await stage.holds("/file", "0123456012");
  }),

  check("copyTo: parts of one file that overlap are refused", async (stage) => {
    await stage.put("/file", "0123456789");
    const [handle, other] = [
      await stage.open("/file", ["read", "write"]),
      await stage.open("/file", ["read", "write"]),
    ];
    const copyTo = stage.handleMethod(handle, "copyTo");
    for (const target of [handle, other]) {
      await refused("copyTo", () => copyTo(target, 0, 5, 4), "invalidParameter");
      await refused("copyTo", () => copyTo(target, 4, 5, 0), "invalidParameter");
      await refused("copyTo", () => copyTo(target, 0, 0, 0), "invalidParameter");
    }
    await stage.holds("/file", "0123456789");
  }),

  check("copyTo: the copy of a whole file is a file of its own", async (stage) => {
    await stage.put("/from", pattern(50_000), { mode: 0o600 });
    const from = await stage.open("/from", ["read"]);
    const copyTo = stage.handleMethod(from, "copyTo");
    const to = await stage.open("/to", upload, { mode: 0o644 });
    await copyTo(to, 0, 0, 0);
    await stage.close(to);
    const changed = await stage.open("/to", ["write"]);
    await changed.write(Buffer.from("changed"), 0);
    await stage.close(changed);
    await stage.holds("/from", pattern(50_000));
    await stage.holds("/to", Buffer.concat([Buffer.from("changed"), pattern(50_000).subarray(7)]));
    await stage.put("/plain", "", { mode: 0o644 });
    assert.equal((await stage.lstat("/to")).mode, (await stage.lstat("/plain")).mode, "it has the original's mode");
  }),

  check("copyTo: an aborted copy over a file keeps the old content", async (stage) => {
    await stage.put("/from", "new content");
    await stage.put("/to", "old content");
    const from = await stage.open("/from", ["read"]);
    const copyTo = stage.handleMethod(from, "copyTo");
    const to = await stage.open("/to", upload);
    await copyTo(to, 0, 0, 0);
    await stage.close(to, "aborted");
    await stage.holds("/to", "old content");
  }),

  check("copyTo: a handle that is not open for writing takes nothing", async (stage) => {
    await stage.put("/from", "new content");
    await stage.put("/to", "old content");
    const from = await stage.open("/from", ["read"]);
    const copyTo = stage.handleMethod(from, "copyTo");
    const to = await stage.open("/to", ["read"]);
    await refused("copyTo", () => copyTo(to, 0, 0, 0));
    await stage.holds("/to", "old content");
  }),

  check("copyTo: with append it goes to the end", async (stage) => {
    await stage.put("/from", "0123456789");
    await stage.put("/to", "log:");
    const from = await stage.open("/from", ["read"]);
    const copyTo = stage.handleMethod(from, "copyTo");
    const to = await stage.open("/to", ["write", "append"]);
    await copyTo(to, 2, 3, 0);
    await stage.close(to);
    await stage.holds("/to", "log:234");
  }),

  check("lock: a range that is locked is refused to others until it is unlocked", async (stage) => {
    await stage.put("/file", "0123456789");
    const [first, second] = [
      await stage.open("/file", ["read", "write"]),
      await stage.open("/file", ["read", "write"]),
    ];
    const [lock, lockAgain] = [stage.handleMethod(first, "lock"), stage.handleMethod(second, "lock")];
    await lock(0, 5, exclusiveLock);
    await refused("an overlapping lock", () => lockAgain(4, 2, exclusiveLock), ...lockConflicts);
    await lockAgain(5, 5, exclusiveLock);
    await stage.handleMethod(first, "unlock")(0, 5);
    await lockAgain(0, 5, exclusiveLock);
  }),

  check("lock: closing the file unlocks it", async (stage) => {
    await stage.put("/file", "0123456789");
    const [first, second] = [
      await stage.open("/file", ["read", "write"]),
      await stage.open("/file", ["read", "write"]),
    ];
    const [lock, lockAgain] = [stage.handleMethod(first, "lock"), stage.handleMethod(second, "lock")];
    await lock(0, 10, exclusiveLock);
    await refused("a lock", () => lockAgain(0, 10, exclusiveLock), ...lockConflicts);
    await stage.close(first);
    await lockAgain(0, 10, exclusiveLock);
  }),

  check("unlock: a range that is not locked is refused", async (stage) => {
    await stage.put("/file", "0123456789");
    const handle = await stage.open("/file", ["read", "write"]);
    const unlock = stage.handleMethod(handle, "unlock");
    await refused("unlock", () => unlock(0, 5), "noMatchingRangeLock");
  }),
];

const lockConflicts = ["rangeLockConflict", "rangeLockRefused", "lockConflict"] as const;
