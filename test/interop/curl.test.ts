import { spawnSync } from "node:child_process";
import { mkdir, stat, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { environment } from "./openssh.ts";
import { notInstalled, run } from "./process.ts";
import { describeClient } from "./suite.ts";

const slash = Buffer.from("/");

/**
 * curl, with whichever of libssh2 and libssh it was built. Not among its scenarios: directories as a whole, which it
 * does not copy, and the mode on a get, which it leaves to the umask.
 */
const curl: InteropClient<Target> = {
  name: "curl",
  unavailable: notInstalled("curl") ?? (speaksSftp() ? undefined : "curl was built without SFTP"),
  // Exit statuses: 78 for a file that is not there; 9 and 25 for access and an upload that were refused.
  says: { missing: /ended with 78/, denied: /ended with (9|25)\b/ },
  async connect(target) {
    const directory = path.join(target.scratch, ".ssh");
    await mkdir(directory, { mode: 0o700 });
    await writeFile(path.join(directory, "known_hosts"), `${target.server.knownHostsLine}\n`);
    return target;
  },
  close: async () => {},
  put: async (link, local, remote) => void (await curled(link, remote, "-T", local)),
  get: async (link, remote, local) => void (await curled(link, remote, "-o", local)),
  async list(link, directory) {
    const printed = await curled(link, Buffer.concat([bytesOf(directory), slash]), "-l");
    const names = printed.toString("latin1").split("\n");
    return names.filter((name) => name !== "").map((name) => Buffer.from(name, "latin1"));
  },
  rename: async (link, from, to) => quote(link, "rename", from, to),
  // libssh2 asks for a plain RENAME before version 1.11, libssh and later ones for one that replaces.
  overwrite: { ends: "either", rename: async (link, from, to) => quote(link, "rename", from, to) },
  resumeGet: async (link, remote, local) => void (await curled(link, remote, "-C", "-", "-o", local)),
  resumePut: async (link, local, remote) => void (await curled(link, remote, "-C", "-", "-T", local)),
  symlink: async (link, target, place) => quote(link, "symlink", target, place),
  async readlink(link, place) {
    // A long listing asks for the target of every link in it.
    const printed = (
      await curled(link, Buffer.concat([bytesOf(path.dirname(bytesOf(place).toString())), slash]))
    ).toString();
    const shown = ` ${path.basename(bytesOf(place).toString())} -> `;
    const line = printed.split("\n").find((entry) => entry.includes(shown)) ?? "";
    return line.slice(line.indexOf(shown) + shown.length);
  },
  preserving: {
    put: {
      keeps: ["mode", "time"],
      async run(link, local, remote) {
        const { mode, mtime } = await stat(local);
        await curled(link, remote, "-T", local);
        await quote(link, "chmod", (mode & 0o7777).toString(8), remote);
        await quote(link, "mtime", mtime.toUTCString(), remote);
      },
    },
    get: { keeps: ["time"], run: async (link, remote, local) => void (await curled(link, remote, "-R", "-o", local)) },
  },
  rawNames: "listed",
};

/** One transfer. The URL spells every byte of the path out, whatever it is. */
async function curled(target: Target, remote: Path, ...args: readonly Path[]): Promise<Buffer> {
  const { server, login } = target;
  const spelled = bytesOf(remote)
    .toString("latin1")
    .replace(/[^\w/.-]/g, escapeByte);
  const secret =
    login.by === "key"
      ? ["-u", `${server.user}:`, "--key", server.keyFile]
      : ["-u", `${server.user}:${login.password}`];
  const url = `sftp://${server.host}:${server.port}${spelled}`;
  return (await run("curl", ["-sS", ...secret, ...args, url], { env: environment(target) })).stdout;
}

function escapeByte(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

/** A command of curl's own, run before a request that transfers nothing. */
async function quote(target: Target, command: string, ...operands: readonly Path[]): Promise<void> {
  const quoted = operands.map((operand) => `"${bytesOf(operand).toString().replace(/["\\]/g, "\\$&")}"`);
  await curled(target, target.server.path(""), "-I", "-Q", [command, ...quoted].join(" "));
}

function speaksSftp(): boolean {
  const printed = spawnSync("curl", ["-V"]).stdout?.toString() ?? "";
  return /^Protocols:.* sftp\b/m.test(printed);
}

describeClient(curl);
