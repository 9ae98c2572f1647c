import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import type { FileSystem } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeGround, secret, strictVariants, type Ground } from "../test/fixture.ts";
import { operations, prepare, snapshot } from "../test/operations.ts";

/** Puts a link to the outside in place of a directory and back, as fast as it can, until it is killed. */
const swapper = `
  const fs = require("node:fs");
  process.chdir(process.argv[1]);
  process.stdout.write("ready");
  for (;;) {
    fs.renameSync("dir", "aside"); fs.renameSync("link", "dir");
    fs.renameSync("dir", "link"); fs.renameSync("aside", "dir");
  }
`;

/** Attempts of all kinds together; RACE_ATTEMPTS=1000000 for a campaign. */
const attempts = Number(process.env["RACE_ATTEMPTS"] ?? 100_000);
/** Each round of a variant makes 36 attempts. */
const rounds = Math.ceil(attempts / (36 * 2 * strictVariants.length));

describe.each(strictVariants)("while a directory is swapped with a link $title", (variant) => {
  describe.each(["within-root", "deny"] as const)("and links are %s", (symlinks) => {
    let ground: Ground;
    let child: ChildProcess;
    beforeEach(async () => {
      ground = await makeGround(variant, { symlinks });
      prepare(ground);
      child = spawn(process.execPath, ["-e", swapper, ground.root], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout!, "data");
    });
    afterEach(async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
      await ground.cleanUp();
    });

    it("no operation of any kind gets outside", { timeout: 60_000 + rounds * 100 }, async () => {
      const before = snapshot(ground.outside);
      const tally = { inside: 0, refused: 0, outside: 0 };
      for (let round = 0; round < rounds; round++) {
        for (const work of operations(ground.fs as Required<FileSystem>, round)) {
          try {
            const seen = await work();
            if (seen.includes(secret)) tally.outside++;
            else tally.inside++;
          } catch {
            tally.refused++;
          }
        }
      }
      // Both sides of the swap were met, or nothing was tried.
      expect(tally.inside).toBeGreaterThan(0);
      expect(tally.refused).toBeGreaterThan(0);
      expect(tally.outside).toBe(0);
      expect(snapshot(ground.outside)).toEqual(before);
    });

    it("looking before opening does get outside, so that the test above can fail", () => {
      let escaped = 0;
      // Mostly at once; a busy machine may run the two by turns for a while.
      const end = Date.now() + 15_000;
      while (escaped === 0 && Date.now() < end) {
        try {
          if (!fs.realpathSync(ground.host("dir")).startsWith(ground.root)) continue;
          if (fs.readFileSync(ground.host("dir", "secret"), "utf8") === secret) escaped++;
        } catch {
          // Caught in between.
        }
      }
      expect(escaped).toBeGreaterThan(0);
    });
  });
});
