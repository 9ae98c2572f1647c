import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { openSshLogin } from "./openssh.ts";
import type { OpenSshLogin } from "./openssh.ts";
import { notInstalled, run } from "./process.ts";
import { describeClient } from "./suite.ts";

interface Sftp {
  readonly target: Target;
  readonly login: OpenSshLogin;
}

/**
 * OpenSSH's sftp in batch mode. Not among its scenarios: readlink, for which it has no command.
 */
const sftp: InteropClient<Sftp> = {
  name: "OpenSSH sftp",
  unavailable: notInstalled("sftp"),
  connect: async (target) => ({ target, login: await openSshLogin(target) }),
  close: async () => {},
  put: async (link, local, remote) => void (await batch(link, words("put", local, remote))),
  get: async (link, remote, local) => void (await batch(link, words("get", remote, local))),
  async list(link, directory) {
    const printed = await batch(link, words("cd", directory), words("ls", "-1"));
    const lines = printed.toString().split("\n");
    return lines.filter((line) => line !== "" && !line.startsWith("sftp> ")).map(unescape);
  },
  rename: async (link, from, to) => void (await batch(link, words("rename", from, to))),
  overwrite: {
    ends: "replaces",
    rename: async (link, from, to) => void (await batch(link, words("rename", from, to))),
  },
  resumeGet: async (link, remote, local) => void (await batch(link, words("reget", remote, local))),
  resumePut: async (link, local, remote) => void (await batch(link, words("reput", local, remote))),
  putTree: async (link, local, remote) => void (await batch(link, words("put", "-R", local, remote))),
  getTree: async (link, remote, local) => void (await batch(link, words("get", "-R", remote, local))),
  symlink: async (link, target, path) => void (await batch(link, words("ln", "-s", target, path))),
  preserving: {
    put: {
      keeps: ["mode", "time"],
      run: async (link, local, remote) => void (await batch(link, words("put", "-p", local, remote))),
    },
    get: {
      keeps: ["mode", "time"],
      run: async (link, remote, local) => void (await batch(link, words("get", "-p", remote, local))),
    },
  },
  rawNames: "listed",
};

/** Runs commands until one fails. `-b` forbids prompts, unless they are allowed first. */
async function batch({ target, login }: Sftp, ...commands: readonly Buffer[]): Promise<Buffer> {
  const { server } = target;
  const args = ["-F", login.configFile, "-oBatchMode=no", "-b", "-", `${server.user}@${server.host}`];
  return (await run("sftp", args, { input: Buffer.concat(commands), env: login.env })).stdout;
}

/** One command, with what its parser would take for syntax escaped. */
function words(...parts: readonly Path[]): Buffer {
  const escaped = parts.map((part) =>
    bytesOf(part)
      .toString("latin1")
      .replace(/[\s"'\\]/g, "\\$&"),
  );
  return Buffer.from(`${escaped.join(" ")}\n`, "latin1");
}

/** A name as a listing prints it: bytes that are no characters come as `\ooo`. */
function unescape(line: string): Buffer {
  const bytes = Buffer.from(line).toString("latin1");
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return Buffer.from(plain, "latin1");
}

describeClient(sftp);
