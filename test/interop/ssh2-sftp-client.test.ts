import { createReadStream, createWriteStream } from "node:fs";
import { chmod, stat, utimes } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import SftpClient from "ssh2-sftp-client";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path } from "./client.ts";
import { describeClient } from "./suite.ts";
import { ssh2Login } from "./ssh2.ts";

/** Not among its scenarios: making and reading links, and setting times, for which it has no methods. */
const ssh2SftpClient: InteropClient<SftpClient> = {
  name: "ssh2-sftp-client",
  unavailable: undefined,
  async connect(target) {
    const client = new SftpClient();
    await client.connect(await ssh2Login(target));
    return client;
  },
  close: async (client) => void (await client.end()),
  put: async (client, local, remote) => void (await client.put(text(local), text(remote))),
  get: async (client, remote, local) => void (await client.get(text(remote), text(local))),
  async list(client, directory) {
    return (await client.list(text(directory))).map(({ name }) => name);
  },
  rename: async (client, from, to) => void (await client.rename(text(from), text(to))),
  overwrite: {
    ends: "replaces",
    rename: async (client, from, to) => void (await client.posixRename(text(from), text(to))),
  },
  async resumeGet(client, remote, local) {
    const { size } = await stat(local);
    await pipeline(client.createReadStream(text(remote), { start: size }), createWriteStream(local, { flags: "a" }));
  },
  async resumePut(client, local, remote) {
    const { size } = await client.stat(text(remote));
    await client.append(createReadStream(local, { start: size }), text(remote));
  },
  putTree: async (client, local, remote) => void (await client.uploadDir(text(local), text(remote))),
  getTree: async (client, remote, local) => void (await client.downloadDir(text(remote), text(local))),
  preserving: {
    put: {
      keeps: ["mode"],
      async run(client, local, remote) {
        const { mode } = await stat(local);
        await client.put(text(local), text(remote));
        await client.chmod(text(remote), mode & 0o7777);
      },
    },
    get: {
      keeps: ["mode", "time"],
      async run(client, remote, local) {
        const { mode, accessTime, modifyTime } = await client.stat(text(remote));
        await client.get(text(remote), text(local));
        await chmod(local, mode & 0o7777);
        await utimes(local, accessTime / 1000, modifyTime / 1000);
      },
    },
  },
  // It takes and gives names as UTF-8.
  rawNames: "survived",
};

function text(path: Path): string {
  return bytesOf(path).toString();
}

describeClient(ssh2SftpClient);
