import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import type { SftpClient } from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeGround, startVictim, type Ground, type Victim } from "./victim.ts";

const megabyte = 1_048_576;
const content = randomBytes(24 * megabyte);

/** Makes a file system in a file and mounts it. */
function mountImage(image: string, directory: string): void {
  fs.writeFileSync(image, "");
  // The least that mkfs.xfs takes; nearly all of it is a hole.
  fs.truncateSync(image, 320 * megabyte);
  execFileSync("mkfs.xfs", ["-q", "-m", "reflink=1", image], { stdio: "pipe" });
  execFileSync("mount", ["-o", "loop", image, directory], { stdio: "pipe" });
}

function unmount(directory: string): void {
  execFileSync("umount", ["-l", directory]);
}

/** Why there can be no such file system here. */
function reasonAgainst(): string | undefined {
  const ground = makeGround();
  const probe = join(ground.directory, "probe");
  fs.mkdirSync(probe);
  try {
    mountImage(join(ground.directory, "image"), probe);
    unmount(probe);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  } finally {
    fs.rmSync(ground.directory, { recursive: true, force: true });
  }
}

const reason = reasonAgainst();
const note = reason === undefined ? "" : ` (cannot run: ${reason})`;

describe.skipIf(reason !== undefined)(`copies where files can share their content${note}`, () => {
  let ground: Ground;
  let root: string;
  let server: Victim;
  let client: SftpClient;
  beforeEach(async () => {
    ground = makeGround();
    root = join(ground.directory, "root");
    fs.mkdirSync(root);
    mountImage(join(ground.directory, "image"), root);
    fs.writeFileSync(join(root, "original"), content);
    fs.chmodSync(join(root, "original"), 0o640);
    execFileSync("sync", ["-f", root]);
    server = await startVictim(ground, { root });
    client = await server.client();
  });
  afterEach(async () => {
    try {
      await server.stop();
    } finally {
      unmount(root);
      await ground.remove();
    }
  });

  /** How much less is free after than before. */
  async function takenBy(work: () => Promise<void>): Promise<number> {
    const free = (): number => {
      execFileSync("sync", ["-f", root]);
      const { bsize, bfree } = fs.statfsSync(root);
      return bsize * bfree;
    };
    const before = free();
    await work();
    return before - free();
  }

  async function copy(name: string, from: number, length: number): Promise<void> {
    const source = await client.open("/original", { read: true });
    const target = await client.open(`/${name}`, { write: true, create: true, truncate: true }, { mode: 0o664 });
    await client.copyData(source, from, length, target, 0);
    await client.close(source);
    await client.close(target);
  }

  it("a whole file takes no space again, and is a file of its own", async () => {
    expect(await takenBy(() => copy("copy", 0, 0))).toBeLessThan(megabyte);
    expect(fs.readFileSync(join(root, "copy")).equals(content)).toBe(true);
    expect(fs.statSync(join(root, "copy")).mode & 0o7777).toBe(0o644);

    const handle = await client.open("/copy", { write: true });
    await client.write(handle, 0, Buffer.from("changed"));
    await client.close(handle);
    expect(fs.readFileSync(join(root, "original")).equals(content)).toBe(true);
    expect(fs.readFileSync(join(root, "copy")).subarray(0, 7).toString()).toBe("changed");
  });

  it("a part of a file is copied", async () => {
    expect(await takenBy(() => copy("part", megabyte, 0))).toBeGreaterThan(20 * megabyte);
    expect(fs.readFileSync(join(root, "part")).equals(content.subarray(megabyte))).toBe(true);
  });

  it("a file that anybody could do more with than with the copy is copied", async () => {
    fs.chmodSync(join(root, "original"), 0o755);
    expect(await takenBy(() => copy("copy", 0, 0))).toBeGreaterThan(20 * megabyte);
    expect(fs.readFileSync(join(root, "copy")).equals(content)).toBe(true);
    expect(fs.statSync(join(root, "copy")).mode & 0o7777).toBe(0o644);
  });
});
