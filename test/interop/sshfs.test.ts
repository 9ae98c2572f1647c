import { existsSync } from "node:fs";
import { copyFile, mkdir, open, readFile, readdir, readlink, rename, stat, symlink } from "node:fs/promises";
import * as path from "node:path";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { ChildProcess } from "node:child_process";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { join } from "./files.ts";
import { openSshLogin } from "./openssh.ts";
import { notInstalled, run, start } from "./process.ts";
import type { InteropServer } from "./server.ts";
import { describeClient } from "./suite.ts";

interface Mount {
  /** Where the directory that the server serves is mounted. */
  readonly point: string;
  readonly program: ChildProcess;
  readonly server: InteropServer;
}

/** A mounted server does what a directory does, so nothing is left out. */
const sshfs: InteropClient<Mount> = {
  name: "sshfs",
  unavailable: notInstalled("sshfs", "fusermount3") ?? (existsSync("/dev/fuse") ? undefined : "no /dev/fuse"),
  says: { unauthenticated: /ended without mounting/ },
  connect: mount,
  async close({ point, program }) {
    const ended = once(program, "exit");
    await run("fusermount3", ["-u", point]);
    await ended;
  },
  async put(link, local, remote) {
    await copyFile(local, mounted(link, remote));
    await closed(link, remote);
  },
  get: async (link, remote, local) => copyFile(mounted(link, remote), local),
  list: async (link, directory) => readdir(mounted(link, directory), { encoding: "buffer" }),
  rename: async (link, from, to) => rename(mounted(link, from), mounted(link, to)),
  overwrite: {
    ends: "replaces",
    rename: async (link, from, to) => rename(mounted(link, from), mounted(link, to)),
  },
  resumeGet: async (link, remote, local) => copyRest(mounted(link, remote), local),
  resumePut: async (link, local, remote) => copyRest(local, mounted(link, remote)),
  async putTree(link, local, remote) {
    await run("cp", ["-r", local, mounted(link, remote)]);
    for (const name of await readdir(local.toString(), { recursive: true })) await closed(link, join(remote, name));
  },
  getTree: async (link, remote, local) => void (await run("cp", ["-r", mounted(link, remote), local])),
  symlink: async (link, target, place) => symlink(target, mounted(link, place)),
  readlink: async (link, place) => readlink(mounted(link, place), { encoding: "buffer" }),
  preserving: {
    put: {
      keeps: ["mode", "time"],
      async run(link, local, remote) {
        await copyDated(local, mounted(link, remote));
        await closed(link, remote);
      },
    },
    get: { keeps: ["mode", "time"], run: async (link, remote, local) => copyDated(mounted(link, remote), local) },
  },
  rawNames: "listed",
};

/** Mounts in the foreground, so that the program stays ours to end, and without caches, so that the server is asked. */
async function mount(target: Target): Promise<Mount> {
  const { server, scratch } = target;
  const point = path.join(scratch, "mount");
  await mkdir(point);
  const { configFile, env } = await openSshLogin(target);
  const options = "dir_cache=no,entry_timeout=0,attr_timeout=0,auto_unmount";
  const remote = `${server.user}@${server.host}:${server.path("").toString()}`;
  const program = start("sshfs", ["-f", "-F", configFile, "-o", options, remote, point], { env });
  let printed = "";
  program.stderr.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const ended = once(program, "close");
  const { dev } = await stat(path.dirname(point));
  const isRunning = (): boolean => program.exitCode === null && program.signalCode === null;
  // Between mounting and logging in, the mount point answers with errors.
  const isMounted = async (): Promise<boolean> => (await stat(point).catch(() => ({ dev }))).dev !== dev;
  while (isRunning()) {
    if (await isMounted()) return { point, program, server };
    await delay(20);
  }
  await ended;
  throw new Error(`sshfs ended without mounting:\n${printed}`);
}

function mounted({ point, server }: Mount, remote: Path): Buffer {
  return join(point, relative(server, remote));
}

/** A path of the server, from the directory that it serves. */
function relative(server: InteropServer, remote: Path): Buffer {
  return bytesOf(remote).subarray(server.path("").length);
}

/**
 * Waits until the server shows a file to others. The kernel tells of the last close only after the program that closed has
 * gone on, and before it a server does not know that an upload is complete.
 */
async function closed({ server }: Mount, remote: Path): Promise<void> {
  const served = join(server.root, relative(server, remote));
  while (!existsSync(served)) await delay(20);
}

/** Copies what `to` does not have yet. */
async function copyRest(from: Path, to: Path): Promise<void> {
  const whole = await readFile(from);
  const { size } = await stat(to);
  const file = await open(to, "r+");
  await file.write(whole, size, whole.length - size, size);
  await file.close();
}

async function copyDated(from: Path, to: Path): Promise<void> {
  await run("cp", ["--preserve=mode,timestamps", from, to]);
}

describeClient(sshfs);
