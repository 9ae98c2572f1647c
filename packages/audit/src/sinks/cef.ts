import { printable } from "@sluice/core";
import type { AuditRecord } from "../record.ts";

const severities: Readonly<Record<string, number>> = { refused: 5, failed: 7, aborted: 4 };

/** The record's fields by the keys of CEF's dictionary; what has none stands in the custom fields. */
const keys: readonly (readonly [key: string, field: string])[] = [
  ["src", "address"],
  ["spt", "port"],
  ["suser", "user"],
  ["outcome", "outcome"],
  ["act", "op"],
  ["filePath", "path"],
  ["in", "bytesWritten"],
  ["out", "bytesRead"],
  ["fileHash", "sha256"],
  ["reason", "reason"],
  ["msg", "message"],
  ["requestClientApplication", "client"],
  ["externalId", "seq"],
];
const custom: readonly (readonly [label: string, field: string])[] = [
  ["session", "session"],
  ["connection", "connection"],
  ["rule", "rule"],
  ["secondPath", "to"],
  ["status", "status"],
  ["mechanism", "mechanism"],
];

/** A record as one line in the Common Event Format, version 0. */
export function cefOf(record: AuditRecord): string {
  const what = [record.type, record["op"] ?? record["direction"] ?? record["event"]].filter(isText).join(" ");
  const severity =
    record["event"] === "lost" || record["event"] === "torn" ? 8 : (severities[record.outcome ?? ""] ?? 2);
  const header = ["CEF:0", "Sluice", "audit", String(record.v), record.type, what, String(severity)];
  const fields: string[] = [`rt=${Date.parse(record.time)}`];
  for (const [key, field] of keys) {
    const value = record[field];
    if (isScalar(value)) fields.push(`${key}=${extension(value)}`);
  }
  let number = 0;
  for (const [label, field] of custom) {
    const value = record[field];
    if (!isScalar(value)) continue;
    number += 1;
    fields.push(`cs${number}Label=${label}`, `cs${number}=${extension(value)}`);
  }
  return `${header.map((part) => printable(part).replaceAll(/[\\|]/g, "\\$&")).join("|")}|${fields.join(" ")}`;
}

function extension(value: string | number): string {
  return printable(String(value)).replaceAll(/[\\=]/g, "\\$&");
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isScalar(value: unknown): value is string | number {
  return typeof value === "number" || (typeof value === "string" && value !== "");
}
