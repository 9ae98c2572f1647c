import type { AuditRecord } from "../record.ts";

const categories: Readonly<Record<string, readonly string[]>> = {
  login: ["authentication"],
  session: ["session", "network"],
  operation: ["file"],
  transfer: ["file", "network"],
  intent: ["file"],
};
const outcomes: Readonly<Record<string, string>> = {
  ok: "success",
  completed: "success",
  ended: "success",
  refused: "failure",
  failed: "failure",
  aborted: "failure",
};
const types: Readonly<Record<string, string>> = {
  mkdir: "creation",
  symlink: "creation",
  link: "creation",
  remove: "deletion",
  rmdir: "deletion",
  upload: "change",
  download: "access",
};

/** A record in the Elastic Common Schema, version 8.11; all of it stands under `sluice` as well. */
export function ecsOf(record: AuditRecord): Record<string, unknown> {
  const text = (name: string): string | undefined => {
    const value = record[name];
    return typeof value === "string" ? value : undefined;
  };
  const number = (name: string): number | undefined => {
    const value = record[name];
    return typeof value === "number" ? value : undefined;
  };
  const action = text("op") ?? text("direction") ?? text("event") ?? record.type;
  const durationMs = number("durationMs");
  const size = Math.max(number("bytesRead") ?? 0, number("bytesWritten") ?? 0);
  const sha256 = text("sha256");
  return pruned({
    "@timestamp": record.time,
    ecs: { version: "8.11.0" },
    event: {
      kind: "event",
      module: "sluice",
      dataset: "sluice.audit",
      category: categories[record.type],
      type: record.outcome === "refused" ? ["denied"] : [types[action] ?? "info"],
      action,
      outcome: outcomes[record.outcome ?? ""] ?? "unknown",
      sequence: record.seq,
      hash: record.hash,
      duration: durationMs === undefined ? undefined : Math.round(durationMs * 1e6),
      reason: text("reason") ?? text("message"),
    },
    source: { ip: text("address"), port: number("port") },
    user: { name: text("user") },
    user_agent: { original: text("client") },
    network: text("address") === undefined ? undefined : { application: "sftp" },
    rule: { name: text("rule") },
    file: {
      path: text("path"),
      target_path: text("to") ?? text("target"),
      size: record.type === "transfer" ? size : undefined,
      hash: sha256 === undefined ? undefined : { sha256 },
    },
    sluice: record,
  });
}

/** Without what is not known, and the groups that are empty for it. */
function pruned(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const nested = typeof value === "object" && value !== null && !Array.isArray(value) && name !== "sluice";
    const left = nested ? pruned(value as Record<string, unknown>) : value;
    if (left === undefined || (nested && Object.keys(left as object).length === 0)) continue;
    kept[name] = left;
  }
  return kept;
}
