import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import type { LocalFilesOptions } from "@sluice/fs-local";
import type { SftpClient } from "@sluice/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeGround, startVictim, type Ground, type Victim } from "./victim.ts";

const rounds = 10;
const old = Buffer.from("old content");

let ground: Ground;
let root: string;
beforeEach(() => {
  ground = makeGround();
  root = join(ground.directory, "root");
  fs.mkdirSync(root);
});
afterEach(() => ground.remove());

/** What an upload over an existing file ended in, as its client reads it. */
async function replaceWith(client: SftpClient, data: Buffer): Promise<string> {
  try {
    await client.writeFile("/file", data);
    return "done";
  } catch (error) {
    // No message that a client reads may tell where the files are on the host.
    expect(String(error)).not.toContain(ground.directory);
    return "refused";
  }
}

function onDisk(): string[] {
  return fs.readdirSync(root).sort();
}

async function serve(options: Partial<LocalFilesOptions> = {}, wrapper: readonly string[] = []): Promise<Victim> {
  fs.writeFileSync(join(root, "file"), old);
  return startVictim(ground, { root, ...options }, wrapper);
}

function reasonAgainst(probe: () => string | undefined): string | undefined {
  try {
    return probe();
  } catch (error) {
    return error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
}

const noMount = reasonAgainst(() => {
  const probe = fs.mkdtempSync("/tmp/sluice-mount-");
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "sluice", probe], { stdio: "pipe" });
    execFileSync("umount", [probe]);
    return undefined;
  } finally {
    fs.rmdirSync(probe);
  }
});
const noStrace = reasonAgainst(() => {
  const { status, error } = spawnSync("strace", ["-o", "/dev/null", "true"]);
  return error === undefined && status === 0 ? undefined : "strace cannot trace here";
});
const noLimits = reasonAgainst(() =>
  spawnSync("prlimit", ["--nofile=64:64", "true"]).status === 0 ? undefined : "prlimit is not installed",
);
const note = (reason: string | undefined): string => (reason === undefined ? "" : ` (cannot run: ${reason})`);

describe.skipIf(noMount !== undefined)(`a disk that is full${note(noMount)}`, () => {
  beforeEach(() => void execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "sluice", root]));
  afterEach(() => void execFileSync("umount", ["-l", root]));

  it("refuses what does not fit, keeps what was there, and takes uploads again when there is room", async () => {
    const server = await serve();
    const client = await server.client();
    for (let round = 0; round < rounds; round++) {
      expect(await replaceWith(client, Buffer.alloc(5_000_000, "large"))).toBe("refused");
      expect(onDisk()).toEqual(["file"]);
      expect((await client.readFile("/file")).equals(round === 0 ? old : Buffer.alloc(1_000_000, round))).toBe(true);
      expect(await replaceWith(client, Buffer.alloc(1_000_000, round + 1))).toBe("done");
    }
    await server.stop();
    expect(server.log()).toBe("");
  });

  it("makes a close fail after a write that failed, whatever was written later", async () => {
    const server = await serve();
    const client = await server.client();
    const handle = await client.open("/file", { write: true, create: true, truncate: true });
    await client.write(handle, 0, Buffer.from("first"));
    const ballast = join(root, "ballast");
    expect(() => fs.writeFileSync(ballast, Buffer.alloc(5_000_000))).toThrow("ENOSPC");
    await expect(client.write(handle, 100_000, Buffer.alloc(32_768))).rejects.toMatchObject({ code: 4 });
    fs.rmSync(ballast);
    await client.write(handle, 5, Buffer.from("last"));
    await expect(client.close(handle)).rejects.toMatchObject({ code: 4 });
    expect(onDisk()).toEqual(["file"]);
    expect(fs.readFileSync(join(root, "file")).equals(old)).toBe(true);
    await server.stop();
  });
});

