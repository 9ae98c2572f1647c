import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer, type TestServerOptions } from "@sluice/testing";
import { onTestFinished } from "vitest";
import { audit } from "../src/audit.ts";
import { AuditLog, type LogOptions } from "../src/log.ts";
export { logOptions } from "./fixture-options.ts";
import type { AuditOptions } from "../src/options.ts";
import { recordSchema, type AuditRecord } from "../src/record.ts";

/** A directory that is gone when the test is. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-audit-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The records of a file, each checked with the schema. */
export function recordsIn(file: string): AuditRecord[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => recordSchema.parse(JSON.parse(line)));
}

/** A server with an audit trail; both are closed when the test ends. */
export async function audited(
  options: Partial<AuditOptions> = {},
  server: TestServerOptions = {},
): Promise<TestServer & { readonly file: string; records(): AuditRecord[] }> {
  const file = options.file ?? join(scratch(), "audit.jsonl");
  const fs = createMemoryFileSystem({ files: { "/old": "old content", "/dir/inner": "inner" } });
  const started = await startTestServer({
    fs,
    ...server,
    plugins: [audit({ file, ...options }), ...(server.plugins ?? [])],
  });
  onTestFinished(() => started.close());
  return { ...started, file, records: () => recordsIn(file) };
}

/** A log, and what it reported. */
export async function openLog(options: LogOptions): Promise<{ log: AuditLog; reports: string[] }> {
  const reports: string[] = [];
  const log = await AuditLog.open(options, {
    failed: (what) => void reports.push(what),
    recovered: (lost) => void reports.push(`recovered, ${lost} lost`),
  });
  onTestFinished(() => log.close());
  return { log, reports };
}
