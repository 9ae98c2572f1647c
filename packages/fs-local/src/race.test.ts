import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { type FileSystem } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  contentOf,
  exclusively,
  forReading,
  forUpload,
  inPlace,
  makeGround,
  secret,
  strictVariants,
  type Ground,
} from "../test/fixture.ts";

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
      fs.mkdirSync(ground.host("dir", "sub"), { recursive: true });
      fs.mkdirSync(join(ground.outside, "sub"));
      for (const name of ["secret", "victim", "sub/secret", "sub/victim"]) {
        fs.writeFileSync(ground.host("dir", name), "inside");
        fs.writeFileSync(join(ground.outside, name), secret);
      }
      fs.symlinkSync(ground.outside, ground.host("link"));
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
        for (const work of operations(ground.fs, round)) {
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
      for (let tries = 0; tries < 200_000 && escaped === 0; tries++) {
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

function snapshot(folder: string): string[] {
  return (fs.readdirSync(folder, { recursive: true }) as string[]).sort().map((name) => {
    const { mode, uid, nlink, mtimeMs, ctimeMs } = fs.lstatSync(join(folder, name));
    return [name, mode, uid, nlink, mtimeMs, ctimeMs].join(" ");
  });
}

/** One of each kind, on the last name and below the directory that is swapped. */
function operations(system: FileSystem, round: number): (() => Promise<string>)[] {
  const both = ["/dir", "/dir/sub"];
  const open = async (path: string, flags: typeof forReading): Promise<string> => {
    const handle = await system.open(at(path), flags, {});
    try {
      if (flags.write) await handle.write(Buffer.from("inside"), 0);
      return flags.read ? await contentOf(handle) : "";
    } finally {
      await handle.close(round % 2 === 0 ? "completed" : "aborted");
    }
  };
  const silent = async (work: Promise<void>): Promise<string> => {
    await work;
    return "";
  };
  return both.flatMap((dir) => [
    () => open(`${dir}/secret`, forReading),
    () => open(`${dir}/victim`, { ...inPlace, read: true }),
    () => open(`${dir}/victim`, forUpload),
    () => open(`${dir}/new${round}`, exclusively),
    async () => {
      const listed: string[] = [];
      for await (const batch of system.list(at(dir))) {
        // A file of the outside is as long as the secret.
        listed.push(...batch.map(({ stats }) => (stats.type === "file" && stats.size === secret.length ? secret : "")));
      }
      return listed.join();
    },
    async () => ((await system.stat(at(`${dir}/secret`), { follow: true })).size === secret.length ? secret : ""),
    () => silent(system.setAttributes!(at(`${dir}/victim`), { mode: 0o644, mtimeMs: round }, { follow: true })),
    () => silent(system.setAttributes!(at(`${dir}/victim`), { mtimeMs: round }, { follow: false })),
    () => silent(system.mkdir!(at(`${dir}/made${round}`), {})),
    () => silent(system.rename!(at(`${dir}/made${round}`), at(`${dir}/moved${round}`), { overwrite: false })),
    () => silent(system.rename!(at(`${dir}/new${round}`), at(`${dir}/newer${round}`), { overwrite: round % 2 === 0 })),
    () => silent(system.link!(at(`${dir}/linked${round}`), at(`${dir}/victim`))),
    () => silent(system.symlink!(at(`${dir}/sym${round}`), "victim")),
    () => system.readlink!(at(`${dir}/sym${round}`)),
    () => silent(system.remove!(at(`${dir}/linked${round}`))),
    () => silent(system.rmdir!(at(`${dir}/moved${round}`))),
    () => system.realpath!(at(`${dir}/secret`)),
    async () => String((await system.statfs!(at(dir))).blockSize),
  ]);
}
