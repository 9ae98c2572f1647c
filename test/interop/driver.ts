import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { writeFile } from "node:fs/promises";
import * as path from "node:path";
import { spawnSync } from "node:child_process";
import { bytesOf } from "./client.ts";
import type { InteropClient, Path, Preserved, Target } from "./client.ts";
import { environment } from "./openssh.ts";
import { kill, start } from "./process.ts";

type Reply = { readonly result?: unknown; readonly error?: string };

/**
 * A program in `drivers/` that holds one login of a library. It reads one command a line, as JSON, and answers each with
 * one line. Paths pass as text in which every character is one byte.
 */
export interface Driver {
  request(op: string, parameters?: Record<string, unknown>): Promise<unknown>;
  end(): Promise<void>;
}

/** After this a command is given up and its driver killed. */
const deadlineMs = 60_000;

async function startDriver(program: readonly [string, string], env: NodeJS.ProcessEnv): Promise<Driver> {
  const [interpreter, script] = program;
  const child = start(interpreter, [fileURLToPath(new URL(`drivers/${script}`, import.meta.url))], { env });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "close");
  return {
    async request(op, parameters = {}) {
      child.stdin.write(`${JSON.stringify({ op, ...parameters })}\n`);
      const deadline = setTimeout(() => kill(child), deadlineMs);
      const { value, done } = await replies.next().finally(() => clearTimeout(deadline));
      if (done === true) throw new Error(`${script} ended without an answer to ${op}:\n${complaints}`);
      const { result, error } = JSON.parse(value) as Reply;
      if (error !== undefined) throw new Error(error);
      return result;
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}

/** What a library's driver can do besides `put` and `get`. */
type Scenario = "list" | "rename" | "resumeGet" | "resumePut" | "putTree" | "getTree" | "symlink" | "readlink";

/** A library, and how its driver is started. */
export interface Library {
  readonly name: string;
  readonly unavailable: string | undefined;
  /** The interpreter and the file in `drivers/`. */
  readonly program: readonly [string, string];
  readonly leavesOut?: readonly Scenario[];
  readonly overwrite: "replaces" | "refuses";
  readonly keeps: { readonly put: readonly Preserved[]; readonly get: readonly Preserved[] };
  readonly rawNames: InteropClient<Driver>["rawNames"];
}

/** The client that a library's driver is. */
export function driven(library: Library): InteropClient<Driver> {
  const onPaths =
    (op: string, ...names: readonly string[]) =>
    async (driver: Driver, ...paths: readonly Path[]): Promise<void> => {
      await driver.request(op, Object.fromEntries(names.map((name, i) => [name, text(paths[i]!)])));
    };
  const scenarios: Pick<InteropClient<Driver>, Scenario> = {
    async list(driver, directory) {
      const names = (await driver.request("list", { remote: text(directory) })) as string[];
      return names.map((name) => Buffer.from(name, "latin1"));
    },
    rename: onPaths("rename", "remote", "to"),
    resumeGet: onPaths("resume_get", "remote", "local"),
    resumePut: onPaths("resume_put", "local", "remote"),
    putTree: onPaths("put_tree", "local", "remote"),
    getTree: onPaths("get_tree", "remote", "local"),
    symlink: onPaths("symlink", "target", "remote"),
    async readlink(driver, path) {
      return Buffer.from((await driver.request("readlink", { remote: text(path) })) as string, "latin1");
    },
  };
  for (const scenario of library.leavesOut ?? []) delete scenarios[scenario];
  return {
    name: library.name,
    unavailable: library.unavailable,
    rawNames: library.rawNames,
    async connect(target) {
      const driver = await startDriver(library.program, environment(target));
      try {
        await driver.request("connect", await loginOf(target));
      } catch (error) {
        await driver.end();
        throw error;
      }
      return driver;
    },
    close: async (driver) => driver.end(),
    put: onPaths("put", "local", "remote"),
    get: onPaths("get", "remote", "local"),
    overwrite: { ends: library.overwrite, rename: onPaths("replace", "remote", "to") },
    preserving: {
      put: { keeps: library.keeps.put, run: onPaths("put_dated", "local", "remote") },
      get: { keeps: library.keeps.get, run: onPaths("get_dated", "remote", "local") },
    },
    ...scenarios,
  };
}

async function loginOf({ server, login, scratch }: Target): Promise<Record<string, unknown>> {
  const knownHosts = path.join(scratch, "known_hosts");
  await writeFile(knownHosts, `${server.knownHostsLine}\n`);
  const { host, port, user } = server;
  const secret = login.by === "key" ? { key: server.keyFile } : { password: login.password };
  return { host, port, user, known_hosts: knownHosts, ...secret };
}

function text(path: Path): string {
  return bytesOf(path).toString("latin1");
}

/** Debian's Python, not one that a version manager put before it: the libraries are Debian's. */
export const python = "/usr/bin/python3";
export const ruby = "/usr/bin/ruby";

/** Why a library cannot be driven; undefined when the interpreter can load it. */
export function notLoadable(interpreter: string, library: string): string | undefined {
  const load = interpreter === python ? ["-W", "ignore", "-c", `import ${library}`] : ["-e", `require "${library}"`];
  const { status, error } = spawnSync(interpreter, load);
  if (error !== undefined) return `${interpreter} not installed`;
  return status === 0 ? undefined : `${library} not installed for ${interpreter}`;
}
