import { mkdtempSync, readFileSync, rmSync, writeFileSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { audit, filesOf } from "@sluice/audit";
import { SftpError } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { run } from "../program.ts";
import { globMatcher } from "./audit-glob.ts";
import { timeOf } from "./audit-read.ts";

let file: string;

beforeEach(async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-cli-audit-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  file = join(directory, "audit.jsonl");
  const server = await startTestServer({
    fs: createMemoryFileSystem({ files: { "/in/a.csv": "a", "/out/b.csv": "b" } }),
    plugins: [audit({ file, rotate: { bytes: 4096 } })],
    prepare: (host) =>
      host.before("remove", () => {
        throw new SftpError("permissionDenied", "Nothing is removed here", { detail: "rule 7" });
      }),
  });
  const connection = await server.connect({ address: "203.0.113.7" });
  const client = await connection.sftp();
  await client.readFile("/in/a.csv");
  await client.readFile("/out/b.csv");
  await client.rename("/out/b.csv", "/in/b\x1b[31m\u202e.csv");
  await client.remove("/in/a.csv").catch(() => undefined);
  for (let i = 0; i < 10; i++) await client.mkdir(`/made${i}`);
  await server.close();
});

/** Runs the command in this process. */
async function sluice(
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string[]; readonly err: string[] }> {
  const [out, err]: [string[], string[]] = [[], []];
  const spies = [
    vi.spyOn(console, "log").mockImplementation((line: string) => void out.push(line)),
    vi.spyOn(console, "error").mockImplementation((line: string) => void err.push(line)),
  ];
  try {
    process.exitCode = 0;
    const code = await run(["audit", ...args]);
    return { code, out, err };
  } finally {
    process.exitCode = 0;
    for (const spy of spies) spy.mockRestore();
  }
}

describe("sluice audit verify", () => {
  it("says that a log with its rotated files is as it was written, by which key it is signed, and what its head is", async () => {
    const { code, out } = await sluice("verify", file);
    expect(code).toBe(0);
    expect(out.join("\n")).toMatch(
      /^\d+ records, 1 to \d+, are as they were written and in their order\.\nSigned {5}up to record \d+ by SHA256:.*\nHead {7}[0-9a-f]{64}/,
    );
    const head = /Head +([0-9a-f]{64})/.exec(out.join("\n"))?.[1] ?? "";
    expect((await sluice("verify", file, "--head", head)).code).toBe(0);
    expect((await sluice("verify", file, "--head", "0".repeat(64))).err.join()).toMatch(/expected head/);
  });

  it("names the file, the line and what is wrong, and ends with 1", async () => {
    const lines = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, lines.with(1, lines[1]!.replace("tester", "nobody")).join("\n"));
    const { code, err } = await sluice("verify", file);
    expect(code).toBe(1);
    expect(err[0]).toBe(`${file}:2: the hash does not fit the line: the record was changed`);
    const json = await sluice("verify", file, "--json");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out[0]!)).toMatchObject({ damage: { file, line: 2 } });
  });

  it.each([
    [["verify", "/nowhere/audit.jsonl"], /does not exist/],
    [["verify", tmpdir(), "--only"], /is a directory/],
    [["verify", "FILE", "--head", "abc"], /64 hexadecimal digits/],
    [["verify", "FILE", "--key", "/nowhere.pub"], /name the public key/],
    [["verify", "FILE", "--key", "FILE"], /public key/],
    [["tail", "FILE", "-n", "many"], /--lines/],
    [["search", "FILE", "--since", "yesterday"], /is no time/],
  ])("%j is a mistake that is told in a line", async (args, message) => {
    const { code, err } = await sluice(...args.map((arg) => (arg === "FILE" ? file : arg)));
    expect(code).toBe(1);
    expect(err).toHaveLength(1);
    expect(err[0]).toMatch(message);
  });
});

