import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import type { LocalFilesOptions } from "@sluice/fs-local";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openSshLogin, type OpenSshLogin } from "../interop/openssh.ts";
import { kill, notInstalled, run, start } from "../interop/process.ts";
import { makeGround, password, startVictim, type Ground, type Victim } from "./victim.ts";

const bytes = 6_000_000;
const cutAfter = 500_000;
const content = Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8) * 7) & 0xff));
/** Put over the first bytes of what had arrived, so that starting over would show. */
const mark = Buffer.from("arrived before the kill");

/** A program that transfers one file, slowly where it is to be killed. */
interface Client {
  readonly name: string;
  command(login: OpenSshLogin, port: number, slowly: boolean): readonly [string, ...string[]];
  script(words: Words, login: OpenSshLogin, port: number, slowly: boolean): string;
  readonly put: Words;
  readonly get: Words;
  readonly resumePut: Words;
  readonly resumeGet: Words;
  /** Whether it begins anew by itself where there is nothing to resume. */
  readonly startsOver: boolean;
}

/** A command for the two paths: here, and on the server. */
type Words = (local: string) => string;

const sftp: Client = {
  name: "OpenSSH sftp",
  command: ({ configFile }, _, slowly) => [
    "sftp",
    ...(slowly ? ["-l", "20000"] : []),
    "-F",
    configFile,
    "-oBatchMode=no",
    "-b",
    "-",
    "tester@127.0.0.1",
  ],
  script: (words) => words("local"),
  put: (local) => `put ${local} /file\n`,
  get: (local) => `get /file ${local}\n`,
  resumePut: (local) => `reput ${local} /file\n`,
  resumeGet: (local) => `reget /file ${local}\n`,
  startsOver: false,
};

const lftp: Client = {
  name: "lftp",
  command: () => ["lftp"],
  script: (words, { configFile }, port, slowly) =>
    [
      "set cmd:fail-exit yes",
      "set net:max-retries 1",
      "set sftp:auto-confirm no",
      `set net:limit-rate ${slowly ? 2_500_000 : 0}`,
      `set sftp:connect-program "ssh -a -x -F ${configFile}"`,
      `open sftp://tester:${encodeURIComponent(password)}@127.0.0.1:${port}`,
      words("local"),
    ].join("\n"),
  put: (local) => `put ${local} -o /file\n`,
  get: (local) => `get /file -o ${local}\n`,
  resumePut: (local) => `put -c ${local} -o /file\n`,
  resumeGet: (local) => `get -c /file -o ${local}\n`,
  startsOver: true,
};

const missing = notInstalled("sftp", "ssh", "lftp");

