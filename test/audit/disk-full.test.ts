import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { audit, filesOf, keyBeside, verifyLog } from "@sluice/audit";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { recordsIn, scratch } from "./fixture.ts";

const reason =
  process.platform !== "linux" || process.getuid?.() !== 0
    ? "root on Linux is needed to mount a small file system"
    : spawnSync("mount", ["--version"]).status === 0
      ? mayMount()
      : "mount is not installed";

function mayMount(): string | undefined {
  const at = join("/tmp", `sluice-mount-${process.pid}`);
  mkdirSync(at);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", at]).status === 0;
  if (mounted) spawnSync("umount", [at]);
  rmSync(at, { recursive: true });
  return mounted ? undefined : "this container may not mount";
}

/** A file system of 256 KiB, and a server that keeps its audit log there. */
async function small(
  mode: "strict" | "available",
): Promise<TestServer & { readonly file: string; fill(): () => void }> {
  const directory = scratch();
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", directory]).status).toBe(0);
  onTestFinished(() => void spawnSync("umount", ["-l", directory]));
  const file = join(directory, "audit.jsonl");
  const fs = createMemoryFileSystem({ files: { "/old": "old content" } });
  const server = await startTestServer({ fs, plugins: [audit({ file, mode })] });
  onTestFinished(() => server.close());
  const fill = (): (() => void) => {
    const ballast = join(directory, "ballast");
    const { bavail, bsize } = statfsSync(directory);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    return () => rmSync(ballast);
  };
  return { ...server, file, fill };
}

describe.skipIf(reason !== undefined)(
  `an audit log on a full disk${reason === undefined ? "" : ` (cannot run: ${reason})`}`,
  () => {
    it("in strict mode refuses changes while the disk is full, serves again when it is not, and is whole", async () => {
      const { connect, close, fill, file, log } = await small("strict");
      const client = await (await connect()).sftp();
      const empty = fill();
      let made = 0;
      let refused = 0;
      // The page that the log has begun still takes some.
      while (refused < 20) {
        try {
          await client.mkdir(`/made${made}`);
          made += 1;
        } catch (error) {
          expect(String(error)).toMatch(/cannot record this now/);
          refused += 1;
        }
        expect(made).toBeLessThan(100);
      }
      await expect(connect()).rejects.toThrow(/./);
      expect((await client.stat("/old")).size).toBe(11);
      empty();
      await log.waitFor(({ message }) => message === "The audit log is written again");
      await client.mkdir("/after");
      await close();
      const records = recordsIn(file);
      const done = records.filter(
        ({ op, type, outcome }) => type === "operation" && op === "mkdir" && outcome === "ok",
      );
      // What was made is recorded as made, or at least as about to be: the disk was full in between at most once.
      expect(done.length).toBeGreaterThanOrEqual(made);
      expect(records.find(({ event }) => event === "lost")).toMatchObject({ reason: "no space is left on the device" });
      expect((await verifyLog(filesOf(file), { keys: [keyBeside(file)!] })).damage).toBeUndefined();
    });

    it("in available mode goes on, counts what is lost, and records the number when there is room again", async () => {
      const { connect, close, fill, file, log } = await small("available");
      const client = await (await connect()).sftp();
      const empty = fill();
      for (let i = 0; i < 100; i++) await client.mkdir(`/made${i}`);
      empty();
      await log.waitFor(({ message }) => message === "The audit log is written again");
      await client.mkdir("/after");
      await close();
      const records = recordsIn(file);
      const written = records.filter(({ op }) => op === "mkdir").length;
      const lost = records
        .filter(({ event }) => event === "lost")
        .reduce((sum, record) => sum + Number(record["count"]), 0);
      expect(lost).toBeGreaterThan(0);
      expect(written + lost).toBe(101);
      expect((await verifyLog(filesOf(file), { keys: [keyBeside(file)!] })).damage).toBeUndefined();
    });
  },
);
