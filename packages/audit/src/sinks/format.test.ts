import { describe, expect, it } from "vitest";
import { audited } from "../../test/fixture.ts";
import type { AuditRecord } from "../record.ts";
import { cefOf } from "./cef.ts";
import { ecsOf } from "./ecs.ts";
import { lineOf } from "./format.ts";
import { syslogMessage } from "./syslog.ts";

const record = {
  v: 1,
  seq: 42,
  time: "2026-11-22T20:00:00.123Z",
  type: "transfer",
  outcome: "completed",
  address: "203.0.113.7",
  port: 4711,
  user: "ev|il=\\user",
  client: "WinSCP_6.3",
  path: "/in/a=b|c\nd\u202ee",
  direction: "upload",
  bytesRead: 0,
  bytesWritten: 1234,
  durationMs: 12.5,
  sha256: "a".repeat(64),
  prev: "0".repeat(64),
  hash: "1".repeat(64),
} as unknown as AuditRecord;
const entry = { record, line: JSON.stringify(record) };

describe("formats", () => {
  it("ECS has its own fields, and the whole record beside them", () => {
    expect(ecsOf(record)).toEqual({
      "@timestamp": record.time,
      ecs: { version: "8.11.0" },
      event: {
        kind: "event",
        module: "sluice",
        dataset: "sluice.audit",
        category: ["file", "network"],
        type: ["change"],
        action: "upload",
        outcome: "success",
        sequence: 42,
        hash: record.hash,
        duration: 12_500_000,
      },
      source: { ip: "203.0.113.7", port: 4711 },
      user: { name: record["user"] },
      user_agent: { original: "WinSCP_6.3" },
      network: { application: "sftp" },
      file: { path: record["path"], size: 1234, hash: { sha256: "a".repeat(64) } },
      sluice: record,
    });
  });

  it("CEF escapes what separates its fields, and is one line", () => {
    const line = cefOf(record);
    expect(line).toMatch(
      /^CEF:0\|Sluice\|audit\|1\|transfer\|transfer upload\|2\|rt=1795377600123 src=203\.0\.113\.7 spt=4711 /,
    );
    expect(line).toContain(String.raw`suser=ev|il\=\\user`);
    expect(line).toContain(String.raw`filePath=/in/a\=b|c\\x0ad\\u{202e}e`);
    expect(line).toContain("in=1234");
  });

  it.each(["json", "ecs", "cef"] as const)("%s is one line without control characters", (format) => {
    const visibleLine = lineOf({ record, line: lineOf(entry, "ecs") }, format);
    expect(visibleLine).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it("a syslog message has the header of RFC 5424, and announces UTF-8 where it is more than ASCII", () => {
    const options = { facility: 13, appName: "sluice", format: "json" } as const;
    const plain = syslogMessage({ record: { ...record, outcome: "refused" }, line: "{}" }, options).toString("utf8");
    expect(plain).toMatch(
      /^<108>1 2026-11-22T20:00:00\.123Z [\x21-\x7e]+ sluice \d+ transfer \[meta sequenceId="42"\] \{\}$/,
    );
    const utf8 = syslogMessage({ record, line: "{ä}" }, options);
    expect(utf8.includes(Buffer.from("] \ufeff{ä}"))).toBe(true);
  });
});

describe("the server's log", () => {
  it("is a sink as well", async () => {
    const { connect, close, log, records } = await audited({ sinks: [{ type: "log" }] });
    await (await (await connect()).sftp()).mkdir("/x");
    await close();
    const logged = log.records.filter(({ message }) => message === "Audit").map(({ fields }) => fields["audit"]);
    expect(logged).toEqual(records());
  });
});
