import type { LogOptions } from "../src/log.ts";

/** What a log is opened with in tests: small, and quiet about time. */
export function logOptions(file: string, more: Partial<LogOptions> = {}): LogOptions {
  return {
    file,
    durability: "os",
    rotateBytes: 64 * 1024 * 1024,
    rotateMs: 86_400_000,
    archive: { compress: false, maxFiles: 100, maxAgeMs: Infinity },
    checkpointRecords: 1000,
    checkpointMs: 60_000,
    ...more,
  };
}
