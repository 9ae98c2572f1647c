import { createHash, randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { SftpError, sftpPath } from "@sluice/core";
import { testUser } from "@sluice/testing";
import { describe, expect, it } from "vitest";
import { audited } from "../test/fixture.ts";
import type { AuditRecord } from "./record.ts";
import { keyBeside, verifyLog } from "./verify.ts";

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
const upload = { write: true, create: true, truncate: true };

function only(records: readonly AuditRecord[], type: string): AuditRecord {
  const found = records.filter((record) => record.type === type);
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe("a login", () => {
  it("has a record with its factors, and with the reason where it was refused", async () => {
    const { connect, records } = await audited();
    await connect({ username: testUser.username, ident: "WinSCP_6.3", address: "203.0.113.7", port: 4711 });
    await expect(connect({ username: "mallory", password: "guess" })).rejects.toThrow(/./);
    const [good, bad] = records().filter((record) => record.type === "login");
    expect(good).toMatchObject({
      outcome: "ok",
      user: "tester",
      mechanism: "password",
      factors: ["test"],
      address: "203.0.113.7",
      port: 4711,
      client: "WinSCP_6.3",
    });
    expect(bad).toMatchObject({ outcome: "refused", user: "mallory", factors: [], reason: "Unknown to every method" });
    expect(JSON.stringify(records())).not.toContain("guess");
  });
});

describe("a session", () => {
  it("has one record at its end, after those of its transfers, with totals", async () => {
    const { connect, idle, records } = await audited();
    const connection = await connect();
    const client = await connection.sftp();
    await client.readFile("/old");
    await client.writeFile("/new", "0123456789");
    await client.mkdir("/made");
    await expect(client.rmdir("/old")).rejects.toThrow(/./);
    await client.open("/old");
    connection.cut();
    await idle();
    const all = records();
    expect(only(all, "session")).toMatchObject({
      outcome: "ended",
      user: "tester",
      factors: ["test"],
      files: 3,
      bytesRead: 11,
      bytesWritten: 10,
      changes: 1,
      refusals: 1,
    });
    expect(all.at(-1)?.type).toBe("session");
  });

  it("that ends while its connection goes on has its record all the same", async () => {
    const { connect, records, log } = await audited();
    const connection = await connect();
    const first = await connection.sftp();
    await first.end();
    await log.waitFor(({ message }) => message === "Session ended");
    await expect.poll(() => records().filter((record) => record.type === "session"), { timeout: 5000 }).toHaveLength(1);
  });
});

describe("a transfer", () => {
  it("up has bytes, duration, rate, outcome and the hash of what was sent", async () => {
    const { connect, records } = await audited();
    const data = randomBytes(700_000);
    const client = await (await connect()).sftp();
    await client.writeFile("/new", data);
    const record = only(records(), "transfer");
    expect(record).toMatchObject({
      outcome: "completed",
      direction: "upload",
      path: "/new",
      flags: ["write", "create", "truncate"],
      bytesRead: 0,
      bytesWritten: data.length,
      sequential: true,
      from: 0,
      sha256: sha256(data),
      status: "ok",
    });
    expect(record["durationMs"]).toBeGreaterThan(0);
    expect(record["bytesPerSecond"]).toBeGreaterThan(0);
  });

  it("down is hashed where that is asked for, and says that it is off where not", async () => {
    for (const hash of ["all", "uploads"] as const) {
      const { connect, records, close } = await audited({ hash });
      await (await (await connect()).sftp()).readFile("/old");
      await close();
      expect(only(records(), "transfer")).toMatchObject({
        outcome: "completed",
        direction: "download",
        bytesRead: 11,
        sequential: true,
        ...(hash === "all" ? { sha256: sha256("old content") } : { sha256: null, sha256Reason: "off" }),
      });
    }
  });

  it("whose client vanishes is aborted, with the bytes so far", async () => {
    const { connect, idle, records } = await audited();
    const connection = await connect();
    const client = await connection.sftp();
    const handle = await client.open("/new", upload);
    await client.write(handle, 0, Buffer.from("half"));
    connection.cut();
    await idle();
    expect(only(records(), "transfer")).toMatchObject({ outcome: "aborted", bytesWritten: 4, sha256: sha256("half") });
  });

  it("whose close is refused says by which rule", async () => {
    const { connect, records } = await audited(
      {},
      {
        prepare: (server) =>
          server.use("close", () =>
            Promise.reject(new SftpError("permissionDenied", "The file is infected", { detail: "scan: EICAR" })),
          ),
      },
    );
    const client = await (await connect()).sftp();
    await expect(client.writeFile("/new", "virus")).rejects.toThrow(/./);
    expect(only(records(), "transfer")).toMatchObject({
      outcome: "refused",
      status: "permissionDenied",
      message: "The file is infected",
      rule: "scan: EICAR",
    });
  });

  it("out of sequence has no hash, and says why", async () => {
    const { connect, close, records } = await audited();
    const client = await (await connect()).sftp();
    const write = async (
      path: string,
      pieces: readonly (readonly [number, string])[],
      flags: object = upload,
    ): Promise<void> => {
      const handle = await client.open(path, { ...upload, ...flags });
      for (const [position, text] of pieces) await client.write(handle, position, Buffer.from(text));
      await client.close(handle);
    };
    await write("/gaps", [
      [0, "abc"],
      [10, "def"],
    ]);
    await write("/overlap", [
      [0, "abc"],
      [1, "def"],
    ]);
    await write("/resumed", [
      [100, "abc"],
      [103, "def"],
    ]);
    await write("/backwards", [
      [3, "def"],
      [0, "abc"],
    ]);
    await write("/append", [[0, "abc"]], { truncate: false, append: true });
    await write("/empty", []);
    await close();
    const told = records()
      .filter((record) => record.type === "transfer")
      .map(({ path, sequential, sha256, sha256Reason }) => [path, sequential, sha256, sha256Reason]);
    expect(told).toEqual([
      ["/gaps", false, null, "gaps"],
      ["/overlap", false, null, "overlap"],
      ["/resumed", true, null, "resumed"],
      ["/backwards", true, sha256("abcdef"), undefined],
      ["/append", true, null, "append"],
      ["/empty", true, null, "empty"],
    ]);
  });

  it("tells of its requests that failed in one record, however many they were", async () => {
    const { connect, close, records } = await audited(
      {},
      {
        prepare: (server) =>
          server.before("write", () => {
            throw new SftpError("quotaExceeded", undefined, { detail: "quota: 10 GiB of tester" });
          }),
      },
    );
    const client = await (await connect()).sftp();
    const handle = await client.open("/new", upload);
    for (let i = 0; i < 5; i++) await expect(client.write(handle, i, Buffer.from("x"))).rejects.toThrow(/./);
    await client.close(handle);
    await close();
    expect(only(records(), "transfer")).toMatchObject({
      bytesWritten: 0,
      failures: { count: 5, op: "write", status: "quotaExceeded", rule: "quota: 10 GiB of tester" },
    });
  });
});

describe("an operation", () => {
  it("that changes something has a record, and one that only looks has none", async () => {
    const { connect, records } = await audited();
    const client = await (await connect()).sftp();
    await client.stat("/old");
    await client.list("/");
    await expect(client.stat("/missing")).rejects.toThrow(/./);
    await client.rename("/old", "/new");
    await client.setstat("/new", { mode: 0o600 });
    await client.remove("/new");
    const told = records().filter((record) => record.type === "operation");
    expect(told.map(({ op, outcome }) => [op, outcome])).toEqual([
      ["rename", "ok"],
      ["setstat", "ok"],
      ["remove", "ok"],
    ]);
    expect(told[0]).toMatchObject({ path: "/old", to: "/new", status: "ok", user: "tester" });
    expect(told[1]).toMatchObject({ attributes: { mode: 0o600 } });
  });

  it("that a guard refuses says what the client read and which rule it was", async () => {
    const { connect, records } = await audited(
      {},
      {
        prepare: (server) =>
          server.before(["remove", "stat"], () => {
            throw new SftpError("permissionDenied", "The archive is read-only", { detail: "permissions: rule 12" });
          }),
      },
    );
    const client = await (await connect()).sftp();
    await expect(client.remove("/old")).rejects.toThrow(/./);
    await expect(client.stat("/old")).rejects.toThrow(/./);
    const refusal = {
      outcome: "refused",
      path: "/old",
      message: "The archive is read-only",
      rule: "permissions: rule 12",
    };
    expect(records().filter((record) => record.type === "operation")).toMatchObject([
      { op: "remove", ...refusal },
      { op: "stat", ...refusal },
    ]);
  });

  it("that is diverted says what was asked for and what was served", async () => {
    const { connect, records } = await audited(
      {},
      {
        prepare: (server) => server.divert(["mkdir", "open"], (ctx) => ({ path: sftpPath(`/dir${ctx.request.path}`) })),
      },
    );
    const client = await (await connect()).sftp();
    await client.mkdir("/made");
    await client.readFile("/inner");
    expect(only(records(), "operation")).toMatchObject({ path: "/dir/made", original: { path: "/made" } });
    expect(only(records(), "transfer")).toMatchObject({ path: "/dir/inner", original: { path: "/inner" } });
  });

  it("that fails inside is told apart from a refusal, with what the client does not read", async () => {
    const { connect, records } = await audited(
      {},
      { prepare: (server) => server.use("mkdir", () => Promise.reject(new Error("the database is away"))) },
    );
    const client = await (await connect()).sftp();
    await expect(client.mkdir("/x")).rejects.toThrow(/Internal error/);
    expect(only(records(), "operation")).toMatchObject({
      outcome: "failed",
      status: "failure",
      rule: "the database is away",
    });
  });
});

describe("the file", () => {
  it("holds no raw control character, newline or change of direction, and gives every name back byte for byte", async () => {
    const { connect, file, close } = await audited();
    const client = await (await connect({ ident: "evil" })).sftp();
    const name = "/a\nb\x1b[31mc\x7f\u202ed\u2028e\u0085\u200b";
    await client.mkdir(name);
    await client.mkdir(Buffer.from("/\xff\xfe", "latin1"));
    await close();
    const { readFileSync } = await import("node:fs");
    const text = readFileSync(file, "utf8");
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    const paths = text
      .split("\n")
      .filter((line) => line.includes('"mkdir"'))
      .map((line) => (JSON.parse(line) as { path: string }).path);
    expect(paths).toEqual([name, "/\udcff\udcfe"]);
  });

  it("is this user's alone, and so is its key", async () => {
    const { file } = await audited();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(file.replace(".jsonl", ".key")).mode & 0o777).toBe(0o600);
  });

  it("verifies from the first record to the last, and goes on after a restart", async () => {
    const first = await audited();
    await (await (await first.connect()).sftp()).mkdir("/x");
    await first.close();
    const second = await audited({ file: first.file });
    await (await (await second.connect()).sftp()).mkdir("/y");
    await second.close();
    const found = await verifyLog([{ path: first.file, compressed: false }], { keys: [keyBeside(first.file)!] });
    expect(found).toMatchObject({ damage: undefined, first: 1, checkpoints: 2 });
    expect(found.keys).toHaveLength(1);
    expect(second.records().map((record) => record.seq)).toEqual(second.records().map((_, i) => i + 1));
    expect(second.records().filter((record) => record["event"] === "start")).toHaveLength(2);
  });

  it("is refused to a second server while the first one writes it", async () => {
    const { file } = await audited();
    await expect(audited({ file })).rejects.toMatchObject({
      code: "ERR_SLUICE_AUDIT_LOG",
      message: expect.stringContaining("another process writes it") as string,
    });
  });
});

describe("options", () => {
  it.each([
    [{ mode: "strict", durability: "none" }, /durability/],
    [{ sinks: [{ type: "log" }, { type: "log" }] }, /same name/],
    [{ sinks: [{ type: "webhook", url: "ftp://x" }] }, /url/],
    [{ surprise: true }, /surprise/i],
  ] as const)("%j are refused", async (options, message) => {
    await expect(audited(options as never)).rejects.toThrow(message);
  });
});
