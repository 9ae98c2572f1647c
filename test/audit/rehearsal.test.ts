import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { generateHostKey } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url));
const run = promisify(execFile);

let folder: string;
let server: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-rehearsal-"));
  mkdirSync(join(folder, "files/home/alice"), { recursive: true });
  writeFileSync(join(folder, "host"), generateHostKey().privateKey, { mode: 0o600 });
  writeFileSync(
    join(folder, "sluice.config.yaml"),
    `hostKeys: [./host]
listen: { host: 127.0.0.1, port: 0 }
auth: [[password]]
plugins:
  - "@sluice/auth-users": { file: ./users.yaml }
  - "@sluice/store-lmdb": { path: ./store }
  - "@sluice/audit": { file: ./log/audit.jsonl, mode: strict }
  - "@sluice/permissions": { rules: [{ name: archive, paths: ["/archive/**"], allow: read-only, deny: [upload, overwrite, delete] }, { allow: all }] }
  - "@sluice/quota": { users: { "*": { bytes: 1 GiB } }, trees: { "/home/*": { bytes: 100 MiB } } }
mounts:
  - { path: /, use: "@sluice/fs-local", options: { root: ./files } }
`,
  );
  writeFileSync(join(folder, "users.yaml"), "users:\n  alice: {}\n", { mode: 0o600 });
});
afterEach(async () => {
  if (server !== undefined && server.exitCode === null) {
    server.kill("SIGKILL");
    await once(server, "exit");
  }
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const args = (...given: readonly string[]): string[] => [
  "--conditions=@sluice/source",
  "--import",
  tsx,
  main,
  ...given,
];

async function sluice(...given: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args(...given), { cwd: folder });
  return stdout.trim();
}

async function refused(...given: readonly string[]): Promise<string> {
  return sluice(...given).then(
    (out) => expect.fail(`it ended with 0: ${out}`),
    (error: { readonly stderr: string }) => error.stderr.trim(),
  );
}

/** Starts `sluice serve` and resolves when it listens. */
async function serve(): Promise<void> {
  server = spawn(process.execPath, args("serve"), { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const lines = createInterface({ input: server.stdout! });
  server.stderr!.resume();
  for await (const line of lines) if (line.includes("istening")) return;
  throw new Error("The server ended");
}

/** Every file with its owner's bits, its content and when it was changed. What LMDB maps into memory for its readers' table is left out. */
function traces(path = folder): Record<string, string> {
  const found = readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const full = join(path, entry.name);
    if (entry.isDirectory()) return [[full, "directory"], ...Object.entries(traces(full))];
    if (!entry.isFile() || entry.name.endsWith("-lock")) return [[full, "special"]];
    const { mode, mtimeMs } = statSync(full);
    return [[full, `${mode} ${mtimeMs} ${createHash("sha256").update(readFileSync(full)).digest("hex")}`]];
  });
  return Object.fromEntries(found) as Record<string, string>;
}

describe("sluice check, explain and quota show", () => {
  it("succeed beside a server that runs with the same configuration, and leave no trace", async () => {
    await serve();
    const before = traces();
    expect(Object.keys(before)).toContain(join(folder, "log/audit.jsonl"));
    expect(Object.keys(before)).toContain(join(folder, "store/store.mdb"));
    expect(await sluice("check")).toMatch(/^OK {2}/);
    const explained = await sluice("explain");
    expect(explained).toContain("Plugins: auth-users, store-lmdb, audit, permissions, quota");
    expect(explained).toMatch(/^ {2}remove +after audit > before permissions > use audit > use quota > file system$/m);
    const question = await sluice("explain", "alice", "delete", "/archive/2025.zip");
    expect(question).toContain("alice, delete /archive/2025.zip: refused");
    expect(question).toContain("archive");
    expect(await sluice("quota", "show", "--user", "alice")).toContain("user alice: 0 bytes of 1073741824");
    expect(traces()).toEqual(before);
  });

  it("leave no trace where no server has been yet", async () => {
    const before = traces();
    expect(await sluice("check")).toMatch(/^OK {2}/);
    expect(await sluice("explain", "alice", "upload", "/in/a.csv")).toContain("allowed");
    expect(traces()).toEqual(before);
  });

  it("tell what would keep the audit log from being opened", async () => {
    mkdirSync(join(folder, "log"));
    writeFileSync(join(folder, "log/audit.jsonl"), "something else\n");
    expect(await refused("check")).toMatch(/its end holds no record; if it is no audit log, name another file/);
    rmSync(join(folder, "log/audit.jsonl"));
    symlinkSync("../users.yaml", join(folder, "log/audit.jsonl"));
    expect(await refused("check")).toMatch(/a symbolic link stands in its place/);
    rmSync(join(folder, "log/audit.jsonl"));
    writeFileSync(join(folder, "log/audit.key"), "no key", { mode: 0o600 });
    expect(await refused("check")).toMatch(/holds no private key in PEM/);
    rmSync(join(folder, "log"), { recursive: true });
    writeFileSync(join(folder, "log"), "");
    expect(await refused("check")).toMatch(/audit\.key: cannot be read; give this user the right to/);
  });
});
