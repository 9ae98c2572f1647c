import fs from "node:fs";
import { join } from "node:path";
import type { FileSystem } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { at, makeGround, refusal, secret, variants, type Ground } from "../test/fixture.ts";
import { kinds, needs, operations, prepare, snapshot } from "../test/operations.ts";
import { watchedDriver } from "../test/watched.ts";
import { temporaryName } from "./temporary.ts";

/*
 * Races by design instead of by chance: somebody else acts exactly between two calls to the system, for every two.
 */

let ground: Ground;
let calls = 0;
let before: (call: number) => void = () => undefined;

const driver = watchedDriver((call) => {
  before(++calls);
  return call.now();
});

async function makeWatched(options: Parameters<typeof makeGround>[1] = {}): Promise<void> {
  ground = await makeGround({ ...variants[0]!, adapt: (root) => ({ ...root, driver }) }, options);
}

/** Runs `work` with somebody acting before one of its calls and again before a later one. Returns how many calls it made. */
async function interleaved(work: () => Promise<unknown>, acts: Readonly<Record<number, () => void>>): Promise<number> {
  calls = 0;
  before = (call) => acts[call]?.();
  try {
    await work();
  } finally {
    before = () => undefined;
  }
  return calls;
}

const leaves = ["secret", "victim", "sub/secret", "sub/victim"];

/** Puts a link to the outside in place of the directory, and back. */
function exchangeDirectory(): void {
  fs.renameSync(ground.host("dir"), ground.host("aside"));
  fs.renameSync(ground.host("link"), ground.host("dir"));
  fs.renameSync(ground.host("aside"), ground.host("link"));
}

/** Puts links to the outside in place of the files, and back. */
function exchangeFiles(): void {
  for (const name of leaves) {
    const path = ground.host("dir", name);
    const isLink = fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    fs.rmSync(path, { force: true });
    if (isLink) fs.writeFileSync(path, "inside");
    else fs.symlinkSync(join(ground.outside, name), path);
  }
}

function tidy(): void {
  if (fs.lstatSync(ground.host("dir")).isSymbolicLink()) exchangeDirectory();
  if (fs.lstatSync(ground.host("dir", "secret")).isSymbolicLink()) exchangeFiles();
  for (const folder of ["dir", "dir/sub"]) {
    for (const name of fs.readdirSync(ground.host(folder))) {
      if (/\d/.test(name)) fs.rmSync(ground.host(folder, name), { recursive: true });
    }
  }
}

describe.each(["within-root", "deny"] as const)("where links are %s", (symlinks) => {
  beforeEach(async () => {
    await makeWatched({ symlinks });
    prepare(ground);
  });
  afterEach(() => ground.cleanUp());

  it.each([
    ["a directory that becomes a link to the outside", exchangeDirectory],
    ["a file that becomes a link to the outside", exchangeFiles],
  ])("%s between any two calls leads no operation there", { timeout: 60_000 }, async (_, exchange) => {
    const outside = snapshot(ground.outside);
    let tries = 0;
    const attempt = async (number: number, round: number, acts: Readonly<Record<number, () => void>>) => {
      const all = operations(ground.fs as Required<FileSystem>, round);
      const half = number < kinds ? 0 : kinds;
      for (const needed of needs[number - half] ?? []) await all[half + needed]!().catch(() => "");
      const made = await interleaved(async () => {
        const seen = await all[number]!().catch(() => "");
        expect(seen, `operation ${number}`).not.toContain(secret);
      }, acts);
      tidy();
      tries++;
      return made;
    };
    for (let number = 0; number < 2 * kinds; number++) {
      // Rounds differ in how files are closed and things are renamed.
      for (const round of [0, 1]) {
        const most = await attempt(number, round, {});
        for (let first = 1; first <= most; first++) {
          for (const second of [first + 1, most + 1]) {
            await attempt(number, round, { [first]: exchange, [second]: exchange });
          }
        }
      }
    }
    expect(operations(ground.fs as Required<FileSystem>, 0)).toHaveLength(2 * kinds);
    expect(tries).toBeGreaterThan(1_000);
    expect(snapshot(ground.outside)).toEqual(outside);
  });
});

describe("a directory with leftovers that is removed", () => {
  beforeEach(() => makeWatched());
  afterEach(() => ground.cleanUp());

  it("takes no file along that vanishes and comes back meanwhile", async () => {
    const dead = temporaryName().replace(/-\d+-([0-9a-f]{32})$/, "-1-$1");
    const make = (name: string): void => fs.writeFileSync(ground.host("dir", name), name);
    const begin = (): void => {
      fs.rmSync(ground.host("dir"), { recursive: true, force: true });
      fs.mkdirSync(ground.host("dir"));
      make("kept");
      make(dead);
    };
    begin();
    const most = 2 + (await interleaved(() => refusal(ground.fs.rmdir!(at("/dir"))), {}));
    let returned = 0;
    for (let gone = 1; gone < most; gone++) {
      for (let back = gone + 1; back <= most + 4; back++) {
        begin();
        let there = true;
        await interleaved(() => ground.fs.rmdir!(at("/dir")).catch(() => undefined), {
          [gone]: () => {
            fs.rmSync(ground.host("dir", "kept"));
            there = false;
          },
          [back]: () => {
            if (there || !fs.existsSync(ground.host("dir"))) return;
            make("kept");
            there = true;
            returned++;
          },
        });
        if (there) expect(fs.existsSync(ground.host("dir", "kept")), `gone ${gone}, back ${back}`).toBe(true);
      }
    }
    expect(returned).toBeGreaterThan(0);
  });
});
