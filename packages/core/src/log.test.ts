import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLogger, logLevels, type LogLevel } from "./log.ts";

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "sluice-log-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("createLogger", () => {
  it("writes JSON lines at once, with the time in ISO 8601 and nothing of the machine", () => {
    const destination = join(directory, "server.log");
    createLogger({ destination }).info({ user: "alice" }, "Logged in");
    const [line] = linesOf(destination);
    expect(line).toEqual({ level: 30, time: expect.any(String) as string, user: "alice", msg: "Logged in" });
    expect(line?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it("makes the directory of its file", () => {
    const destination = join(directory, "logs", "today", "server.log");
    createLogger({ destination }).warn("made");
    expect(linesOf(destination)).toMatchObject([{ msg: "made" }]);
  });

  it("drops lines below its level, which is info where nothing is said", () => {
    const usual = join(directory, "usual.log");
    const logger = createLogger({ destination: usual });
    logger.debug("dropped");
    logger.info("kept");
    expect(linesOf(usual)).toMatchObject([{ msg: "kept" }]);
    expect(logger.level).toBe("info");
  });

  it.each(logLevels.map((level, i) => [level, i] as const))("keeps what is at least as grave as %s", (level, rank) => {
    const destination = join(directory, "level.log");
    const logger = createLogger({ destination, level });
    const methods: readonly Exclude<LogLevel, "silent">[] = ["trace", "debug", "info", "warn", "error", "fatal"];
    for (const method of methods) logger[method](method);
    expect(linesOf(destination).map((line) => line["msg"])).toEqual(methods.slice(rank));
  });

  it("has children whose lines carry their fields as well", () => {
    const destination = join(directory, "child.log");
    createLogger({ destination }).child({ connection: "c1" }).child({ session: "s1" }).info({ op: "open" }, "Opened");
    expect(linesOf(destination)).toMatchObject([{ connection: "c1", session: "s1", op: "open", msg: "Opened" }]);
  });

  it("escapes what steers a terminal or hides text, and loses none of it", () => {
    const destination = join(directory, "escaped.log");
    const username = "a\u007f\u009b2J\u202egnp.exe\u200b\u2028\u{e0041}é漢";
    createLogger({ destination }).info({ username }, "Seen");
    expect(readFileSync(destination, "utf8").trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(linesOf(destination)).toMatchObject([{ username }]);
  });

  it("keeps a line one line, whatever a client put into its fields", () => {
    const destination = join(directory, "lines.log");
    createLogger({ destination }).info({ username: 'x"\n{"level":60}\u001b[2J' }, "A login\nattempt failed");
    const text = readFileSync(destination, "utf8");
    expect(text.split("\n")).toHaveLength(2);
    expect(text).not.toContain("\u001b");
    expect(linesOf(destination)[0]?.["username"]).toBe('x"\n{"level":60}\u001b[2J');
  });

  it.runIf(existsSync("/dev/full"))("loses lines where the disk is full, says so once, and ends nothing", () => {
    const told = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      const logger = createLogger({ destination: "/dev/full" });
      for (let i = 0; i < 3; i++) logger.info("lost");
      expect(told.mock.calls).toEqual([[expect.stringMatching(/^The log cannot be written: ENOSPC.*\n$/)]]);
    } finally {
      told.mockRestore();
    }
  });

  it("writes errors with their stack, under err", () => {
    const destination = join(directory, "error.log");
    createLogger({ destination }).error({ err: new RangeError("broken") }, "A request failed");
    expect(linesOf(destination)).toMatchObject([
      { err: { type: "RangeError", message: "broken", stack: expect.stringContaining("log.test") as string } },
    ]);
  });
});
