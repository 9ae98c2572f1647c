import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { generateHostKey } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { codeOf, stepAt } from "../../auth-totp/src/code.ts";
import { secretOf, testKey } from "../../auth-totp/test/support.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

// Each test starts node several times.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
const running: ChildProcessWithoutNullStreams[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  writeFileSync(join(directory, "host_ed25519"), generateHostKey().privateKey, { mode: 0o600 });
  writeFileSync(join(directory, "totp.key"), testKey, { mode: 0o600 });
  configure('"@sluice/store-lmdb": { path: ./store }', '"@sluice/auth-totp": { key: { file: ./totp.key } }');
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(directory, { recursive: true });
});

function configure(...plugins: readonly string[]): void {
  const lines = ["hostKeys: [./host_ed25519]", "auth: [[authorized-keys]]", "plugins:"];
  lines.push(...[...plugins, '"@sluice/auth-users": { file: ./users.yaml }'].map((plugin) => `  - ${plugin}`));
  lines.push('mounts: [{ path: /, use: "@sluice/fs-memory" }]', "");
  writeFileSync(join(directory, "sluice.config.yaml"), lines.join("\n"));
  writeFileSync(join(directory, "users.yaml"), "users: {}\n", { mode: 0o600 });
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command. `answer` makes what is typed of what was printed so far, once the command asks. */
async function sluice(args: readonly string[], answer: (out: string) => string = () => ""): Promise<Ended> {
  const child = spawn(process.execPath, ["--conditions=@sluice/source", "--import", tsx, main, "totp", ...args], {
    cwd: directory,
  });
  running.push(child);
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stdin.on("error", () => undefined);
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    if (err.endsWith("shows: ")) child.stdin.end(answer(out));
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}

function secretIn(out: string): string {
  return /^Secret {3}(.*)$/m.exec(out)![1]!.replaceAll(" ", "");
}

function rightCode(out: string): string {
  const secret = secretOf(secretIn(out));
  return `${codeOf(secret, stepAt(secret, Date.now()))}\n`;
}

describe("sluice totp", () => {
  test("enrols, tells who is enrolled, makes recovery codes, and resets", async () => {
    const enrolled = await sluice(["enroll", "alice"], (out) => `nonsense\n${rightCode(out)}`);
    expect(enrolled).toMatchObject({ code: 0, err: expect.stringContaining("That is not the code now") });
    expect(enrolled.out).toContain(`Address  otpauth://totp/Sluice:alice?secret=${secretIn(enrolled.out)}&`);
    expect(enrolled.out).toMatch(/^alice: enrolled\nRecovery codes: .*\n( {2}[b-z]{4}(-[b-z]{4}){3}\n){10}$/m);

    const status = await sluice(["status"]);
    expect(status.out).toMatch(/^NAME .*\nalice {2}\S+Z {2}\S+Z {2}10 +0 +active\n$/);
    expect(status.out).not.toContain(secretIn(enrolled.out));
    expect(await sluice(["enroll", "alice"])).toEqual({
      code: 1,
      out: "",
      err: "sluice: alice is enrolled already; for a new secret, and an end to the old one, give --force\n",
    });
    expect((await sluice(["enroll", "alice", "--force"], rightCode)).out).toContain("alice: enrolled");
    expect((await sluice(["recovery", "alice"])).out.split("\n")).toHaveLength(12);
    expect((await sluice(["reset", "alice"])).out).toBe("alice: not enrolled any more\n");
    expect((await sluice(["status", "alice"])).out).toContain("not in the store");
  });

  test("keeps nothing of an enrolment that was not confirmed", async () => {
    const wrong = await sluice(["enroll", "alice"], () => "1\n2\n3\n");
    expect(wrong).toMatchObject({ code: 1, err: expect.stringMatching(/three wrong codes; nothing was changed\n$/) });
    const cancelled = await sluice(["enroll", "alice"], () => "1\n");
    expect(cancelled).toMatchObject({ code: 1, err: expect.stringMatching(/cancelled; nothing was changed\n$/) });
    expect((await sluice(["status"])).out.trim().split("\n")).toHaveLength(1);
  });

  test("says what is missing", async () => {
    expect((await sluice(["recovery", "bob"])).err).toBe(
      "sluice: bob is not enrolled; enrol first with: sluice totp enroll\n",
    );
    expect((await sluice(["status", "--config", "other.yaml"])).err).toMatch(/^sluice: other\.yaml: does not exist/);
    configure('"@sluice/auth-totp": { key: { file: ./totp.key } }');
    expect((await sluice(["enroll", "alice"])).err).toBe(
      'sluice: sluice.config.yaml: its store is in memory, so that what is enrolled here would be lost; list "@sluice/store-lmdb" before "@sluice/auth-totp"\n',
    );
    configure();
    expect((await sluice(["enroll", "alice"])).err).toBe(
      'sluice: sluice.config.yaml: asks for no one-time codes; add "@sluice/auth-totp" to its plugins\n',
    );
    configure('"@sluice/auth-totp": { key: { file: ./absent.key } }');
    expect((await sluice(["enroll", "alice"])).err).toContain("key: the file ./absent.key: does not exist; make one");
    rmSync(join(directory, "sluice.config.yaml"));
    expect((await sluice(["enroll", "alice"])).err).toMatch(/^sluice: no configuration in /);
  });
});
