import fs from "node:fs";
import { type FileSystem } from "@sluice/core";
import { describe, expect, it } from "vitest";
import {
  at,
  descriptorsUnder,
  exclusively,
  get,
  inPlace,
  makeGround,
  namesIn,
  put,
  variants,
  type Variant,
} from "../test/fixture.ts";
import { watchedDriver } from "../test/watched.ts";
import type { Driver } from "./driver.ts";

/** One of everything, each by itself. */
const works: readonly ((system: FileSystem) => Promise<unknown>)[] = [
  (system) => put(system, "/dir/new", "new"),
  (system) => put(system, "/dir/old", "new"),
  (system) => put(system, "/dir/exclusive", "new", exclusively),
  (system) => put(system, "/dir/inner/file", "in place", inPlace),
  (system) => get(system, "/dir/link"),
  (system) => namesIn(system, "/dir"),
  (system) => system.stat(at("/dir/inner/file"), { follow: true }),
  (system) => system.setAttributes!(at("/dir/old"), { size: 3, mode: 0o600, mtimeMs: 1 }, { follow: true }),
  (system) => system.mkdir!(at("/dir/made"), {}),
  (system) => system.rename!(at("/dir/made"), at("/dir/moved"), { overwrite: false }),
  (system) => system.rename!(at("/dir/inner/file"), at("/dir/file"), { overwrite: false }),
  (system) => system.rename!(at("/dir/file"), at("/dir/inner/file"), { overwrite: true }),
  (system) => system.link!(at("/dir/twin"), at("/dir/old")),
  (system) => system.symlink!(at("/dir/sym"), "old"),
  (system) => system.readlink!(at("/dir/sym")),
  (system) => system.realpath!(at("/dir/link")),
  (system) => system.statfs!(at("/dir")),
  (system) => system.remove!(at("/dir/sym")),
  (system) => system.rmdir!(at("/dir/moved")),
];

/** Counts the calls to the system that are made in bursts, and makes one of them fail. */
class Saboteur {
  calls = 0;
  /** Which one fails; 0 for none. */
  nth = 0;
  /** Until it is known, from a run in which nothing fails, which calls give a descriptor back. */
  recording = true;
  /** Which ones give a descriptor back: those are done before they fail, as `close(2)` is. */
  readonly closes = new Set<number>();

  readonly driver: Driver = watchedDriver((call) => {
    const number = ++this.calls;
    const failure = Object.assign(new Error("EIO: injected"), { code: "EIO" });
    if (number === this.nth && !this.closes.has(number)) throw failure;
    const before = openDescriptors();
    const result = call.now();
    if (this.recording && openDescriptors() < before) this.closes.add(number);
    if (number === this.nth) throw failure;
    return result;
  });
}

function openDescriptors(): number {
  return fs.readdirSync("/proc/self/fd").length;
}

async function runAll(saboteur: Saboteur): Promise<void> {
  const variant: Variant = { ...variants[0]!, adapt: (root) => ({ ...root, driver: saboteur.driver }) };
  const ground = await makeGround(variant);
  fs.mkdirSync(ground.host("dir", "inner"), { recursive: true });
  fs.writeFileSync(ground.host("dir", "old"), "old");
  fs.writeFileSync(ground.host("dir", "inner", "file"), "in place");
  fs.symlinkSync("inner/file", ground.host("dir", "link"));
  const held = descriptorsUnder(ground.base).length;
  saboteur.calls = 0;
  for (const work of works) await work(ground.fs).catch(() => undefined);
  const { nth } = saboteur;
  saboteur.nth = 0;
  expect(descriptorsUnder(ground.base), `call ${nth} failed`).toHaveLength(held);
  for (const name of ["new", "old", "exclusive"]) {
    const path = ground.host("dir", name);
    if (fs.existsSync(path))
      expect(["", "old", "new"], `${name}, call ${nth} failed`).toContain(fs.readFileSync(path, "utf8"));
  }
  await put(ground.fs, "/dir/after", "works");
  expect(await get(ground.fs, "/dir/after")).toBe("works");
  await ground.cleanUp();
}

describe("a disk whose n-th call fails, for every n,", () => {
  it("loses no descriptor and tears no file", { timeout: 120_000 }, async () => {
    const saboteur = new Saboteur();
    await runAll(saboteur);
    const { calls } = saboteur;
    saboteur.recording = false;
    expect(calls).toBeGreaterThan(100);
    for (let nth = 1; nth <= calls; nth++) {
      saboteur.nth = nth;
      await runAll(saboteur);
    }
  });
});
