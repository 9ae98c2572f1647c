import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, stat, utimes } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { Client } from "ssh2";
import type { SFTPWrapper } from "ssh2";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path } from "./client.ts";
import { describeClient } from "./suite.ts";
import { ssh2Login } from "./ssh2.ts";

interface Ssh2 {
  readonly client: Client;
  readonly sftp: SFTPWrapper;
}

/** The client half of ssh2. Not among its scenarios: directories as a whole, which it does not copy. */
const ssh2: InteropClient<Ssh2> = {
  name: "ssh2",
  unavailable: undefined,
  async connect(target) {
    const client = new Client();
    client.connect(await ssh2Login(target));
    await once(client, "ready");
    return { client, sftp: await promisify(client.sftp.bind(client))() };
  },
  async close({ client }) {
    const closed = once(client, "close");
    client.end();
    await closed;
  },
  put: async ({ sftp }, local, remote) => promisify(sftp.fastPut.bind(sftp) as Transfer)(text(local), text(remote)),
  get: async ({ sftp }, remote, local) => promisify(sftp.fastGet.bind(sftp) as Transfer)(text(remote), text(local)),
  async list({ sftp }, directory) {
    const entries = await promisify(sftp.readdir.bind(sftp))(text(directory));
    return entries.map(({ filename }) => filename);
  },
  rename: async ({ sftp }, from, to) => promisify(sftp.rename.bind(sftp))(text(from), text(to)),
  overwrite: {
    ends: "replaces",
    rename: async ({ sftp }, from, to) => promisify(sftp.ext_openssh_rename.bind(sftp))(text(from), text(to)),
  },
  async resumeGet({ sftp }, remote, local) {
    const { size } = await stat(local);
    await pipeline(sftp.createReadStream(text(remote), { start: size }), createWriteStream(local, { flags: "a" }));
  },
  async resumePut({ sftp }, local, remote) {
    const { size } = await promisify(sftp.stat.bind(sftp))(text(remote));
    await pipeline(
      createReadStream(local, { start: size }),
      sftp.createWriteStream(text(remote), { flags: "r+", start: size }),
    );
  },
  symlink: async ({ sftp }, target, path) => promisify(sftp.symlink.bind(sftp))(text(target), text(path)),
  readlink: async ({ sftp }, path) => promisify(sftp.readlink.bind(sftp))(text(path)),
  preserving: {
    put: {
      keeps: ["mode", "time"],
      async run(link, local, remote) {
        const { mode, atimeMs, mtimeMs } = await stat(local);
        await ssh2.put(link, local, remote);
        await promisify(link.sftp.chmod.bind(link.sftp))(text(remote), mode & 0o7777);
        await promisify(link.sftp.utimes.bind(link.sftp))(text(remote), atimeMs / 1000, mtimeMs / 1000);
      },
    },
    get: {
      keeps: ["mode", "time"],
      async run(link, remote, local) {
        const { mode, atime, mtime } = await promisify(link.sftp.stat.bind(link.sftp))(text(remote));
        await ssh2.get(link, remote, local);
        await chmod(local, mode & 0o7777);
        await utimes(local, atime, mtime);
      },
    },
  },
  // It takes and gives names as UTF-8.
  rawNames: "survived",
};

/** The shape of `fastPut` and `fastGet` without their options. */
type Transfer = (from: string, to: string, done: (error?: Error | null) => void) => void;

function text(path: Path): string {
  return bytesOf(path).toString();
}

describeClient(ssh2);
