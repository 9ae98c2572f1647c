import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createInterface } from "node:readline";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { logOptions, openLog, recordsIn, scratch } from "../test/fixture.ts";
import { AuditLog } from "./log.ts";
import type { RecordBody } from "./record.ts";
import { filesOf } from "./files.ts";
import { readRecords } from "./search.ts";
import { keyBeside, verifyLog, type Verification } from "./verify.ts";

const record = (i: number): RecordBody => ({
  type: "log",
  event: "lost",
  count: i,
  since: "",
  reason: "x".repeat(100),
});
const verified = (file: string): Promise<Verification> => verifyLog(filesOf(file), { keys: [keyBeside(file)!] });

describe("a log", () => {
  it("goes on with the chain where another process left it", async () => {
    const file = join(scratch(), "audit.jsonl");
    for (let run = 0; run < 3; run++) {
      const { log } = await openLog(logOptions(file));
      for (let i = 0; i < 3; i++) log.append(record(i));
      log.finish({ type: "log", event: "stop" });
      await log.close();
    }
    expect(await verified(file)).toMatchObject({ damage: undefined, records: 15, first: 1, last: 15, checkpoints: 3 });
  });

  it.each(["none", "os", "disk"] as const)(
    "with durability %s has everything in the file once it is closed",
    async (durability) => {
      const file = join(scratch(), "audit.jsonl");
      const { log } = await openLog(logOptions(file, { durability }));
      const committed = await Promise.all(Array.from({ length: 100 }, (_, i) => log.commit(record(i))));
      expect(committed).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      log.finish({ type: "log", event: "stop" });
      await log.close();
      expect(await verified(file)).toMatchObject({ damage: undefined, last: 102 });
    },
  );

  it("signs after so many records, and what was written since when it is closed", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log } = await openLog(logOptions(file, { checkpointRecords: 10 }));
    for (let i = 0; i < 25; i++) log.append(record(i));
    expect(
      recordsIn(file)
        .filter(({ type }) => type === "checkpoint")
        .map(({ seq }) => seq),
    ).toEqual([11, 22]);
    log.finish({ type: "log", event: "stop" });
    expect(await verified(file)).toMatchObject({ damage: undefined, checkpoints: 3, checkpointAt: 29 });
  });

  it("rotates by size under names that sort, compresses, keeps so many, and says what it removed", async () => {
    const file = join(scratch(), "audit.jsonl");
    const archive = { compress: true, maxFiles: 3, maxAgeMs: Infinity };
    const { log, reports } = await openLog(logOptions(file, { rotateBytes: 4096, archive }));
    for (let i = 0; i < 120; i++) log.append(record(i));
    log.finish({ type: "log", event: "stop" });
    await log.close();
    const again = await openLog(logOptions(file, { rotateBytes: 4096, archive }));
    await expect.poll(() => readdirSync(join(file, "..")).filter((name) => name.endsWith(".gz"))).toHaveLength(3);
    again.log.finish({ type: "log", event: "stop" });
    await again.log.close();
    expect(reports).toEqual([]);
    const names = readdirSync(join(file, ".."));
    const rotated = names.filter((name) => name.startsWith("audit-"));
    expect(rotated).toHaveLength(3);
    for (const name of rotated) {
      expect(name).toMatch(/^audit-\d{12}-\d{8}T\d{6}Z\.jsonl\.gz$/);
      expect(statSync(join(file, "..", name)).mode & 0o777).toBe(0o600);
    }
    expect(rotated.toSorted()).toEqual(
      filesOf(file)
        .slice(0, -1)
        .map(({ path }) => path.split("/").at(-1)),
    );
    const found = await verified(file);
    expect(found.damage).toBeUndefined();
    expect(found.first).toBeGreaterThan(1);
    expect(found.retiredTo).toBe(found.first - 1);
    const first = gunzipSync(readFileSync(filesOf(file)[0]!.path))
      .toString()
      .split("\n", 1)[0]!;
    expect(JSON.parse(first)).toMatchObject({ type: "log", event: "rotated", seq: found.first });
  });

  it("removes rotated files whose last record is too old, the oldest first, and says which", async () => {
    const file = join(scratch(), "audit.jsonl");
    const day = 86_400_000;
    const archive = { compress: false, maxFiles: 100, maxAgeMs: 7 * day };
    const { log } = await openLog(logOptions(file, { rotateBytes: 4096, archive }));
    while (filesOf(file).length < 5) log.append(record(0));
    const [first, second, third] = filesOf(file).map(({ path }) => path);
    const age = (path: string, days: number): void => utimesSync(path, 0, (Date.now() - days * day) / 1000);
    age(first!, 9);
    age(second!, 8);
    age(third!, 6);
    const count = filesOf(file).length;
    while (filesOf(file)[0]!.path !== third) log.append(record(0));
    log.finish({ type: "log", event: "stop" });
    expect(filesOf(file)).toHaveLength(count - 1);
    expect(recordsIn(file).find(({ event }) => event === "retired")).toMatchObject({
      files: [basename(first!), basename(second!)],
      upTo: filesOf(file)[0]!.first! - 1,
    });
    const found = await verified(file);
    expect(found).toMatchObject({ damage: undefined, retiredTo: found.first - 1 });
  });

  it("is read and verified as a whole where it is rotated after its files were listed", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log } = await openLog(logOptions(file, { rotateBytes: 4096 }));
    while (filesOf(file).length < 2) log.append(record(0));
    const listed = filesOf(file);
    while (filesOf(file).length < 5) log.append(record(0));
    log.finish({ type: "log", event: "stop" });
    const { last } = await verified(file);
    expect(await verifyLog(listed)).toMatchObject({ damage: undefined, first: 1, last });
    for (const after of [0, 3, listed.at(0)!.first! + 20]) {
      const read: number[] = [];
      for await (const found of readRecords(listed, { after })) read.push(found.record.seq);
      expect(read).toEqual(Array.from({ length: last - after }, (_, i) => after + 1 + i));
    }
    const named = listed.map(({ path, compressed }) => ({ path, compressed }));
    expect((await verifyLog(named)).damage?.what).toMatch(/are missing/);
  });

  it("rotates by age", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log } = await openLog(logOptions(file, { rotateMs: 1 }));
    for (let i = 0; i < 5; i++) log.append(record(i));
    await expect
      .poll(() => {
        log.append(record(0));
        return filesOf(file).length;
      })
      .toBeGreaterThan(1);
    expect((await verified(file)).damage).toBeUndefined();
  });

  it("goes on after a process that ended between the renaming and the new file", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log } = await openLog(logOptions(file));
    for (let i = 0; i < 5; i++) log.append(record(i));
    await log.close();
    renameSync(file, join(file, "..", "audit-000000000001-20260101T000000Z.jsonl"));
    const again = await openLog(logOptions(file));
    again.log.append(record(5));
    expect(await verified(file)).toMatchObject({ damage: undefined, records: 6, last: 6 });
  });

  it("cuts off what a crash has torn, keeps it beside the file, and goes on", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log } = await openLog(logOptions(file));
    for (let i = 0; i < 5; i++) log.append(record(i));
    await log.close();
    truncateSync(file, statSync(file).size - 40);
    const again = await openLog(logOptions(file));
    expect(again.log.torn?.file).toBe("audit-000000000005.torn");
    expect(readFileSync(join(file, "..", again.log.torn!.file), "utf8")).toContain('"seq":5');
    again.log.append(record(5));
    expect(await verified(file)).toMatchObject({ damage: undefined, records: 5 });
  });

  it("cuts off the zeros that a power cut leaves", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log } = await openLog(logOptions(file));
    log.append(record(0));
    await log.close();
    appendFileSync(file, Buffer.alloc(5000));
    const again = await openLog(logOptions(file));
    expect(again.log.torn).toMatchObject({ bytes: 5000 });
    again.log.append(record(1));
    expect(await verified(file)).toMatchObject({ damage: undefined, records: 2 });
  });

  it.each<[string, (file: string) => void, RegExp]>([
    ["holds no records", (file) => writeFileSync(file, "hello\nworld\n"), /holds no record/],
    ["is a link", (file) => symlinkSync("/etc/hostname", file), /symbolic link/],
    ["is a directory", (file) => mkdirSync(file), /cannot be opened/],
    [
      "has a key that others may read",
      (file) => (writeFileSync(file.replace("jsonl", "key"), ""), chmodSync(file.replace("jsonl", "key"), 0o644)),
      /chmod 600/,
    ],
    [
      "has a key that is none",
      (file) => writeFileSync(file.replace("jsonl", "key"), "x", { mode: 0o600 }),
      /no private key/,
    ],
  ])("whose file %s is refused, and the lock let go", async (_what, make, message) => {
    const file = join(scratch(), "audit.jsonl");
    make(file);
    await expect(openLog(logOptions(file))).rejects.toMatchObject({
      code: "ERR_SLUICE_AUDIT_LOG",
      message: expect.stringMatching(message) as string,
    });
    rmSync(join(file, ".."), { recursive: true });
    const { log } = await openLog(logOptions(file));
    expect(log.append(record(0))).toBe(1);
  });

  it("begins another file when its own is moved away or removed, and says so", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log, reports } = await openLog(logOptions(file));
    log.append(record(0));
    rmSync(file);
    await expect.poll(() => reports.join(), { timeout: 5000 }).toMatch(/moved or removed.*recovered, 0 lost/);
    log.append(record(1));
    expect(recordsIn(file).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it("begins another file when somebody else writes into its own", async () => {
    const file = join(scratch(), "audit.jsonl");
    const { log, reports } = await openLog(logOptions(file));
    log.append(record(0));
    appendFileSync(file, "intruder\n");
    await expect.poll(() => reports.join(), { timeout: 5000 }).toMatch(/somebody else/);
    log.append(record(1));
    expect((await verified(file)).damage).toMatchObject({ line: 2, what: "the line is no record" });
    expect(recordsIn(file).at(-1)).toMatchObject({ event: "lost", count: 1 });
  });
});

describe("the lock", () => {
  it("is free again when its owner was killed, and nothing that was written is lost", async () => {
    const file = join(scratch(), "audit.jsonl");
    const child = spawn(
      process.execPath,
      ["-C", "@sluice/source", "--import", "tsx", new URL("../test/writer.ts", import.meta.url).pathname, file],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    let told = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      told = Number(line);
      if (told >= 500) break;
    }
    await expect(openLog(logOptions(file))).rejects.toThrow(/another process writes it/);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    expect(existsSync(`${file}.lock`)).toBe(true);
    const { log } = await openLog(logOptions(file));
    log.append(record(0));
    const found = await verified(file);
    expect(found.damage).toBeUndefined();
    expect(found.last).toBeGreaterThan(told);
  });

  it("goes to one of two that start at once", async () => {
    const file = join(scratch(), "audit.jsonl");
    const both = await Promise.allSettled(
      [0, 1].map(() => AuditLog.open(logOptions(file), { failed: () => {}, recovered: () => {} })),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    for (const one of both) if (one.status === "fulfilled") await one.value.close();
  });
});
