import type { Logger, LogLevel, LogMethod } from "@sluice/core";

/** One log line. */
export interface LogRecord {
  readonly level: Exclude<LogLevel, "silent">;
  readonly message: string;
  /** The line's own fields and those of the loggers that it came through. Errors stand under `err`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps what is logged. */
export interface CapturedLog extends Logger {
  /** Oldest first; at most the last 10,000. */
  readonly records: readonly LogRecord[];
  /**
   * Resolves to the first record that `matches`, one logged already or one to come.
   *
   * @param timeoutMs after so long it rejects, with the last records in the message. @default 5000
   */
  waitFor(matches: (record: LogRecord) => boolean, timeoutMs?: number): Promise<LogRecord>;
  /** All records as text, one line each, with errors in full: to look for what must not be there. */
  text(): string;
}

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
const maxRecords = 10_000;

/** What all children of one captured log share. */
class Records {
  readonly list: LogRecord[] = [];
  readonly waiters: Set<(record: LogRecord) => void> = new Set();

  add(record: LogRecord): void {
    if (this.list.push(record) > maxRecords) this.list.shift();
    for (const waiter of this.waiters) waiter(record);
  }

  waitFor(matches: (record: LogRecord) => boolean, timeoutMs: number): Promise<LogRecord> {
    const found = this.list.find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const waiter = (record: LogRecord): void => {
        if (!matches(record)) return;
        done();
        resolve(record);
      };
      const timer = setTimeout(() => {
        done();
        const last = this.list.slice(-10).map(lineOf).join("\n");
        reject(new Error(`No such record within ${timeoutMs} ms; the last ones are:\n${last}`));
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
      };
      this.waiters.add(waiter);
    });
  }
}

/**
 * A logger that writes nothing and keeps everything, from level `trace` on.
 *
 * @example
 * const log = capturedLog();
 * const server = createServer({ hostKeys, log });
 * await log.waitFor((record) => record.message === "Logged in");
 */
export function capturedLog(): CapturedLog {
  return loggerFor(new Records(), {});
}

function loggerFor(records: Records, context: Readonly<Record<string, unknown>>): CapturedLog {
  const logger = {
    level: "trace",
    records: records.list,
    waitFor: (matches: (record: LogRecord) => boolean, timeoutMs = 5000) => records.waitFor(matches, timeoutMs),
    text: () => records.list.map(lineOf).join("\n"),
    child: (fields: Record<string, unknown>) => loggerFor(records, { ...context, ...fields }),
  };
  const method = (level: LogRecord["level"]): LogMethod => {
    return (first: object | string, message?: string) => {
      if (levels.indexOf(level) < rankOf(logger.level)) return;
      const own = typeof first === "string" ? {} : first instanceof Error ? { err: first } : first;
      const text = typeof first === "string" ? first : (message ?? "");
      records.add({ level, message: text, fields: { ...context, ...own } });
    };
  };
  const methods = Object.fromEntries(levels.map((level) => [level, method(level)]));
  return Object.assign(logger, methods as Record<LogRecord["level"], LogMethod>);
}

function rankOf(level: string): number {
  const rank = (levels as readonly string[]).indexOf(level);
  return rank === -1 ? levels.length : rank;
}

function lineOf({ level, message, fields }: LogRecord): string {
  const seen = new WeakSet();
  const text = JSON.stringify(fields, (_key, value: unknown) => {
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (seen.has(value)) return "[seen before]";
    seen.add(value);
    if (!(value instanceof Error)) return value;
    const { name, message, stack, cause } = value;
    return { name, message, stack, cause, ...Object.fromEntries(Object.entries(value)) };
  });
  return `${level} ${message} ${text}`;
}
