import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { logOptions, openLog, scratch } from "../test/fixture.ts";
import { noHash, seal } from "./line.ts";
import type { AuditRecord } from "./record.ts";
import { keyBeside, verifyLog, type Verification } from "./verify.ts";

let original: Buffer;
let made = false;
let key: string;
let lines: string[];

/** Some 50 records with three checkpoints, closed in order. */
async function written(): Promise<{ readonly bytes: Buffer; readonly key: string }> {
  const file = join(scratch(), "audit.jsonl");
  const { log } = await openLog(logOptions(file, { checkpointRecords: 20 }));
  for (let i = 0; i < 45; i++)
    log.append({ type: "login", outcome: "refused", address: "203.0.113.7", user: `user${i}` });
  log.finish({ type: "log", event: "stop" });
  await log.close();
  return { bytes: readFileSync(file), key: keyBeside(file)! };
}

async function verify(content: Uint8Array | string, head?: string): Promise<Verification> {
  const file = join(scratch(), "audit.jsonl");
  writeFileSync(file, content);
  return verifyLog([{ path: file, compressed: false }], { keys: [key], ...(head === undefined ? {} : { head }) });
}

const text = (changed: readonly string[]): string => changed.map((line) => `${line}\n`).join("");

describe("verifying a log of some 50 records", () => {
  beforeEach(async () => {
    if (made) return;
    made = true;
    ({ bytes: original, key } = await written());
    lines = original.toString().split("\n").slice(0, -1);
  });

  it("finds nothing wrong with it as it was written", async () => {
    expect(await verify(original)).toMatchObject({ damage: undefined, records: 49, checkpoints: 3, checkpointAt: 49 });
  });

  it("notices each record that is removed, but for the last", async () => {
    for (let i = 0; i < lines.length - 1; i++) {
      const found = await verify(text(lines.toSpliced(i, 1)));
      if (i === 0) expect(found.first).toBe(2);
      else expect(found.damage).toMatchObject({ line: i + 1, what: `record ${i + 1} is missing` });
    }
  });

  it("notices each two neighbours that change places, and each record that stands there twice", async () => {
    for (let i = 0; i < lines.length - 1; i++) {
      const swapped = lines.toSpliced(i, 2, lines[i + 1]!, lines[i]!);
      expect((await verify(text(swapped))).damage?.line).toBe(i === 0 ? 2 : i + 1);
      expect((await verify(text(lines.toSpliced(i, 0, lines[i]!)))).damage?.line).toBe(i + 2);
    }
  });

  it("notices a cut within a record, and a cut between two by the head that was kept elsewhere", async () => {
    const { head } = await verify(original);
    for (const cut of [1, 2, 40, 100, 300]) {
      const found = await verify(original.subarray(0, original.length - cut), head);
      expect(found.damage).toBeDefined();
    }
    const shorter = text(lines.slice(0, -3));
    expect((await verify(shorter)).damage).toBeUndefined();
    expect((await verify(shorter, head)).damage?.what).toMatch(/expected head/);
    const earlier = (JSON.parse(lines[20]!) as AuditRecord).hash;
    expect((await verify(original, earlier)).damage).toBeUndefined();
  });

  it("notices a log that was written anew without the signing key", async () => {
    let prev = noHash;
    const forged = lines.map((line, i) => {
      const {
        v: _v,
        seq,
        time,
        prev: _prev,
        hash: _hash,
        ...body
      } = JSON.parse(line) as AuditRecord & Record<string, unknown>;
      const sealed = seal(i === 10 ? { ...body, user: "somebody else" } : body, seq, time, prev);
      prev = sealed.hash;
      return sealed.line.trimEnd();
    });
    const at = lines.findIndex((line, i) => i > 10 && line.includes('"checkpoint"'));
    expect((await verify(text(forged))).damage).toMatchObject({
      line: at + 1,
      what: expect.stringMatching(/signature/) as string,
    });
  });

  it("refuses checkpoints of a key that it was not given, and says when it was given none", async () => {
    const file = join(scratch(), "audit.jsonl");
    writeFileSync(file, original);
    const other = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
    const files = [{ path: file, compressed: false }];
    expect((await verifyLog(files, { keys: [other] })).damage?.what).toMatch(/signed by another key/);
    expect((await verifyLog(files, { keys: [other, key] })).damage).toBeUndefined();
    expect(await verifyLog(files)).toMatchObject({ damage: undefined, keys: [] });
  });
});
