import { chmod, chown, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import * as path from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { kill, run, start } from "./process.ts";
import type { Peer, Setup } from "./server.ts";

const user = "nobody";

/**
 * OpenSSH's sshd with its internal SFTP server: the known-good peer. Needs root, logs in by key only, and serves without
 * a chroot, so that clients see `root` under its path on this machine.
 */
export const sshd: Peer = {
  user,
  base: (setup) => setup.root,
  async adopt(file) {
    const { uid, gid } = await owner();
    await chown(file, uid, gid);
  },
  async listen(setup) {
    await chmod(setup.directory, 0o755);
    await chown(setup.root, (await owner()).uid, (await owner()).gid);
    await chmod(setup.hostKeyFile, 0o600);
    const keys = path.join(setup.directory, "authorized_keys");
    await writeFile(keys, `${setup.authorizedKey}\n`, { mode: 0o644 });
    const port = await freePort();
    const config = path.join(setup.directory, "sshd_config");
    await writeFile(config, configuration(setup, port, keys));
    await run("mkdir", ["-p", "/run/sshd"]);
    const child = start("/usr/sbin/sshd", ["-D", "-e", "-f", config]);
    const log: string[] = [];
    const lines = createInterface({ input: child.stderr });
    const ended = once(child, "exit");
    await new Promise<void>((resolve, reject) => {
      lines.on("line", (line) => {
        log.push(line);
        if (line.startsWith("Server listening")) resolve();
      });
      child.once("exit", () => reject(new Error(`sshd did not start:\n${log.join("\n")}`)));
    });
    return {
      port,
      async stop() {
        kill(child);
        await ended;
      },
    };
  },
};

function configuration(setup: Setup, port: number, keys: string): string {
  return `
    ListenAddress 127.0.0.1
    Port ${port}
    HostKey ${setup.hostKeyFile}
    PidFile none
    UsePAM no
    AuthorizedKeysFile ${keys}
    StrictModes no
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    MaxStartups 100
    Subsystem sftp internal-sftp
    ForceCommand internal-sftp
  `;
}

/** sshd does not say which port it was given, so one that was free a moment ago is named. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

async function owner(): Promise<{ uid: number; gid: number }> {
  const line = (await readFile("/etc/passwd", "utf8")).split("\n").find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = (line ?? "").split(":");
  return { uid: Number(uid), gid: Number(gid) };
}
