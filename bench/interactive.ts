import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { userInfo } from "node:os";
import { createInterface } from "node:readline";
import type { Peer } from "./peer.ts";
import { terminate } from "./process.ts";
import type { Workspace } from "./workspace.ts";

/** An `sftp` of OpenSSH that has logged in and waits for commands: what it does costs no login. */
export class InteractiveSftp {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = "";
  #turn = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    child.stdin!.on("error", () => undefined);
  }

  static async start(workspace: Workspace, peer: Peer): Promise<InteractiveSftp> {
    const options = [
      "IdentitiesOnly=yes",
      "LogLevel=ERROR",
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
    ];
    const args = ["-q", "-F", "none", "-b", "-", "-P", String(peer.port), "-i", workspace.userKey];
    const all = [...args, ...options.flatMap((option) => ["-o", option]), `${userInfo().username}@127.0.0.1`];
    const client = new InteractiveSftp(spawn("sftp", all, { cwd: workspace.local, stdio: "pipe" }));
    await client.run([]);
    return client;
  }

  /** Runs commands and resolves when all are done. @throws Error when any fails: the client ends then */
  async run(commands: readonly string[]): Promise<void> {
    const mark = `done-${++this.#turn}`;
    this.#child.stdin!.write(`${[...commands, `!echo ${mark}`].join("\n")}\n`);
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`sftp ended: ${this.#errors.trim()}`);
      if (value === mark) return;
    }
  }

  async close(): Promise<void> {
    this.#child.stdin!.end();
    if (this.#child.exitCode === null)
      await Promise.race([once(this.#child, "exit"), once(AbortSignal.timeout(2000), "abort")]);
    await terminate(this.#child);
  }
}
