import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { definePlugin, SftpError } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { audited } from "../test/fixture.ts";
import type { AuditRecord } from "./record.ts";

const upload = { write: true, create: true, truncate: true };

/** Takes the log's place, so that it cannot be written: what is open is noticed within a second to be no longer the file. */
async function block(server: Awaited<ReturnType<typeof audited>>): Promise<() => void> {
  const aside = `${server.file}.aside`;
  renameSync(server.file, aside);
  symlinkSync("/nowhere", server.file);
  await server.log.waitFor(({ message }) => message === "The audit log is not as it should be");
  return () => {
    rmSync(server.file);
    writeFileSync(`${server.file}.unblocked`, "");
  };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

const told = (records: readonly AuditRecord[]): string[] =>
  records
    .filter(({ type }) => type !== "log" && type !== "checkpoint" && type !== "login")
    .map(({ type, op, direction, outcome = "" }) => `${type} ${text(op ?? direction)} ${outcome}`)
    .map((words) => words.trim().replace("  ", " "));

describe("strict mode", () => {
  it("tells in one record of an open that is refused after the file was opened", async () => {
    const late = definePlugin({
      name: "late",
      setup: (host) =>
        host.use("open", async (_ctx, next) => {
          await next();
          throw new SftpError("permissionDenied", undefined, { detail: "late: rule 1" });
        }),
    });
    const { connect, idle, records } = await audited({ mode: "strict" }, { plugins: [late()] });
    const connection = await connect();
    const client = await connection.sftp();
    await expect(client.open("/new", upload)).rejects.toThrow(/./);
    connection.cut();
    await idle();
    expect(told(records())).toEqual(["intent session", "intent open", "operation open refused", "session ended"]);
    expect(records().find(({ op, type }) => op === "open" && type === "operation")).toMatchObject({
      rule: "late: rule 1",
    });
  });

  it.each(["os", "disk"] as const)(
    "announces each change, open and publication before it happens (%s)",
    async (durability) => {
      const { connect, idle, records } = await audited({ mode: "strict", durability });
      const connection = await connect();
      const client = await connection.sftp();
      await client.mkdir("/made");
      await client.writeFile("/new", "content");
      await client.readFile("/old");
      await expect(client.rmdir("/missing")).rejects.toThrow(/./);
      await expect(client.readFile("/missing")).rejects.toThrow(/./);
      connection.cut();
      await idle();
      const all = records();
      expect(told(all)).toEqual([
        "intent session",
        "intent mkdir",
        "operation mkdir ok",
        "intent open",
        "intent close",
        "transfer upload completed",
        "intent open",
        "transfer download completed",
        "intent rmdir",
        "operation rmdir refused",
        "intent open",
        "operation open refused",
        "session ended",
      ]);
      const announced = new Set(all.filter(({ type }) => type === "intent").map(({ seq }) => seq));
      for (const record of all) {
        if (["operation", "transfer", "session"].includes(record.type)) expect(announced).toContain(record["intent"]);
      }
    },
  );

  it("tells of a refusal that came from around it, once", async () => {
    const { connect, records } = await audited(
      { mode: "strict" },
      {
        prepare: (server) => {
          server.use("rename", async (_ctx, next) => {
            await next();
            throw new SftpError("failure", "Renamed, but not announced", { detail: "notify: 503" });
          });
          server.before("remove", () => {
            throw new SftpError("permissionDenied");
          });
        },
      },
    );
    const client = await (await connect()).sftp();
    await expect(client.rename("/old", "/new")).rejects.toThrow(/announced/);
    await expect(client.remove("/new")).rejects.toThrow(/./);
    expect(told(records())).toEqual([
      "intent session",
      "intent rename",
      "operation rename ok",
      "operation rename refused",
      "operation remove refused",
    ]);
  });

  it("refuses what it cannot record, keeps what was there, and serves again without a restart", async () => {
    const server = await audited({ mode: "strict" });
    const client = await (await server.connect()).sftp();
    const half = await client.open("/old", upload);
    await client.write(half, 0, Buffer.from("new content"));
    const unblock = await block(server);
    const refused = /cannot record this now/;
    await expect(client.mkdir("/made")).rejects.toThrow(refused);
    await expect(client.remove("/dir/inner")).rejects.toThrow(refused);
    await expect(client.open("/dir/inner")).rejects.toThrow(refused);
    await expect(client.write(half, 11, Buffer.from("more"))).rejects.toThrow(refused);
    await expect(client.close(half)).rejects.toThrow(refused);
    await expect(server.connect()).rejects.toThrow(/./);
    expect((await client.stat("/old")).size).toBe("old content".length);
    expect((await client.stat("/dir/inner")).size).toBe("inner".length);
    unblock();
    await server.log.waitFor(({ message }) => message === "The audit log is written again");
    await client.mkdir("/made");
    await (await server.connect()).sftp();
    const lost = server.records().find((record) => record["event"] === "lost");
    expect(lost).toMatchObject({ reason: expect.stringMatching(/moved or removed/) as string });
    expect(lost?.["count"]).toBeGreaterThanOrEqual(4);
  });
});

describe("available mode", () => {
  it("goes on while records cannot be written, counts them, and says so once", async () => {
    const server = await audited();
    const client = await (await server.connect()).sftp();
    const unblock = await block(server);
    for (let i = 0; i < 10; i++) await client.mkdir(`/made${i}`);
    expect(server.log.records.filter(({ message }) => message === "The audit log is not as it should be")).toHaveLength(
      1,
    );
    unblock();
    const { fields } = await server.log.waitFor(({ message }) => message === "The audit log is written again");
    await client.mkdir("/after");
    expect(fields["lost"]).toBe(10);
    expect(server.records()).toMatchObject([
      { type: "log", event: "lost", count: 10 },
      { type: "operation", path: "/after" },
    ]);
  });
});
