import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Target } from "./client.ts";
import { olderThan, openSshLogin } from "./openssh.ts";
import type { OpenSshLogin } from "./openssh.ts";
import { notInstalled, run } from "./process.ts";
import { describeClient } from "./suite.ts";

interface Scp {
  readonly target: Target;
  readonly login: OpenSshLogin;
}

/**
 * OpenSSH's scp over SFTP. It copies; not among its scenarios: list, rename, links, resume, for which it has no option.
 */
function scp(name: string, flags: readonly string[], unavailable: string | undefined): InteropClient<Scp> {
  const copy = async ({ target, login }: Scp, options: readonly string[], from: Path, to: Path): Promise<void> => {
    const args = ["-F", login.configFile, ...flags, ...options, from, to];
    await run("scp", args, { env: login.env, cwd: target.scratch });
  };
  const there = ({ target: { server } }: Scp, path: Path): Buffer =>
    Buffer.concat([Buffer.from(`${server.user}@${server.host}:`), bytesOf(path)]);
  return {
    name,
    unavailable,
    connect: async (target) => ({ target, login: await openSshLogin(target) }),
    close: async () => {},
    put: async (link, local, remote) => copy(link, [], local, there(link, remote)),
    get: async (link, remote, local) => copy(link, [], there(link, remote), local),
    putTree: async (link, local, remote) => copy(link, ["-r"], local, there(link, remote)),
    getTree: async (link, remote, local) => copy(link, ["-r"], there(link, remote), local),
    preserving: {
      put: {
        keeps: ["mode", "time"],
        run: async (link, local, remote) => copy(link, ["-p"], local, there(link, remote)),
      },
      get: {
        keeps: ["mode", "time"],
        run: async (link, remote, local) => copy(link, ["-p"], there(link, remote), local),
      },
    },
    rawNames: "transferred",
  };
}

// From 9.0 on scp speaks SFTP unless told not to, and from 8.7 on when told to.
const missing = notInstalled("scp", "ssh");
describeClient(scp("OpenSSH scp", [], missing ?? olderThan(9)));
describeClient(scp("OpenSSH scp -s", ["-s"], missing ?? olderThan(8.7)));
