import assert from "node:assert/strict";
import { sftpPath } from "@sluice/core";
import { blocked, missing, refused } from "./refusal.ts";
import { check, type Case } from "./case.ts";
import type { Stage } from "./stage.ts";

async function fill(stage: Stage, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, number) => `file-${String(number).padStart(4, "0")}`);
  // Some at a time, because a storage may take its time for each.
  const waiting = names.values();
  const putAll = async (): Promise<void> => {
    for (const name of waiting) await stage.put(`/${name}`, "");
  };
  await Promise.all(Array.from({ length: 16 }, putAll));
  return names;
}

/** What `list` gives, and how it ends. */
export const listing: readonly Case[] = [
  check("list: an empty directory has no entries", async (stage) => {
    assert.deepEqual(await stage.entries("/"), []);
    await stage.mkdir("/empty");
    assert.deepEqual(await stage.entries("/empty"), []);
  }),

  check("list: it gives bare names, each with what stat says", async (stage) => {
    await stage.put("/file", "four");
    await stage.put("/other", "");
    const entries = await stage.entries();
    assert.deepEqual(entries.map(({ name }) => name).sort(), ["file", "other"]);
    for (const { name, stats } of entries) {
      const { type, size, mtimeMs } = await stage.lstat(`/${name}`);
      assert.deepEqual({ type: stats.type, size: stats.size, mtimeMs: stats.mtimeMs }, { type, size, mtimeMs }, name);
    }
  }),

  check("list: directories are among the entries, what is in them is not", async (stage) => {
    await stage.mkdir("/directory");
    await stage.mkdir("/directory/inner");
    await stage.put("/directory/inner/file", "");
    const entries = await stage.entries();
    assert.deepEqual(
      entries.map(({ name, stats }) => [name, stats.type]),
      [["directory", "directory"]],
    );
    assert.deepEqual(await stage.names("/directory/inner"), ["file"]);
  }),

  check("list: a link is told as a link, dangling or not", async (stage) => {
    await stage.put("/file", "");
    await stage.symlink("/link", "file");
    await stage.symlink("/dangling", "none");
    const types = new Map((await stage.entries()).map(({ name, stats }) => [name, stats.type]));
    assert.deepEqual([types.get("file"), types.get("link"), types.get("dangling")], ["file", "symlink", "symlink"]);
  }),

  check("list: a link to a directory lists that directory", async (stage) => {
    await stage.mkdir("/directory");
    await stage.put("/directory/file", "");
    await stage.symlink("/link", "directory");
    assert.deepEqual(await stage.names("/link"), ["file"]);
  }),

  check("list: 1,100 entries come in batches, each exactly once", async (stage) => {
    const names = await fill(stage, 1_100);
    assert.deepEqual(await stage.names(), names);
  }),

  check("list: iteration can stop early", async (stage) => {
    await fill(stage, 300);
    for await (const batch of stage.fs.list(sftpPath("/"))) {
      assert.ok(batch.length > 0, "an empty batch before the end");
      break;
    }
    const unstarted = stage.fs.list(sftpPath("/"))[Symbol.asyncIterator]();
    await unstarted.return?.();
    assert.equal((await stage.names()).length, 300, "a later listing is whole");
  }),

  check("list: two listings at once do not share their place", async (stage) => {
    const names = await fill(stage, 300);
    const [one, two] = [stage.fs.list(sftpPath("/")), stage.fs.list(sftpPath("/"))].map((batches) =>
      batches[Symbol.asyncIterator](),
    );
    const found: [string[], string[]] = [[], []];
    for (let running = true; running;) {
      const steps = [await one?.next(), await two?.next()];
      for (const [index, step] of steps.entries()) {
        if (step?.done === false) found[index]?.push(...step.value.map(({ name }) => name));
      }
      running = steps.some((step) => step?.done === false);
    }
    assert.deepEqual(found[0].sort(), names);
    assert.deepEqual(found[1].sort(), names);
  }),

  check("list: entries that vanish meanwhile do not break it", async (stage) => {
    const remove = stage.method("remove");
    const names = await fill(stage, 300);
    const found: string[] = [];
    for await (const batch of stage.fs.list(sftpPath("/"))) {
      found.push(...batch.map(({ name }) => name));
      for (const name of names.splice(0, 100)) await remove(sftpPath(`/${name}`));
    }
    assert.equal(new Set(found).size, found.length, "no entry comes twice");
  }),

  check("list: while entries come and go, none comes twice, and those that stay are seen", async (stage) => {
    const remove = stage.method("remove");
    const names = await fill(stage, 400);
    const leaving = names.filter((_, number) => number % 2 === 0);
    const staying = names.filter((_, number) => number % 2 === 1);
    const found: string[] = [];
    let added = 0;
    for await (const batch of stage.fs.list(sftpPath("/"))) {
      found.push(...batch.map(({ name }) => name));
      for (const name of leaving.splice(0, 70)) await remove(sftpPath(`/${name}`));
      // As many as go: a storage that pages by position would skip or repeat. Bounded, because new ones may be listed.
      for (let more = 0; more < 70 && added < 400; more++) await stage.put(`/added-${added++}`, "");
    }
    assert.equal(new Set(found).size, found.length, "no entry comes twice");
    assert.deepEqual(
      staying.filter((name) => !found.includes(name)),
      [],
      "entries that stayed and were not seen",
    );
    const later = [...staying, ...leaving, ...Array.from({ length: added }, (_, number) => `added-${number}`)];
    assert.deepEqual(await stage.names(), later.sort(), "a later listing is exact");
  }),

  check("list: a missing directory is refused", async (stage) => {
    await refused("list", () => stage.entries("/none"), ...missing);
    await refused("list", () => stage.entries("/none/below"), ...missing);
  }),

  check("list: a file is refused", async (stage) => {
    await stage.put("/file", "");
    await refused("list", () => stage.entries("/file"), ...blocked);
    await refused("list", () => stage.entries("/file/below"), ...blocked);
  }),
];
