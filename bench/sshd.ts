import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Peer } from "./peer.ts";
import { cpuSeconds, hasChildren, terminate } from "./process.ts";
import type { Workspace } from "./workspace.ts";

const program = "/usr/sbin/sshd";
const pollMs = 5;
const limitMs = 10_000;

/** OpenSSH's own server with internal-sftp, as a child of this process, on a port of its own. */
export async function startSshd(workspace: Workspace): Promise<Peer> {
  if (!existsSync(program)) throw new Error(`${program} is missing; install it: apt-get install openssh-server`);
  // Run as root it insists on this directory, which is made by the service that is not used here.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const log = join(workspace.dir, "sshd.log");
  const config = join(workspace.dir, "sshd_config");
  writeFileSync(
    config,
    `${[
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${workspace.hostKey}`,
      `AuthorizedKeysFile ${workspace.userKey}.pub`,
      "StrictModes no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PermitRootLogin prohibit-password",
      "UsePAM no",
      "UseDNS no",
      "PidFile none",
      `Subsystem sftp internal-sftp -d ${workspace.served}`,
    ].join("\n")}\n`,
  );
  const child = spawn(program, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", openSync(log, "w")] });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  const deadline = Date.now() + limitMs;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await terminate(child);
      throw new Error(`sshd does not start: ${readFileSync(log, "utf8")}`);
    }
    await sleep(pollMs);
  }
  return {
    name: "sshd",
    port,
    pid,
    async cpuSeconds() {
      // A connection is a child, and internal-sftp a child of that: their times arrive here when they are waited for.
      const deadline = Date.now() + limitMs;
      while (hasChildren(pid)) {
        if (Date.now() > deadline) throw new Error("sshd keeps a connection open");
        await sleep(pollMs);
      }
      return cpuSeconds(pid);
    },
    stop: () => terminate(child),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
