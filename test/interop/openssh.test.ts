import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { content, hashOf, mebibyte } from "./files.ts";
import { olderThan, openSshLogin } from "./openssh.ts";
import type { OpenSshLogin } from "./openssh.ts";
import { killLeftovers, notInstalled, run } from "./process.ts";
import { peer, startServer } from "./server.ts";
import type { InteropServer } from "./server.ts";

const unavailable = notInstalled("sftp", "ssh");
const note = unavailable === undefined ? "" : ` (cannot run: ${unavailable})`;

/** What OpenSSH's clients do beyond the scenarios that all clients share. */
describe.skipIf(unavailable !== undefined)(`OpenSSH${note}`, () => {
  let scratch: string;
  let server: InteropServer;
  let login: OpenSshLogin;

  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), "sluice-client-"));
    server = await startServer();
    login = await openSshLogin({ server, login: { by: "key" }, scratch });
  });

  afterAll(async () => {
    await server?.stop();
    await killLeftovers();
    await rm(scratch, { recursive: true, force: true });
  });

  /** A directory of its own for one test, and where the client finds it. */
  async function place(name: string): Promise<{ served: string; remote: string }> {
    const served = path.join(server.root, name);
    await mkdir(served);
    await server.adopt(served);
    return { served, remote: server.path(name).toString() };
  }

  async function sftp(commands: string, ...options: readonly string[]): Promise<string> {
    const args = ["-F", login.configFile, ...options, "-b", "-", `${server.user}@${server.host}`];
    return (await run("sftp", args, { input: commands, env: login.env })).stdout.toString();
  }

  test("exchanges keys again and again during a transfer", async () => {
    const { served, remote } = await place("rekey");
    const [here, back] = [path.join(scratch, "here"), path.join(scratch, "back")];
    await writeFile(here, content(16 * mebibyte));
    await sftp(`put ${here} ${remote}/file\n`, "-oRekeyLimit=1M");
    expect(await hashOf(path.join(served, "file"))).toBe(await hashOf(here));
    await sftp(`get ${remote}/file ${back}\n`, "-oRekeyLimit=1M");
    expect(await hashOf(back)).toBe(await hashOf(here));
  });

  test("holds several sessions on one connection", async () => {
    const { served, remote } = await place("shared");
    const socket = path.join(scratch, "control");
    const shared = ["-F", login.configFile, `-oControlPath=${socket}`, `${server.user}@${server.host}`];
    // Returns when it has logged in, and stays in the background until it is told to exit.
    await run("ssh", ["-fNM", ...shared], { env: login.env });
    try {
      const files = [1, 2, 3, 4].map((i) => path.join(scratch, `shared-${i}`));
      for (const file of files) await writeFile(file, content(4 * mebibyte));
      const puts = files.map((file) =>
        sftp(`put ${file} ${remote}/\n`, "-oControlMaster=no", `-oControlPath=${socket}`),
      );
      await Promise.all(puts);
      for (const file of files) {
        expect(await hashOf(path.join(served, path.basename(file)))).toBe(await hashOf(file));
      }
    } finally {
      await run("ssh", ["-O", "exit", ...shared], { env: login.env });
    }
  });

  test("makes hard links and tells how much room there is", async () => {
    const { served, remote } = await place("extensions");
    await writeFile(path.join(served, "file"), "once");
    await server.adopt(path.join(served, "file"));
    const printed = await sftp(`ln ${remote}/file ${remote}/name\ndf ${remote}\n`);
    const [file, name] = await Promise.all(["file", "name"].map((entry) => stat(path.join(served, entry))));
    expect(name!.ino).toBe(file!.ino);
    expect(printed).toMatch(/\d+ +\d+ +\d+ +\d+ +\d+%/);
  });

  test.skipIf(olderThan(9) !== undefined)("copies on the server's side", async () => {
    const { served, remote } = await place("copies");
    await writeFile(path.join(served, "file"), content(3 * mebibyte));
    await sftp(`cp ${remote}/file ${remote}/copy\n`);
    expect(await hashOf(path.join(served, "copy"))).toBe(await hashOf(path.join(served, "file")));
  });

  // Of OpenSSH's server that is not owed: it serves SFTP here, whatever is asked for.
  test.each(
    peer === "sshd"
      ? []
      : [
          { request: "shell", command: [] },
          { request: "exec", command: ["ls"] },
        ],
  )("is told that there is no $request", async ({ request, command }) => {
    const ssh = run("ssh", ["-F", login.configFile, `${server.user}@${server.host}`, ...command], { env: login.env });
    await expect(ssh).rejects.toThrow(`${request} request failed`);
  });
});
