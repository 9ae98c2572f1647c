import { writeFile } from "node:fs/promises";
import * as path from "node:path";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { environment } from "./openssh.ts";
import { notInstalled, run } from "./process.ts";
import { describeClient } from "./suite.ts";

interface Rclone {
  readonly config: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * rclone with its defaults. Not among its scenarios: resume, which it has not for SFTP; links, which it follows and can
 * neither make nor read there; and modes, which it carries over from version 1.64 only.
 */
const rclone: InteropClient<Rclone> = {
  name: "rclone",
  unavailable: notInstalled("rclone"),
  says: { missing: /not found/i },
  async connect(target) {
    const config = path.join(target.scratch, "rclone.conf");
    const knownHosts = path.join(target.scratch, "known_hosts");
    await writeFile(knownHosts, `${target.server.knownHostsLine}\n`);
    const env = environment(target);
    await writeFile(config, await configuration(target, knownHosts, env));
    return { config, env };
  },
  close: async () => {},
  put: async (link, local, remote) => void (await rcloned(link, "copyto", local, there(remote))),
  get: async (link, remote, local) => void (await rcloned(link, "copyto", there(remote), local)),
  async list(link, directory) {
    const printed = (await rcloned(link, "lsf", there(directory))).toString();
    return printed.split("\n").filter((name) => name !== "");
  },
  rename: async (link, from, to) => void (await rcloned(link, "moveto", there(from), there(to))),
  overwrite: {
    ends: "replaces",
    rename: async (link, from, to) => void (await rcloned(link, "moveto", there(from), there(to))),
  },
  putTree: async (link, local, remote) => void (await rcloned(link, "copy", local, there(remote))),
  getTree: async (link, remote, local) => void (await rcloned(link, "copy", there(remote), local)),
  preserving: {
    put: {
      keeps: ["time"],
      run: async (link, local, remote) => void (await rcloned(link, "copyto", local, there(remote))),
    },
    get: {
      keeps: ["time"],
      run: async (link, remote, local) => void (await rcloned(link, "copyto", there(remote), local)),
    },
  },
  rawNames: "copied",
};

async function configuration({ server, login }: Target, knownHosts: string, env: NodeJS.ProcessEnv): Promise<string> {
  const secret =
    login.by === "key"
      ? `key_file = ${server.keyFile}`
      : `pass = ${(await run("rclone", ["obscure", "-"], { input: login.password, env })).stdout.toString().trim()}`;
  return `[peer]
type = sftp
host = ${server.host}
port = ${server.port}
user = ${server.user}
known_hosts_file = ${knownHosts}
${secret}
`;
}

/** One try only: a refusal is an answer. */
async function rcloned({ config, env }: Rclone, ...args: readonly Path[]): Promise<Buffer> {
  const once = ["--config", config, "--retries", "1", "--low-level-retries", "1"];
  return (await run("rclone", [...once, ...args], { env })).stdout;
}

function there(path: Path): Buffer {
  return Buffer.concat([Buffer.from("peer:"), bytesOf(path)]);
}

describeClient(rclone);
