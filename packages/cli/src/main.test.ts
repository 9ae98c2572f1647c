import { editUsersFile, hashPassword } from "@sluice/auth-users";
import { generateHostKey } from "@sluice/core";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
  existsSync,
} from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const onLinux = process.platform === "linux";
const hasSftp = spawnSync("sftp", ["-h"]).error === undefined;
const hasScript = onLinux && spawnSync("script", ["--version"]).error === undefined;

// Each test starts node several times.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "sluice-cli-")));
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(directory, { recursive: true });
});

/** A process whose output can be waited for. */
class Run {
  out = "";
  err = "";
  readonly child: ChildProcess;
  readonly ended: Promise<number | string>;
  #changed: (() => void)[] = [];

  constructor(command: string, args: readonly string[], input?: string, environment: NodeJS.ProcessEnv = {}) {
    this.child = spawn(command, args, {
      cwd: directory,
      env: { ...process.env, SLUICE_STATE_DIR: join(directory, "state"), ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.push(this.child);
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => this.#add("out", text));
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => this.#add("err", text));
    this.ended = once(this.child, "close").then(([code, signal]) => {
      for (const changed of this.#changed.splice(0)) changed();
      return (code ?? signal) as number | string;
    });
    this.child.stdin!.on("error", () => undefined);
    if (input !== undefined) this.child.stdin!.end(input);
  }

  #add(stream: "out" | "err", text: string): void {
    this[stream] += text;
    for (const changed of this.#changed.splice(0)) changed();
  }

  /** Resolves when the output matches; rejects when the process ends without that. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.out) ?? pattern.exec(this.err);
      if (found !== null) return found;
      if (this.child.exitCode !== null) throw new Error(`ended without ${String(pattern)}:\n${this.out}\n${this.err}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }
}

function command(args: readonly string[]): string[] {
  return [process.execPath, "--conditions=@sluice/source", "--import", tsx, main, ...args];
}

function start(args: readonly string[], input?: string, environment?: NodeJS.ProcessEnv): Run {
  const [node = "", ...rest] = command(args);
  return new Run(node, rest, input, environment);
}

async function sluice(
  args: readonly string[],
  input = "",
): Promise<{ code: number | string; out: string; err: string }> {
  const run = start(args, input);
  return { code: await run.ended, out: run.out, err: run.err };
}

/** The address that a running server printed or logged. */
async function portOf(run: Run): Promise<number> {
  return Number((await run.until(/Address .*:(\d+) |"port":(\d+),"msg":"Listening"/)).slice(1).find(Boolean));
}

/** Runs a client's command line with commands on its standard input and the password at hand. */
function client(commandLine: string, password: string, input: string): Run {
  const askpass = join(directory, "askpass");
  writeFileSync(askpass, `#!/bin/sh\necho '${password}'\n`, { mode: 0o700 });
  return new Run("sh", ["-c", commandLine], input, { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" });
}

function sftpLine(port: number, user: string): string {
  return `sftp -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -P ${port} ${user}@127.0.0.1`;
}

describe("the command line", () => {
  test("prints its version and its help", async () => {
    expect(await sluice(["--version"])).toEqual({
      code: 0,
      out: expect.stringMatching(/^sluice \d+\.\d+\.\d+\n$/),
      err: "",
    });
    const help = await sluice(["serve", "--help"]);
    expect(help).toMatchObject({ code: 0, err: "" });
    expect(help.out).toContain("Examples:\n  sluice serve ./files");
    expect((await sluice(["user", "passwd", "--help"])).out).toContain("Examples:\n  sluice user add alice");
  });

  test.each([
    ["an unknown command", ["serv"], "unknown command 'serv' (Did you mean serve?)"],
    ["an unknown option", ["serve", "--prot", "1"], "unknown option '--prot' (Did you mean --port?)"],
    [
      "an unknown option of a subcommand",
      ["user", "list", "--fiel", "x"],
      "unknown option '--fiel' (Did you mean --file?)",
    ],
    ["a password among the arguments", ["user", "add", "x", "--password", "y"], "unknown option '--password'"],
    [
      "a port that is none",
      ["serve", ".", "--port", "70000"],
      "'70000' is invalid. Expected a number from 0 to 65535.",
    ],
    ["a directory that is missing", ["serve", "absent"], "absent: does not exist; name a directory to share"],
    ["a file in place of a directory", ["serve", "file"], "file: is not a directory; name one to share"],
    ["no configuration", ["serve"], "no configuration in "],
    [
      "a configuration that is missing",
      ["check", "--config", "no/x.yaml"],
      "no/x.yaml: does not exist; check the path",
    ],
    ["an option that has no effect", ["serve", "--read-only"], "--read-only is for a directory"],
    ["a directory and a configuration", ["serve", ".", "-c", "x.yaml"], "give a directory or --config, not both"],
    ["a host key that is missing", ["hostkey", "absent", "--show"], "Host key absent: there is no such file"],
    [
      "a password file that is missing",
      ["serve", ".", "--password-file", "absent"],
      "absent: does not exist; name a file with the password",
    ],
    ["no terminal to ask at", ["user", "add", "x"], "give it on standard input with --password-stdin"],
  ])("answers %s with one line", async (_, args, message) => {
    writeFileSync(join(directory, "file"), "");
    const { code, out, err } = await sluice(args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^sluice: .*\n$/);
    expect(err).toContain(message);
  });
});

describe("sluice hostkey", () => {
  test.each(["ed25519", "ecdsa", "rsa"])("makes a key of type %s once, for its owner only", async (type) => {
    const path = join(directory, `host_${type}`);
    const made = await sluice(["hostkey", "--type", type]);
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const fingerprint = /SHA256:\S+/.exec(made.out)?.[0];

    const shown = await sluice(["hostkey", path, "--show"]);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain(`Fingerprint  ${fingerprint}`);
    expect(shown.out).toMatch(/Public key {3}\S+ AAAA/);
  });

  test("leaves a file alone that is there already", async () => {
    writeFileSync(join(directory, "host"), "mine");
    const { code, err } = await sluice(["hostkey", "host"]);
    expect(code).toBe(1);
    expect(err).toMatch(/^sluice: host: already exists, and is left as it is; .*\n$/);
    expect(readFileSync(join(directory, "host"), "utf8")).toBe("mine");
  });

  test("says what an encrypted key needs", async () => {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" },
    });
    writeFileSync(join(directory, "locked"), privateKey);
    const { code, err } = await sluice(["hostkey", "locked", "--show"]);
    expect(code).toBe(1);
    expect(err).toBe(
      "sluice: Host key locked: it is encrypted; a server is given its passphrase as { path, passphrase }\n",
    );
  });
});

describe("sluice user", () => {
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM23HJo3hwCXi5vlyHjQcWaNU3zBUYeU3d7Kss+v8xMc me@here";
  const fingerprint = "SHA256:STYxUwQD6ODWLI9Mz281WuA6f862WkO+qHvwp7TRFLE";

  test("adds, changes and lists users, and keeps passwords as hashes only", async () => {
    writeFileSync(join(directory, "me.pub"), `# mine\n${key}\n`);
    expect(
      await sluice(["user", "add", "alice", "--password-stdin", "--group", "a", "-g", "b"], "hunter2-a\n"),
    ).toEqual({
      code: 0,
      out: "alice: added in users.yaml\n",
      err: "",
    });
    await sluice(["user", "add", "bob", "--no-password", "--key", "me.pub", "--home", "/in"]);
    const before = readFileSync(join(directory, "users.yaml"), "utf8");
    expect((await sluice(["user", "passwd", "alice", "--password-stdin"], "hunter2-b")).code).toBe(0);
    const after = readFileSync(join(directory, "users.yaml"), "utf8");
    expect(after).not.toBe(before);
    expect(before + after).not.toContain("hunter2");
    expect(statSync(join(directory, "users.yaml")).mode & 0o077).toBe(0);
    await sluice(["user", "disable", "bob"]);
    expect((await sluice(["user", "list"])).out).toBe(
      [
        "NAME   PASSWORD  KEYS  HOME  GROUPS  STATUS",
        "alice  argon2id  0     /     a,b     active",
        "bob    none      1     /in   -       disabled",
        "",
      ].join("\n"),
    );
  });

  test("tells certificate authorities from keys in the list", async () => {
    const authority = `cert-authority ${key}`;
    await sluice(["user", "add", "alice", "--no-password"]);
    await sluice(["user", "add", "bob", "--no-password"]);
    await sluice(["user", "key", "bob", "-"], `${authority}\n`);
    writeFileSync(join(directory, "other.pub"), generateHostKey("ed25519").publicKey);
    await sluice(["user", "key", "alice", "other.pub"]);
    await sluice(["user", "key", "alice", "-"], `${authority}\n`);
    expect((await sluice(["user", "list"])).out).toBe(
      [
        "NAME   PASSWORD  KEYS     HOME  GROUPS  STATUS",
        "alice  none      1, 1 CA  /     -       active",
        "bob    none      1 CA     /     -       active",
        "",
      ].join("\n"),
    );
  });

  test("lets keys in and takes them away", async () => {
    await sluice(["user", "add", "alice", "--no-password"]);
    expect((await sluice(["user", "key", "alice", "-"], `${key}\n`)).out).toBe(`alice: added ${fingerprint}\n`);
    expect((await sluice(["user", "key", "alice", "-"], `${key}\n`)).err).toMatch(/^users\.yaml: .* already\n$/);
    expect((await sluice(["user", "key", "alice", "--remove", fingerprint])).out).toBe(
      `alice: removed ${fingerprint}\n`,
    );
    expect((await sluice(["user", "key", "alice"])).err).toMatch(/^sluice: give a file of public keys/);
  });

  test("refuses what cannot be meant, and leaves the file as it was", async () => {
    await sluice(["user", "add", "alice", "--no-password"]);
    const before = readFileSync(join(directory, "users.yaml"));
    writeFileSync(join(directory, "id"), "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n");
    expect((await sluice(["user", "add", "alice", "--password-stdin"], "x")).err).toMatch(/^users\.yaml: .*already\n$/);
    expect((await sluice(["user", "passwd", "bob", "--password-stdin"], "x")).err).toMatch(
      /^sluice: there is no user "bob"/,
    );
    expect((await sluice(["user", "passwd", "alice", "--password-stdin"], "\n")).err).toMatch(
      /^sluice: an empty password/,
    );
    expect((await sluice(["user", "passwd", "alice", "--password-stdin"], "a\nb\n")).err).toMatch(/line breaks/);
    expect((await sluice(["user", "key", "alice", "id"])).err).toBe(
      "sluice: id: is a private key; name the public one, id.pub\n",
    );
    expect(readFileSync(join(directory, "users.yaml"))).toEqual(before);
  });

  test.skipIf(!hasScript)("asks for a password twice on a terminal, and does not show it", async () => {
    const ask = async (answers: readonly string[]): Promise<Run> => {
      const line = command(["user", "passwd", "alice"])
        .map((part) => `'${part}'`)
        .join(" ");
      const run = new Run("script", ["-qec", line, "/dev/null"]);
      for (const [i, answer] of answers.entries()) {
        await run.until(i === 0 ? /Password for alice: / : /Password for alice, again: /);
        run.child.stdin!.write(`${answer}\n`);
      }
      await run.ended;
      return run;
    };
    await sluice(["user", "add", "alice", "--no-password"]);
    const differing = await ask(["hunter2-a", "hunter2-b"]);
    expect(differing.out).toContain("sluice: the two passwords differ; nothing was changed");
    const same = await ask(["hunter2-a", "hunter2-a"]);
    expect(same.out).toContain("alice: changed in users.yaml");
    expect(differing.out + same.out).not.toContain("hunter2");
    expect((await sluice(["user", "list"])).out).toContain("alice  argon2id");
  });
});

const config = `listen: { host: 127.0.0.1, port: 0 }
hostKeys: [./host_ed25519]
auth: [[password], [authorized-keys]]
plugins:
  - "@sluice/auth-users": { file: ./users.yaml }
mounts:
  - { path: /, use: "@sluice/fs-memory" }
  - { path: /disk, use: "@sluice/fs-local", options: { root: ./files } }
`;

async function configured(text: string = config, name = "sluice.config.yaml"): Promise<string> {
  const folder = join(directory, "etc");
  mkdirSync(join(folder, "files"), { recursive: true });
  writeFileSync(join(folder, "files", "hello.txt"), "hello\n");
  writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "host_ed25519"), generateHostKey().privateKey, { mode: 0o600 });
  const passwordHash = await hashPassword("hunter2-a");
  await editUsersFile(join(folder, "users.yaml"), (users) => {
    if (!users.listUsers().some((user) => user.name === "alice")) users.addUser("alice", { passwordHash });
  });
  return join("etc", name);
}

describe.skipIf(!onLinux)("sluice check and explain", () => {
  test("find everything in order, from wherever they are called", async () => {
    const path = await configured();
    expect(await sluice(["check", "--config", path])).toEqual({ code: 0, out: `OK  ${path}\n`, err: "" });
    const { out } = await sluice(["explain", "--config", path]);
    expect(out).toContain("Plugins: auth-users");
    expect(out).toMatch(/Login, any of:\n {2}password\n {2}authorized-keys\n/);
  });

  test("tell every mistake with its position", async () => {
    const path = await configured(
      config
        .replace("./host_ed25519", "./absent")
        .replace("./users.yaml", "./users.yaml, wach: true")
        .replace("root: ./files", "root: ./nothing")
        .replace("auth:", "atuh:"),
    );
    const { code, out, err } = await sluice(["check", "--config", path]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err.trimEnd().split("\n")).toEqual([
      expect.stringMatching(
        /^etc\/sluice\.config\.yaml:2:12 hostKeys\[0\]: Host key \.\/absent: there is no such file/,
      ),
      'etc/sluice.config.yaml:3:1 atuh: unknown option; did you mean "auth"?',
      'etc/sluice.config.yaml:5:49 plugins[0].@sluice/auth-users.wach: unknown option; did you mean "watch"?',
      expect.stringMatching(
        /^etc\/sluice\.config\.yaml:8:54 mounts\[1\]\.options: fs-local: .*\/etc\/nothing does not exist/,
      ),
    ]);
  });

  test("tell what only the server knows: policies, and mistakes in the users file", async () => {
    const policy = await configured(config.replace("[[password], [authorized-keys]]", "[[pasword]]"));
    expect((await sluice(["check", "--config", policy])).err).toMatch(
      /^etc\/sluice\.config\.yaml:3:8 auth\[0\]: .*pasword.*\n$/,
    );
    const users = await configured();
    writeFileSync(join(directory, "etc", "users.yaml"), "users:\n  alice: { pasword: x }\n");
    const { code, err } = await sluice(["check", "--config", users]);
    expect(code).toBe(1);
    expect(err).toMatch(/^\.\/users\.yaml:2:12 .*pasword.*\n$/);
  });

  test("leave nothing behind", async () => {
    const path = await configured(`${config}log: { destination: ./logs/sluice.log }\n`);
    expect((await sluice(["check", "--config", path])).code).toBe(0);
    expect(existsSync(join(directory, "etc", "logs"))).toBe(false);
  });
});

describe.skipIf(!hasSftp)("sluice serve DIRECTORY", () => {
  test("prints a line that connects as it is, and keeps its host key but not its password", async () => {
    mkdirSync(join(directory, "files"));
    writeFileSync(join(directory, "files", "a b.txt"), "content\n");
    const first = start(["serve", "files", "--port", "0", "--state", "state dir"]);
    await first.until(/Ctrl-C ends it/);
    const line = /^Connect +(.*)$/m.exec(first.out)![1]!;
    const password = /^Password +(.*)$/m.exec(first.out)![1]!;
    const sftp = client(line, password, 'get "a b.txt" got.txt\nput got.txt up.txt\nls -l up.txt\n');
    expect(await sftp.ended).toBe(0);
    expect(readFileSync(join(directory, "got.txt"), "utf8")).toBe("content\n");
    expect(readFileSync(join(directory, "files", "up.txt"), "utf8")).toBe("content\n");
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(first.err).toBe("");
    expect(statSync(join(directory, "state dir")).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, "state dir", "host_ed25519")).mode & 0o777).toBe(0o600);

    const second = start(["serve", "files", "--port", "0", "--state", "state dir"]);
    await second.until(/Ctrl-C ends it/);
    expect(/SHA256:\S+/.exec(second.out)![0]).toBe(/SHA256:\S+/.exec(first.out)![0]);
    expect(second.out).not.toContain(password);
    const refused = client(/^Connect +(.*)$/m.exec(second.out)![1]!, password, "ls\n");
    expect(await refused.ended).not.toBe(0);
    expect(refused.err).toContain("Permission denied");
    second.child.kill("SIGINT");
    expect(await second.ended).toBe(0);
  });

  test("takes its password from a file, and refuses changes when it is read-only", async () => {
    mkdirSync(join(directory, "files"));
    writeFileSync(join(directory, "files", "a.txt"), "content\n");
    writeFileSync(join(directory, "password"), "hunter2-file\n");
    const args = ["--port", "0", "--read-only", "--user", "guest", "--password-file", "password"];
    const run = start(["serve", "files", ...args]);
    const port = await portOf(run);
    expect(run.out).toContain("as in password");
    expect(run.out).not.toContain("hunter2");
    const sftp = client(
      sftpLine(port, "guest"),
      "hunter2-file",
      "get a.txt got.txt\nput got.txt b.txt\nput got.txt a.txt\nrm a.txt\nrename a.txt c.txt\nmkdir d\nchmod 600 a.txt\n",
    );
    await sftp.ended;
    expect(readFileSync(join(directory, "got.txt"), "utf8")).toBe("content\n");
    expect(sftp.err.match(/Permission denied|This server is read-only/g)).toHaveLength(6);
    expect(readFileSync(join(directory, "files", "a.txt"), "utf8")).toBe("content\n");
    expect(existsSync(join(directory, "files", "b.txt"))).toBe(false);
  });

  test("says in one line that its port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, out, err } = await sluice(["serve", ".", "--port", String(port)]);
    other.close();
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toBe(
      `sluice: Cannot listen on 127.0.0.1 port ${port}: it is in use; stop the other program or choose another port\n`,
    );
  });

  test("says in one line that its host key is broken", async () => {
    mkdirSync(join(directory, "state"));
    writeFileSync(join(directory, "state", "host_ed25519"), "nonsense");
    const { code, err } = await sluice(["serve", "."]);
    expect(code).toBe(1);
    expect(err).toMatch(/^sluice: Host key .*host_ed25519: .*\n$/);
  });
});

