import { describe, expect, it } from "vitest";
import { capturedLog } from "./index.ts";

describe("capturedLog", () => {
  it("keeps what is logged, with the fields of the loggers that it came through", () => {
    const log = capturedLog();
    log.info("Started");
    const child = log.child({ connection: "c1" }).child({ session: "s1" });
    child.warn({ path: "/x", session: "s2" }, "Odd");
    child.error(new Error("broken"), "Failed");
    child.debug({ only: "fields" });
    expect(log.records).toMatchObject([
      { level: "info", message: "Started", fields: {} },
      { level: "warn", message: "Odd", fields: { connection: "c1", session: "s2", path: "/x" } },
      { level: "error", message: "Failed", fields: { connection: "c1", err: { message: "broken" } } },
      { level: "debug", message: "", fields: { only: "fields" } },
    ]);
  });

  it("drops what is below its level, for each logger by itself", () => {
    const log = capturedLog();
    const child = log.child({});
    child.level = "warn";
    child.info("dropped");
    child.warn("kept");
    log.trace("kept");
    log.level = "silent";
    log.fatal("dropped");
    expect(log.records.map(({ level }) => level)).toEqual(["warn", "trace"]);
  });

  it("waits for a record that is there already, or that is to come", async () => {
    const log = capturedLog();
    log.info("first");
    expect((await log.waitFor(({ message }) => message === "first")).level).toBe("info");
    const second = log.waitFor(({ message }) => message === "second");
    log.child({ a: 1 }).warn("second");
    expect((await second).fields).toEqual({ a: 1 });
  });

  it("tells the last records where the one that is waited for does not come", async () => {
    const log = capturedLog();
    log.info({ n: 1 }, "something else");
    await expect(log.waitFor(() => false, 10)).rejects.toThrow('info something else {"n":1}');
  });

  it("writes records as text, with errors and their causes in full, whatever they refer to", () => {
    const log = capturedLog();
    const cause = Object.assign(new Error("inner"), { code: "EIO" });
    const circular: Record<string, unknown> = { big: 10n };
    circular["self"] = circular;
    log.error({ err: new Error("outer", { cause }), circular }, "Failed");
    const text = log.text();
    for (const part of ["outer", "inner", "EIO", "log.test.ts", '"big":"10"']) expect(text).toContain(part);
  });

  it("keeps the last ten thousand records", () => {
    const log = capturedLog();
    for (let n = 0; n < 10_010; n++) log.info({ n }, "Line");
    expect(log.records).toHaveLength(10_000);
    expect(log.records[0]!.fields["n"]).toBe(10);
  });
});
