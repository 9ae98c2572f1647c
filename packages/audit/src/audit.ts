import { resolve } from "node:path";
import { definePlugin, version, type Logger, type PluginFactory, type PluginHost } from "@sluice/core";
import { beside } from "./catalog.ts";
import { checkLog } from "./check.ts";
import { AuditLog, type LogOptions } from "./log.ts";
import { auditOptions, sinkName, type AuditOptions, type CheckedOptions } from "./options.ts";
import { Follower } from "./sinks/follower.ts";
import { openSink } from "./sinks/open.ts";
import { PositionFile } from "./sinks/position.ts";
import { noRecorder } from "./recorder.ts";
import { Trail } from "./trail.ts";

/** So long sinks may take for what is left when the server closes; what is left then follows after the next start. */
const drainMs = 3000;

/**
 * One record for each attempt to log in, session, transfer, change and refusal, in a file whose records are chained and signed.
 *
 * @throws SetupError `ERR_SLUICE_AUDIT_LOG` at the start, where the file cannot be written, is damaged, or is another process's.
 *
 * @example
 * server.register(audit({ file: "/var/log/sluice/audit.jsonl" }));
 */
export const audit: PluginFactory<AuditOptions> = definePlugin<AuditOptions, CheckedOptions>({
  name: "audit",
  options: auditOptions,
  async setup(host, options) {
    const file = resolve(options.file);
    const { mode, durability } = options;
    const sinks = options.sinks.map((sink) => openSink(sink, host.log));
    if (host.rehearsal) {
      checkLog(logOptions(file, options));
      register(host, new Trail(noRecorder, options.hash), mode);
      return;
    }
    const log = await AuditLog.open(logOptions(file, options), reportsTo(host.log));
    const followers: Follower[] = [];
    const trail = new Trail(log, options.hash);
    host.onClose(async () => {
      trail.close();
      log.finish({ type: "log", event: "stop" });
      await Promise.all(followers.map((follower) => follower.close(drainMs)));
      await log.close();
    });
    for (const [i, sink] of sinks.entries()) {
      const given = options.sinks[i];
      if (given === undefined) continue;
      const store = new PositionFile(beside(file, `.${sinkName(given)}.position`));
      followers.push(new Follower(log, file, sink, { store, retry: given.retry, reports: followerReports(host.log) }));
    }
    const { torn, key } = log;
    log.append({ type: "log", event: "start", version, key: key.fingerprint, mode, durability });
    if (torn !== undefined) {
      log.append({ type: "log", event: "torn", file: torn.file, bytes: torn.bytes });
      host.log.error(
        { ...torn },
        "The audit log ended in the middle of a record; what was left of it is kept beside it",
      );
    }
    host.log.info({ file, key: key.fingerprint, mode, durability }, "The audit log is open");
    register(host, trail, mode);
  },
});

function register(host: PluginHost, trail: Trail, mode: CheckedOptions["mode"]): void {
  trail.observe(host);
  if (mode === "strict") trail.enforce(host);
}

const dayMs = 86_400_000;

function logOptions(file: string, options: CheckedOptions): LogOptions {
  const { durability, rotate, retain, compress, checkpoint, signingKey } = options;
  return {
    file,
    durability,
    rotateBytes: rotate.bytes,
    rotateMs: rotate.hours * 3_600_000,
    archive: { compress, maxFiles: retain.files, maxAgeMs: retain.days * dayMs },
    checkpointRecords: checkpoint.records,
    checkpointMs: checkpoint.seconds * 1000,
    ...(signingKey === undefined ? {} : { signingKey: resolve(signingKey) }),
  };
}

function reportsTo(log: Logger): Parameters<typeof AuditLog.open>[1] {
  return {
    failed: (reason) => log.error({ reason }, "The audit log is not as it should be"),
    recovered: (lost, since) => log.warn({ lost, since: since.toISOString() }, "The audit log is written again"),
  };
}

function followerReports(log: Logger): ConstructorParameters<typeof Follower>[3]["reports"] {
  return {
    failed: (sink, reason, behind) => log.warn({ sink, reason, behind }, "An audit sink does not take records"),
    recovered: (sink, attempts) => log.info({ sink, attempts }, "An audit sink takes records again"),
    skipped: (sink, records) => log.error({ sink, records }, "Audit records were removed before a sink had them"),
  };
}
