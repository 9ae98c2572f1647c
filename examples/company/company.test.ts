import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasSlapd } from "./directory.ts";

const hasSftp = spawnSync("sftp", ["-h"]).error === undefined;
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-example-"));
});
afterEach(async () => {
  // The whole group: what the demo has started must not outlive it, even where it fails.
  if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Runs one of the scripts. What it prints is searched by `until`, which resolves to all of it. */
function start(
  script: "afternoon" | "demo",
  ...args: readonly string[]
): { until(text: string): Promise<string>; ended: Promise<unknown[]> } {
  const file = fileURLToPath(new URL(`./${script}.ts`, import.meta.url));
  const running = spawn(process.execPath, ["--conditions=@sluice/source", "--import", tsx, file, ...args], {
    env: { ...process.env, TMPDIR: folder },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child = running;
  let out = "";
  const waiting = new Set<() => void>();
  for (const stream of [running.stdout, running.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      for (const look of waiting) look();
    });
  }
  const ended = once(running, "close");
  return {
    ended,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (out.includes(text)) resolve(out);
        };
        waiting.add(look);
        look();
        void ended.then(() => (look(), reject(new Error(`ended without "${text}":\n${out}`))));
      }),
  };
}

describe.skipIf(!hasSlapd || !hasSftp)("the company's afternoon", () => {
  it("is refused where it should be, and is in the quota's books and the audit log", { timeout: 60_000 }, async () => {
    const running = start("afternoon");
    const out = await running.until("Everything has ended");
    expect(await running.ended).toEqual([0, null]);
    const told = out.slice(out.indexOf("* 16:00"));
    const [books = "", verified = "", refusals = "", transfers = ""] = told.split("\n* ");
    expect(books).toMatch(/user alice: 24 of \d+ bytes, 0 reserved/);
    expect(books).toMatch(/folder \/groups\/finance: 12 of \d+ bytes, 0 reserved/);
    const [, used = "", limit = ""] = /folder \/groups\/staff: (\d+) of (\d+) bytes, 0 reserved/.exec(books) ?? [];
    expect(Number(used)).toBeLessThanOrEqual(Number(limit));
    expect(verified).toMatch(/(\d+) records, 1 to \1, are as they were written[^]*Signed +up to record \1 by SHA256:/);
    expect(refusals).toMatch(/bob@127.0.0.1 +login +refused .*wrong password/);
    expect(refusals).toMatch(/refused +\/groups\/finance .*folders of others/);
    expect(refusals).toMatch(/open +refused +\/groups\/staff\/archive\/report.txt .*archives/);
    expect(refusals).toMatch(/upload +refused +\/invoice.com .*infected/);
    expect(transfers).toMatch(/alice@127.0.0.1 +upload +completed +\/groups\/finance\/report.txt/);
    expect(transfers).toMatch(/film.mp4 .*first a write +Quota exceeded: no more bytes for folder \/groups\/staff/);
    expect(transfers).toMatch(/alice@127.0.0.1 +upload +aborted +\/slides.pdf/);
    expect(await readdir(folder)).not.toContainEqual(expect.stringContaining("sluice-company-"));
  });
});

describe.skipIf(!hasSlapd || !hasSftp)("the company's demo", () => {
  it("shows the whole login, and leaves nothing behind", { timeout: 60_000 }, async () => {
    const running = start("demo", "--once");
    const out = await running.until("Everything has ended");
    expect(await running.ended).toEqual([0, null]);
    const [, , , byCode = "", again = "", byRecovery = ""] = out.split("\n* ");
    for (const factor of ["ldap", "totp"]) expect(byCode).toContain(`server: alice has proven ${factor}`);
    expect(byCode).toContain("One-time code:");
    expect(byCode).toMatch(/\/groups\/finance\s+\/groups\/staff/);
    expect(byCode).toContain("salaries.csv");
    expect(again).toContain("alice is refused: the code was used before");
    expect(byRecovery).toContain("alice has proven totp");
    expect(byRecovery).not.toContain("One-time code:");
    expect(await readdir(folder)).not.toContainEqual(expect.stringContaining("sluice-company-"));
  });

  it("ends in order on Ctrl-C", { timeout: 60_000 }, async () => {
    const running = start("demo");
    expect(await running.until("the app of alice shows")).toContain("Your turn: sftp -P ");
    // To the whole group, as a terminal does it.
    process.kill(-child!.pid!, "SIGINT");
    await running.until("Everything has ended");
    expect(await running.ended).toEqual([0, null]);
    expect(() => process.kill(-child!.pid!, 0)).toThrow("ESRCH");
    expect(await readdir(folder)).not.toContainEqual(expect.stringContaining("sluice-company-"));
  });
});