describe("sluice audit search", () => {
  it.each<[string[], RegExp[]]>([
    [["--type", "login"], [/tester@203\.0\.113\.7 +login +ok +by password {2}factors test/]],
    [
      ["--path", "/in/a*", "--outcome", "refused"],
      [/remove +refused +\/in\/a\.csv {2}Nothing is removed here {2}\[rule 7\]/],
    ],
    [
      ["--path", "/in/**", "--op", "rename", "--user", "tester"],
      [/rename +ok +\/out\/b\.csv -> \/in\/b\\x1b\[31m\\u\{202e\}\.csv/],
    ],
    [["--type", "transfer", "--path", "/out/*", "--since", "1h"], [/download +completed +\/out\/b\.csv {2}1 B in/]],
    [["--user", "nobody"], []],
    [["--until", "2020-01-01"], []],
  ])("%j finds what fits, in the rotated files too", async (args, lines) => {
    const { code, out } = await sluice("search", file, ...args);
    expect(code).toBe(0);
    expect(out).toHaveLength(lines.length);
    for (const [i, line] of lines.entries()) expect(out[i]).toMatch(line);
  });

  it("prints records as they are in the file with --json", async () => {
    const { out } = await sluice("search", file, "--op", "mkdir", "--json");
    expect(out.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(
      Array.from({ length: 10 }, (_, i) => `/made${i}`),
    );
  });

  it("passes over lines that are no records, and says so", async () => {
    appendFileSync(file, "garbage\n");
    const { out, err } = await sluice("search", file, "--type", "login");
    expect(out).toHaveLength(1);
    expect(err.join()).toMatch(/1 line is no record and not shown/);
  });
});

describe("sluice audit tail", () => {
  it("prints the last records, across the last rotation, without colours where there is no terminal", async () => {
    const { out } = await sluice("tail", file, "-n", "12");
    expect(out).toHaveLength(12);
    expect(out.at(-1)).toMatch(/checkpoint/);
    expect(out.join("\n")).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe("sluice audit tail -f", () => {
  it("goes on with what is written, through rotations", async () => {
    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    const args = ["-C", "@sluice/source", "--import", "tsx", main, "audit", "tail", "-n", "0", "-f", "--json", file];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const seen: number[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => seen.push((JSON.parse(line) as { seq: number }).seq));
    const fs = createMemoryFileSystem();
    const server = await startTestServer({ fs, plugins: [audit({ file, rotate: { bytes: 4096 } })] });
    onTestFinished(() => server.close());
    const client = await (await server.connect()).sftp();
    // Until it is known to look, and then over several files.
    for (let i = 0; seen.length === 0; i++) await client.mkdir(`/early${i}`).then(() => setTimeout(20));
    for (let i = 0; i < 40; i++) await client.mkdir(`/made${i}`);
    await server.close();
    const records = filesOf(file).at(-1);
    const last = Number(/"seq":(\d+)/.exec(readFileSync(records!.path, "utf8").trimEnd().split("\n").at(-1)!)?.[1]);
    await expect.poll(() => seen.at(-1), { timeout: 10_000 }).toBe(last);
    expect(seen).toEqual(seen.map((_, i) => seen[0]! + i));
  });
});

describe("a glob", () => {
  it.each([
    ["/in/*", "/in/a.csv", true],
    ["/in/*", "/in/sub/a.csv", false],
    ["/in/**", "/in/sub/a.csv", true],
    ["**/a.csv", "/in/sub/a.csv", true],
    ["/in/?.csv", "/in/a.csv", true],
    ["/in/?.csv", "/in/ab.csv", false],
    ["/in/[a].csv", "/in/a.csv", false],
    ["/in", "/in/a", false],
  ])("%s and %s: %s", (glob, path, fits) => {
    expect(globMatcher(glob)(path)).toBe(fits);
  });

  it("takes no longer for stars without end", () => {
    expect(globMatcher("*a".repeat(50))("a".repeat(4000) + "b")).toBe(false);
  });
});

describe("a time", () => {
  it("is a date, a moment, or so long ago", () => {
    expect(timeOf("--since", "30m", 3_600_000)).toBe(1_800_000);
    expect(timeOf("--since", "2026-11-22T20:00:00Z", 0)).toBe(Date.UTC(2026, 10, 22, 20));
    expect(timeOf("--since", "2026-11-22", 0)).toBe(new Date(2026, 10, 22).getTime());
  });
});
