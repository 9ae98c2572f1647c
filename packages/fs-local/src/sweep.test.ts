import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { createLogger, type SessionSource } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { at, forUpload, get, identity, makeGround, put, variants, type Ground } from "../test/fixture.ts";
import { localFiles, type LocalFilesOptions } from "./index.ts";
import { temporaryName } from "./temporary.ts";

/** What is waited for comes at once, but on a machine that is busy with other tests. */
const waiting = { timeout: 20_000 };

const log = createLogger({ level: "silent" });
/** Of a process that cannot be there: the number is taken by `init`, which began earlier. */
const dead = (): string => temporaryName().replace(/-\d+-\d+-([0-9a-f]{32})$/, "-1-99999999999-$1");

describe("the sweep at start", () => {
  let ground: Ground;
  let source: SessionSource | undefined;
  beforeEach(async () => {
    ground = await makeGround(variants[0]!);
  });
  afterEach(async () => {
    await source?.close?.();
    await ground.cleanUp();
  });

  /** Starts a source as a server does; `gone` are the files that the sweep is there for. */
  const sweep = async (gone: readonly string[], options: Partial<LocalFilesOptions> = {}): Promise<void> => {
    source = localFiles({ root: ground.root, ...options }) as SessionSource;
    await source.start?.(log);
    await vi.waitFor(() => expect(gone.filter((path) => fs.existsSync(path))).toEqual([]), waiting);
  };

  it("removes what dead processes left, in every folder, and nothing else", async () => {
    fs.mkdirSync(ground.host("a", "b", "c"), { recursive: true });
    const left = [[], ["a"], ["a", "b", "c"]].map((folder) => ground.host(...folder, dead()));
    const kept = [
      ground.host("a", temporaryName()),
      ground.host("a", dead().replace(/.$/, "")),
      ground.host("a", `${dead()}x`),
      ground.host("a", "file"),
    ];
    for (const path of [...left, ...kept]) fs.writeFileSync(path, "");
    fs.mkdirSync(ground.host(dead()));
    await sweep(left);
    await source!.close!();
    expect(kept.filter((path) => !fs.existsSync(path))).toEqual([]);
  });

  it("follows no link out of the root", async () => {
    const outside = join(ground.outside, dead());
    fs.writeFileSync(outside, "");
    fs.symlinkSync(ground.outside, ground.host("link"));
    const inside = ground.host(dead());
    fs.writeFileSync(inside, "");
    await sweep([inside]);
    await source!.close!();
    expect(fs.existsSync(outside)).toBe(true);
  });

  it("is left out where that is said", async () => {
    fs.writeFileSync(ground.host(dead()), "");
    await sweep([], { sweep: false });
    await source!.close!();
    expect(fs.readdirSync(ground.root)).toHaveLength(1);
  });

  it("leaves alone what this process and another one are uploading", async () => {
    const handle = await ground.fs.open(at("/own"), forUpload, {});
    const other: ChildProcess = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    try {
      await once(other, "spawn");
      const stat = fs.readFileSync(`/proc/${other.pid}/stat`, "latin1");
      const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
      const theirs = ground.host(temporaryName().replace(/-\d+-\d+-([0-9a-f]{32})$/, `-${other.pid}-${start}-$1`));
      const left = ground.host(dead());
      for (const path of [theirs, left]) fs.writeFileSync(path, "");
      await sweep([left]);
      await source!.close!();
      expect(fs.existsSync(theirs)).toBe(true);
      await handle.write(Buffer.from("whole"), 0);
      await handle.close("completed");
      expect(await get(ground.fs, "/own")).toBe("whole");
    } finally {
      other.kill("SIGKILL");
      await once(other, "exit");
    }
  });

  it("comes for a user's own root with the first login", async () => {
    fs.mkdirSync(ground.host("alice"));
    const left = ground.host("alice", dead());
    fs.writeFileSync(left, "");
    await sweep([], { root: `${ground.root}/{user}` });
    expect(fs.existsSync(left)).toBe(true);
    const session = await source!(identity("alice"));
    await vi.waitFor(() => expect(fs.existsSync(left)).toBe(false), waiting);
    await put(session, "/f", "still works");
    await session.close!();
  });

  it("stops when the server closes", async () => {
    for (let i = 0; i < 2000; i++) fs.mkdirSync(ground.host(`dir${i}`));
    source = localFiles({ root: ground.root }) as SessionSource;
    await source.start?.(log);
    await source.close!();
    // Nothing is held afterwards: the ground looks for descriptors that are left.
  });
});
