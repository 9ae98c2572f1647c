import fs from "node:fs";
import { bytesFromText, type DirectoryEntry } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  descriptorsUnder,
  makeFifo,
  makeGround,
  namesIn,
  refusal,
  variants,
  type Ground,
} from "../test/fixture.ts";

describe.each(variants)("listing directories $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant);
  });
  afterEach(() => ground.cleanUp());

  it("gives each entry with its own stats, links not followed", async () => {
    fs.mkdirSync(ground.host("dir"));
    fs.writeFileSync(ground.host("file"), "four");
    fs.symlinkSync("file", ground.host("link"));
    makeFifo(ground.host("fifo"));
    const entries: DirectoryEntry[] = [];
    for await (const batch of ground.fs.list(at("/"))) entries.push(...batch);
    const types = Object.fromEntries(entries.map(({ name, stats }) => [name, stats.type]));
    expect(types).toEqual({ dir: "directory", file: "file", link: "symlink", fifo: "fifo" });
    expect(entries.find(({ name }) => name === "file")?.stats.size).toBe(4);
  });

  it("lists an empty directory as nothing", async () => {
    expect(await namesIn(ground.fs, "/")).toEqual([]);
  });

  it("gives names that are not UTF-8 byte for byte, and they can be used", async () => {
    const names = [
      "caf\u00e9",
      "x\udcff\udc80y",
      "\ufeffbom",
      "new\nline",
      "tab\t",
      "\u001b[31m",
      " ",
      "-rf",
      "~",
      "CON",
      "a:b",
      "x.",
      "\\",
    ];
    for (const name of names)
      fs.writeFileSync(Buffer.concat([Buffer.from(`${ground.root}/`), bytesFromText(name)]), name);
    expect(await namesIn(ground.fs, "/")).toEqual([...names].sort());
    for (const name of names) {
      expect((await ground.fs.stat(at(`/${name}`), { follow: true })).type).toBe("file");
      await ground.fs.rename!(at(`/${name}`), at(`/2${name}`), { overwrite: false });
      await ground.fs.remove!(at(`/2${name}`));
    }
    expect(fs.readdirSync(ground.root)).toEqual([]);
  });

  it("comes in batches, and ends early without leaving anything open", async () => {
    for (let i = 0; i < 600; i++) fs.writeFileSync(ground.host(`f${i}`), "");
    const sizes: number[] = [];
    for await (const batch of ground.fs.list(at("/"))) sizes.push(batch.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(600);
    const before = descriptorsUnder(ground.base).length;
    for await (const batch of ground.fs.list(at("/"))) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
    expect(descriptorsUnder(ground.base)).toHaveLength(before);
  });

  it("can be abandoned before it has begun", async () => {
    const iterator = ground.fs.list(at("/"))[Symbol.asyncIterator]();
    await iterator.return?.();
    expect((await iterator.next()).done).toBe(true);
  });

  it("leaves out what is removed while it is read, and still gives the rest", async () => {
    for (let i = 0; i < 400; i++) fs.writeFileSync(ground.host(`f${i}`), "");
    const seen = new Set<string>();
    for await (const batch of ground.fs.list(at("/"))) {
      for (const { name } of batch) seen.add(name);
      fs.rmSync(ground.host("f7"), { force: true });
    }
    expect(Array.from({ length: 400 }, (_, i) => `f${i}`).filter((name) => !seen.has(name) && name !== "f7")).toEqual(
      [],
    );
  });

  it("says why a directory cannot be listed", async () => {
    fs.writeFileSync(ground.host("f"), "");
    expect(await refusal(namesIn(ground.fs, "/missing"))).toBe("noSuchFile");
    expect(await refusal(namesIn(ground.fs, "/f"))).toBe("notADirectory");
  });

  it("goes on listing a directory that the session's end does not wait for", async () => {
    for (let i = 0; i < 300; i++) fs.writeFileSync(ground.host(`f${i}`), "");
    const iterator = ground.fs.list(at("/"))[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    await ground.fs.close?.();
    expect((await iterator.next()).done).toBe(false);
    await iterator.return?.();
  });
});

describe("listing a large directory", () => {
  /** Names of one file: making as many files takes seconds on a disk that others write to. */
  function makeNames(ground: Ground, count: number): void {
    const first = ground.host("some-name-of-usual-length-0");
    fs.writeFileSync(first, "");
    for (let i = 1; i < count; i++) fs.linkSync(first, ground.host(`some-name-of-usual-length-${i}`));
  }

  it("holds no more than a batch of it at a time", async () => {
    const ground = await makeGround(variants[0]!);
    try {
      makeNames(ground, 1500);
      let count = 0;
      let held = 0;
      for await (const batch of ground.fs.list(at("/"))) {
        count += batch.length;
        held = Math.max(held, batch.length);
      }
      expect(count).toBe(1500);
      expect(held).toBeLessThanOrEqual(256);
    } finally {
      await ground.cleanUp();
    }
  });

  it("lets others have a turn between batches", async () => {
    const ground = await makeGround(variants[0]!);
    try {
      makeNames(ground, 1500);
      let turns = 0;
      let done = false;
      const tick = (): void => {
        turns++;
        if (!done) setImmediate(tick);
      };
      setImmediate(tick);
      await namesIn(ground.fs, "/");
      done = true;
      // One behind each of five full batches.
      expect(turns).toBeGreaterThanOrEqual(5);
    } finally {
      await ground.cleanUp();
    }
  });
});