describe.skipIf(noStrace !== undefined)(`calls of the kernel that go wrong${note(noStrace)}`, () => {
  // With one thread in the pool: strace counts calls by thread.
  const traced = (...options: readonly string[]): string[] => [
    "env",
    "UV_THREADPOOL_SIZE=1",
    "strace",
    "-f",
    "-qq",
    `--output=${traceFile()}`,
    ...options,
  ];
  const traceFile = (): string => join(ground.directory, "trace");
  const data = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i % 251) + 1));

  it.each([
    ["a write that fails once", "pwrite64", "error=EIO:when=2", false],
    ["a disk that is full for one write", "pwrite64", "error=ENOSPC:when=1", false],
    ["an fsync that fails", "fsync", "error=EIO:when=1", true],
    ["an fsync of the folder that fails", "fsync", "error=EIO:when=2", true],
    ["a rename that fails", "rename", "error=EIO:when=1", false],
  ])("%s is never answered with success", async (_, call, fault, durable) => {
    const server = await serve({ durable }, traced(`--trace=${call}`, `--inject=${call}:${fault}`));
    const client = await server.client();
    expect(await replaceWith(client, data)).toBe("refused");
    expect(onDisk()).toEqual(["file"]);
    // Where only the folder's write-out failed, the new name is there, but nobody was told that it will last.
    const whole = fs.readFileSync(join(root, "file"));
    expect(whole.equals(old) || (call === "fsync" && fault.endsWith("2") && whole.equals(data))).toBe(true);
    expect(await replaceWith(client, data)).toBe("done");
    expect((await client.readFile("/file")).equals(data)).toBe(true);
    await server.stop();
  });

  it("a write that is interrupted is made again", async () => {
    const inject = "--inject=pwrite64:error=EINTR:when=1+3";
    const server = await serve({}, traced("--trace=pwrite64", inject));
    const client = await server.client();
    expect(await replaceWith(client, data)).toBe("done");
    expect(fs.readFileSync(join(root, "file")).equals(data)).toBe(true);
    await server.stop();
  });

  it("a short write is gone on with where it stopped", async () => {
    // The kernel is made to say "1 byte" and write none: exactly that byte is missing if the rest follows it.
    const server = await serve({}, traced("--trace=pwrite64", "--inject=pwrite64:retval=1:when=1"));
    const client = await server.client();
    const handle = await client.open("/file", { write: true, create: true, truncate: true });
    await client.write(handle, 0, data.subarray(0, 1_000));
    await client.close(handle);
    const expected = Buffer.from(data.subarray(0, 1_000));
    expected[0] = 0;
    expect(fs.readFileSync(join(root, "file")).equals(expected)).toBe(true);
    await server.stop();
  });

  it("a folder that cannot be read is left out when leftovers are swept, and the others are swept", async () => {
    const dying = await startVictim(ground, { root });
    const client = await dying.client();
    await client.open("/file", { write: true, create: true, truncate: true });
    await dying.kill();
    const [leftover = ""] = onDisk();
    for (const folder of ["a", "b", "c"]) {
      fs.mkdirSync(join(root, folder));
      fs.copyFileSync(join(root, leftover), join(root, folder, leftover));
    }
    const unreadable = ["--trace=getdents64", `--trace-path=${join(root, "b")}`, "--inject=getdents64:error=EIO"];
    const server = await serve({}, traced(...unreadable));
    const left = (): string[] => ["a", "b", "c"].filter((folder) => fs.readdirSync(join(root, folder)).length > 0);
    await vi.waitFor(() => expect(left()).toEqual(["b"]), 5_000);
    await server.stop();
    expect(onDisk()).toEqual(["a", "b", "c", "file"]);
    expect(server.log()).toContain('"failed":1');
  });

  it("a durable close is answered after fsync of the file, rename, and fsync of the folder, in that order", async () => {
    const server = await serve({ durable: true }, traced("--trace=fsync,rename"));
    const client = await server.client();
    expect(await replaceWith(client, data)).toBe("done");
    const answered = fs.readFileSync(traceFile(), "utf8").match(/(fsync|rename)(?=\()/g);
    expect(answered).toEqual(["fsync", "rename", "fsync"]);
    await server.stop();
  });
});

describe.skipIf(noStrace !== undefined)(`names that are to last${note(noStrace)}`, () => {
  /** The calls that make a name and write something out, with what they were done to, in the order in which they were made. */
  async function traced(options: Partial<LocalFilesOptions>, work: (client: SftpClient) => Promise<unknown>) {
    const trace = join(ground.directory, "trace");
    const wrapper = ["strace", "-f", "-qq", "-y", `--output=${trace}`, "--trace=fsync,rename,link"];
    const server = await startVictim(ground, { root, ...options, durable: true }, wrapper);
    await work(await server.client());
    await server.stop();
    const calls = fs.readFileSync(trace, "utf8").matchAll(/(fsync|rename|link)\((?:\d+<([^>]*)>)?/g);
    return [...calls].map(([, call, path]) => (path === undefined ? call : `${call} ${path.slice(root.length)}`));
  }

  it("are written out for files that are made in place", async () => {
    const calls = await traced({ atomic: false }, async (client) => {
      await client.writeFile("/new", "content");
      await client.writeFile("/new", "replaced");
    });
    expect(calls).toEqual(["fsync /new", "fsync ", "fsync /new"]);
  });

  it("are written out for what is kept of an upload that was cut off, before it can be resumed", async () => {
    const calls = await traced({ keepPartial: true }, async (client) => {
      const handle = await client.open("/new", { write: true, create: true, truncate: true });
      await client.write(handle, 0, Buffer.from("content"));
    });
    expect(calls).toEqual(["link", "fsync "]);
  });
});

describe.skipIf(noLimits !== undefined)(`limits of the process${note(noLimits)}`, () => {
  it("no descriptor that is left refuses an open, and nothing else; then there are some again", async () => {
    const server = await serve();
    const client = await server.client();
    const used = fs.readdirSync(`/proc/${server.pid}/fd`).length;
    execFileSync("prlimit", [`--pid=${server.pid}`, `--nofile=${used + 20}:${used + 20}`]);
    const handles: Uint8Array[] = [];
    const openAll = async (): Promise<void> => {
      for (;;) handles.push(await client.open("/file", { read: true }));
    };
    await expect(openAll()).rejects.toMatchObject({ code: 4 });
    expect(handles.length).toBeLessThan(21);
    expect(handles.length).toBeGreaterThan(5);
    expect(Buffer.from((await client.read(handles[0]!, 0, 100))!).toString()).toBe(old.toString());
    for (const handle of handles) await client.close(handle);
    expect(await replaceWith(client, Buffer.from("new"))).toBe("done");
    expect((await (await server.client()).readFile("/file")).toString()).toBe("new");
    await server.stop();
  });

  it("a file that is larger than a file may be is refused, and the old one kept", async () => {
    const server = await serve({}, ["prlimit", "--fsize=700001"]);
    const client = await server.client();
    expect(await replaceWith(client, Buffer.alloc(1_000_000))).toBe("refused");
    expect(onDisk()).toEqual(["file"]);
    expect((await client.readFile("/file")).equals(old)).toBe(true);
    expect(await replaceWith(client, Buffer.alloc(700_000))).toBe("done");
    await server.stop();
  });
});
