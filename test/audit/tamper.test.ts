import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { audit, keyBeside, verifyLog } from "@sluice/audit";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { expect, it } from "vitest";
import { scratch } from "./fixture.ts";

/** Each byte costs a verification: one in seven is tried, another seventh each time; all of them with SLUICE_AUDIT_BYTES=all. */
const step = process.env["SLUICE_AUDIT_BYTES"] === "all" ? 1 : 7;

it("notices each byte of some 50 records that is flipped, in the line where it is", async () => {
  const file = join(scratch(), "audit.jsonl");
  const server = await startTestServer({
    fs: createMemoryFileSystem(),
    plugins: [audit({ file, checkpoint: { records: 20 } })],
  });
  const client = await (await server.connect()).sftp();
  for (let i = 0; i < 22; i++) await client.mkdir(`/directory ${i}`);
  for (let i = 0; i < 22; i++) await client.rmdir(`/directory ${i}`);
  await server.close();
  const original = readFileSync(file);
  const keys = [keyBeside(file)!];
  const files = [{ path: file, compressed: false }];
  expect(await verifyLog(files, { keys })).toMatchObject({ damage: undefined, checkpoints: 3 });
  let line = 1;
  const missed: unknown[] = [];
  const chosen = Math.floor(Math.random() * step);
  for (let at = 0; at < original.length; at++) {
    if (at % step !== chosen && original[at] !== 0x0a) continue;
    const changed = Buffer.from(original);
    changed[at] = (original[at] ?? 0) ^ (1 << (at % 8));
    writeFileSync(file, changed);
    const { damage } = await verifyLog(files, { keys });
    if (damage?.line !== line) missed.push({ at, line, damage });
    if (original[at] === 0x0a) line += 1;
  }
  expect(line).toBeGreaterThan(48);
  expect(missed, `bytes ${chosen} of each ${step}`).toEqual([]);
});
