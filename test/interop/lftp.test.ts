import { readlink } from "node:fs/promises";
import * as path from "node:path";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { join } from "./files.ts";
import { openSshLogin } from "./openssh.ts";
import type { OpenSshLogin } from "./openssh.ts";
import { notInstalled, run } from "./process.ts";
import { describeClient } from "./suite.ts";

interface Lftp {
  readonly target: Target;
  readonly login: OpenSshLogin;
}

/** lftp, which asks for SFTP v6. Nothing is left out: it reads links where it mirrors a directory. */
const lftp: InteropClient<Lftp> = {
  name: "lftp",
  unavailable: notInstalled("lftp", "ssh"),
  connect: async (target) => ({ target, login: await openSshLogin(target) }),
  close: async () => {},
  put: async (link, local, remote) => void (await lftped(link, "put", local, "-o", remote)),
  get: async (link, remote, local) => void (await lftped(link, "get", remote, "-o", local)),
  async list(link, directory) {
    const printed = await lftped(link, "cls", "-1", "-a", "-B", join(directory, ""));
    const lines = printed.toString("latin1").split("\n");
    return lines.filter((line) => line !== "").map((line) => Buffer.from(path.basename(line), "latin1"));
  },
  rename: async (link, from, to) => void (await lftped(link, "mv", from, to)),
  overwrite: { ends: "either", rename: async (link, from, to) => void (await lftped(link, "mv", from, to)) },
  resumeGet: async (link, remote, local) => void (await lftped(link, "get", "-c", remote, "-o", local)),
  resumePut: async (link, local, remote) => void (await lftped(link, "put", "-c", local, "-o", remote)),
  putTree: async (link, local, remote) => void (await lftped(link, "mirror", "-R", local, remote)),
  getTree: async (link, remote, local) => void (await lftped(link, "mirror", remote, local)),
  symlink: async (link, target, place) => void (await lftped(link, "ln", "-s", target, place)),
  async readlink(link, place) {
    const [directory, name] = [path.dirname(bytesOf(place).toString()), path.basename(bytesOf(place).toString())];
    const mirrored = path.join(link.target.scratch, "mirrored");
    await lftped(link, "mirror", directory, mirrored);
    return readlink(path.join(mirrored, name));
  },
  preserving: {
    put: {
      keeps: ["mode", "time"],
      run: async (link, local, remote) =>
        void (await lftped(link, "mirror", "-R", "-f", local, "-O", path.dirname(bytesOf(remote).toString()))),
    },
    get: {
      keeps: ["mode", "time"],
      run: async (link, remote, local) =>
        void (await lftped(link, "mirror", "-f", remote, "-O", path.dirname(bytesOf(local).toString()))),
    },
  },
  rawNames: "listed",
};

/** Logs in and runs one command, once. */
async function lftped({ target, login }: Lftp, ...command: readonly Path[]): Promise<Buffer> {
  const { server, scratch } = target;
  const password = target.login.by === "password" ? encodeURIComponent(target.login.password) : "";
  const script = [
    "set cmd:fail-exit yes",
    "set net:max-retries 1",
    "set sftp:auto-confirm no",
    `set sftp:connect-program "ssh -a -x -F ${login.configFile}"`,
    `open sftp://${server.user}:${password}@${server.host}:${server.port}`,
  ];
  const input = Buffer.concat([Buffer.from(`${script.join("\n")}\n`), words(...command)]);
  return (await run("lftp", [], { input, env: login.env, cwd: scratch })).stdout;
}

/** One command, quoted as lftp reads it. */
function words(...parts: readonly Path[]): Buffer {
  const quoted = parts.map((part) => `"${bytesOf(part).toString("latin1").replace(/["\\]/g, "\\$&")}"`);
  return Buffer.from(`${quoted.join(" ")}\n`, "latin1");
}

describeClient(lftp);
