import { writeFile } from "node:fs/promises";
import * as path from "node:path";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { environment } from "./openssh.ts";
import { notInstalled, run } from "./process.ts";
import { describeClient } from "./suite.ts";

interface Psftp {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * PuTTY's psftp. Not among its scenarios: links, for which it has no command, and modes and times, which it does not
 * carry over. Its `mv` sends a plain RENAME, so an existing name is safe from it.
 */
const psftp: InteropClient<Psftp> = {
  name: "psftp",
  unavailable: notInstalled("psftp", "puttygen"),
  async connect(target) {
    const { server, login, scratch } = target;
    const env = environment(target);
    const args = ["-batch", "-P", String(server.port), "-hostkey", hostKeyOf(target)];
    if (login.by === "password") return { args: [...args, "-pw", login.password, address(target)], env };
    const key = path.join(scratch, "key.ppk");
    await run("puttygen", [server.keyFile, "-O", "private", "-o", key], { env });
    return { args: [...args, "-i", key, address(target)], env };
  },
  close: async () => {},
  put: async (link, local, remote) => void (await batch(link, words("put", "--", local, remote))),
  get: async (link, remote, local) => void (await batch(link, words("get", "--", remote, local))),
  async list(link, directory) {
    const printed = (await batch(link, words("ls", directory))).toString("latin1");
    const lines = printed.split("\n").filter((line) => /^[-dl][-rwxsStT]{9}/.test(line));
    // As in `ls -l`: eight columns, then the name.
    return lines.map((line) => Buffer.from(line.replace(/^(\S+\s+){8}/, ""), "latin1"));
  },
  rename: async (link, from, to) => void (await batch(link, words("mv", from, to))),
  overwrite: {
    ends: "refuses",
    rename: async (link, from, to) => void (await batch(link, words("mv", from, to))),
  },
  resumeGet: async (link, remote, local) => void (await batch(link, words("reget", remote, local))),
  resumePut: async (link, local, remote) => void (await batch(link, words("reput", local, remote))),
  putTree: async (link, local, remote) => void (await batch(link, words("put", "-r", local, remote))),
  getTree: async (link, remote, local) => void (await batch(link, words("get", "-r", remote, local))),
  // Its terminal output leaves out what is no character.
  rawNames: "transferred",
};

function address({ server }: Target): string {
  return `${server.user}@${server.host}`;
}

/** The host key itself, as the base64 after its type. */
function hostKeyOf({ server }: Target): string {
  return server.knownHostsLine.split(" ")[2] ?? "";
}

/** Runs commands until one fails. */
async function batch({ args, env }: Psftp, ...commands: readonly Buffer[]): Promise<Buffer> {
  const script = path.join(env["HOME"] ?? "", "batch");
  await writeFile(script, Buffer.concat(commands));
  return (await run("psftp", ["-b", script, ...args], { env })).stdout;
}

/** One command; a quote inside quotes is doubled. */
function words(...parts: readonly Path[]): Buffer {
  const quoted = parts.map((part) => `"${bytesOf(part).toString("latin1").replaceAll('"', '""')}"`);
  return Buffer.from(`${quoted.join(" ")}\n`, "latin1");
}

describeClient(psftp);
