import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordSchema, type AuditRecord } from "@sluice/audit";
import { onTestFinished } from "vitest";

/** A directory that is gone when the test is. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-audit-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The records of a file, each checked with the published schema's source. */
export function recordsIn(file: string): AuditRecord[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => recordSchema.parse(JSON.parse(line)));
}