describe.skipIf(missing !== undefined).each([sftp, lftp])("$name, killed in the middle of a file", (client) => {
  let ground: Ground;
  let root: string;
  let scratch: string;
  let served: string;
  let local: string;
  let server: Victim;
  let login: OpenSshLogin;
  beforeEach(() => {
    ground = makeGround();
    root = join(ground.directory, "root");
    scratch = join(ground.directory, "client");
    fs.mkdirSync(root);
    fs.mkdirSync(scratch);
    served = join(root, "file");
    local = join(scratch, "local");
  });
  afterEach(() => ground.remove());

  async function serve(options: Partial<LocalFilesOptions>): Promise<void> {
    server = await startVictim(ground, { root, ...options });
    const { port } = server;
    login = await openSshLogin({
      server: {
        host: "127.0.0.1",
        port,
        user: "tester",
        password,
        keyFile: "none",
        knownHostsLine: `[127.0.0.1]:${port} ${ground.hostKey}`,
        root,
        path: (relative) => Buffer.from(`/${String(relative)}`),
        adopt: async () => {},
        stop: () => server.stop(),
      },
      login: { by: "password", password },
      scratch,
    });
  }

  async function perform(words: Words): Promise<void> {
    const [command, ...args] = client.command(login, server.port, false);
    const input = client.script(words, login, server.port, false);
    await run(command, args, { input, env: login.env, cwd: scratch });
  }

  /** Kills the client as soon as half a megabyte has arrived, and waits until the server has settled what it left. */
  async function cutOff(words: Words, arrived: () => number): Promise<void> {
    const [command, ...args] = client.command(login, server.port, true);
    const child = start(command, args, { env: login.env, cwd: scratch });
    const ended = once(child, "exit");
    child.stdin.end(client.script(words, login, server.port, true));
    await vi.waitFor(() => expect(arrived()).toBeGreaterThan(cutAfter), { timeout: 20_000, interval: 5 });
    kill(child);
    await ended;
    await vi.waitFor(() => expect(openFiles()).toEqual([]), { timeout: 10_000 });
  }

  /** Which files below the root the server holds. The root itself it keeps for the session. */
  function openFiles(): string[] {
    const folder = `/proc/${server.pid}/fd`;
    return fs.readdirSync(folder).flatMap((fd) => {
      try {
        const path = fs.readlinkSync(join(folder, fd));
        return path.startsWith(`${root}/`) || path === root ? [path] : [];
      } catch {
        return [];
      }
    });
  }

  function arrivedHere(): number {
    return fs.existsSync(local) ? fs.statSync(local).size : 0;
  }

  /** Of the file that is being written, under whichever name. */
  function arrivedThere(): number {
    return Math.max(0, ...fs.readdirSync(root).map((name) => fs.statSync(join(root, name)).size));
  }

  function markBeginning(file: string): Buffer {
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, mark, 0, mark.length, 0);
    fs.closeSync(fd);
    return Buffer.concat([mark, content.subarray(mark.length)]);
  }

  it("leaves nothing of a new file by default, and puts it anew", async () => {
    fs.writeFileSync(local, content);
    await serve({});
    await cutOff(client.put, arrivedThere);
    expect(fs.readdirSync(root)).toEqual([]);
    if (client.startsOver) {
      await perform(client.resumePut);
    } else {
      await expect(perform(client.resumePut)).rejects.toThrow(/No such file/);
      await perform(client.put);
    }
    expect(fs.readFileSync(served).equals(content)).toBe(true);
    await server.stop();
    expect(server.log()).toBe("");
  });

  it.each([
    ["keepPartial", { keepPartial: true }],
    ["atomic: false", { atomic: false }],
  ] as const)("goes on with a new file where it stopped with %s", async (_, options) => {
    fs.writeFileSync(local, content);
    await serve(options);
    await cutOff(client.put, arrivedThere);
    const arrived = fs.readFileSync(served);
    expect(arrived.length).toBeGreaterThan(cutAfter);
    expect(arrived.length).toBeLessThan(bytes);
    expect(content.subarray(0, arrived.length).equals(arrived)).toBe(true);
    const whole = markBeginning(served);
    await perform(client.resumePut);
    expect(fs.readFileSync(served).equals(whole)).toBe(true);
    expect(fs.readdirSync(root)).toEqual(["file"]);
    await server.stop();
    expect(server.log()).toBe("");
  });

  it.each([
    ["by default", {}],
    ["with keepPartial", { keepPartial: true }],
  ] as const)("leaves a file that was to be replaced as it was, %s", async (_, options) => {
    fs.writeFileSync(local, content);
    fs.writeFileSync(served, "old content");
    await serve(options);
    await cutOff(client.put, arrivedThere);
    expect(fs.readdirSync(root)).toEqual(["file"]);
    expect(fs.readFileSync(served, "utf8")).toBe("old content");
    await perform(client.put);
    expect(fs.readFileSync(served).equals(content)).toBe(true);
    await server.stop();
    expect(server.log()).toBe("");
  });

  it("goes on with a file that was being replaced where it stopped with atomic: false", async () => {
    fs.writeFileSync(local, content);
    fs.writeFileSync(served, "old content");
    await serve({ atomic: false });
    await cutOff(client.put, arrivedThere);
    const whole = markBeginning(served);
    await perform(client.resumePut);
    expect(fs.readFileSync(served).equals(whole)).toBe(true);
    await server.stop();
    expect(server.log()).toBe("");
  });

  it("goes on with a download where it stopped", async () => {
    fs.writeFileSync(served, content);
    await serve({});
    await cutOff(client.get, arrivedHere);
    expect(arrivedHere()).toBeLessThan(bytes);
    const whole = markBeginning(local);
    await perform(client.resumeGet);
    expect(fs.readFileSync(local).equals(whole)).toBe(true);
    await server.stop();
    expect(server.log()).toBe("");
  });
});
