import { pino } from "pino";

/** Writes one line; `fields` come first, as in pino. */
export interface LogMethod {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** Levels of log lines, the least important first; `silent` lets nothing through. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
/** A level of log lines. */
export type LogLevel = (typeof logLevels)[number];

/** What writes log lines. A pino logger is one. */
export interface Logger {
  level: string;
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** A logger whose lines carry `fields` as well. */
  child(fields: Record<string, unknown>): Logger;
}

/** How and where the server logs. */
export interface LogOptions {
  /** Lines below this level are dropped. @default "info" */
  readonly level?: LogLevel;
  /** A file path, or a descriptor number. Lines are written synchronously, so that a crash loses none. @default 1 (standard output) */
  readonly destination?: string | number;
}

/** Makes the logger of a server: JSON lines, times in ISO 8601. */
export function createLogger(options: LogOptions = {}): Logger {
  const destination = pino.destination({ dest: options.destination ?? 1, sync: true, mkdir: true });
  let told = false;
  // A full disk must not end the server: what cannot be logged is lost, and said so once.
  destination.on("error", (error: Error) => {
    if (!told) process.stderr.write(`The log cannot be written: ${error.message}\n`);
    told = true;
  });
  return pino(
    {
      level: options.level ?? "info",
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: escapeUnprintable },
    },
    destination,
  );
}

/**
 * JSON escapes the control characters of ASCII alone. The rest of what steers a terminal or hides text is escaped here, for whoever logs what a
 * stranger sent: outside of its strings a line of JSON holds none of it.
 */
function escapeUnprintable(line: string): string {
  return line.replace(/[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}