/** A configuration whose only file is read as slowly as `read` likes. */
function slowConfig(read: string): string {
  return `
    const stats = { type: "file", size: 6, mtimeMs: 0 };
    const box = {
      async stat(path) { return path === "/" ? { type: "directory", size: 0, mtimeMs: 0 } : stats; },
      async *list() {},
      async open() {
        return { stat: async () => stats, close: async () => {}, write: async () => {}, read: async (buffer, position) => { ${read} } };
      },
    };
    const door = {
      name: "door", requires: [], validate: async () => [],
      async setup(host) {
        host.authenticate({ name: "door", mechanism: "password", verify: () => ({ is: "proven", user: {} }) });
        host.onConnection(() => { if (process.env.CRASH) setTimeout(() => { throw new Error("boom"); }, 0); });
      },
    };
    export default { listen: { host: "127.0.0.1", port: 0 }, hostKeys: ["./host_ed25519"], plugins: [door], mounts: [{ path: "/", use: box }] };`;
}

describe("sluice serve with a configuration", () => {
  test.skipIf(!hasSftp || !onLinux)("serves what the file says, with paths relative to the file", async () => {
    const path = await configured();
    const run = start(["serve", "--config", path]);
    const sftp = client(sftpLine(await portOf(run), "alice"), "hunter2-a", "get /disk/hello.txt got.txt\nls -1 /\n");
    expect(await sftp.ended).toBe(0);
    expect(readFileSync(join(directory, "got.txt"), "utf8")).toBe("hello\n");
    expect(sftp.out).toContain("disk");
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  test("tells a port in use at its position", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const path = await configured(slowConfig("return 0;").replace("port: 0", `port: ${port}`), "sluice.config.mjs");
    const { code, err } = await sluice(["serve", "--config", path]);
    other.close();
    expect(code).toBe(1);
    expect(err).toMatch(/^etc\/sluice\.config\.mjs listen: Cannot listen on .*it is in use.*\n$/);
  });

  test.skipIf(!hasSftp)("lets a transfer finish after SIGTERM", async () => {
    const wait = `if (position > 0) return 0;
      process.stdout.write("reading\\n");
      await new Promise((resolve) => process.once("SIGTERM", () => setImmediate(resolve)));
      buffer.set(new TextEncoder().encode("whole\\n")); return 6;`;
    const path = await configured(slowConfig(wait), "sluice.config.mjs");
    const run = start(["serve", "--config", path]);
    const sftp = client(sftpLine(await portOf(run), "x"), "y", "get file.txt got.txt\n");
    await run.until(/reading/);
    run.child.kill("SIGTERM");
    await sftp.ended;
    expect(readFileSync(join(directory, "got.txt"), "utf8")).toBe("whole\n");
    expect(await run.ended).toBe(0);
  });

  test.skipIf(!hasSftp)("ends at once at the second signal", async () => {
    const path = await configured(
      slowConfig(`process.stdout.write("reading\\n"); return new Promise(() => {});`),
      "sluice.config.mjs",
    );
    const run = start(["serve", "--config", path]);
    const sftp = client(sftpLine(await portOf(run), "x"), "y", "get file.txt got.txt\n");
    await run.until(/reading/);
    run.child.kill("SIGTERM");
    await run.until(/"Closing; transfers may finish"/);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(143);
    await sftp.ended;
  });

  test("logs an error that nobody caught, closes, and exits with a failure", async () => {
    const path = await configured(slowConfig("return 0;"), "sluice.config.mjs");
    const run = start(["serve", "--config", path], undefined, { CRASH: "1" });
    const socket = connect(await portOf(run), "127.0.0.1").on("error", () => undefined);
    expect(await run.ended).toBe(1);
    socket.destroy();
    const record = run.out.split("\n").find((line) => line.includes('"level":60'));
    expect(JSON.parse(record!)).toMatchObject({ err: { message: "boom", stack: expect.stringContaining("boom") } });
  });
});
