import { z } from "zod";
import type { Durability } from "./log.ts";
import type { Format } from "./sinks/format.ts";
import type { Hashing } from "./transfer.ts";

/** What the audit trail may be told. */
export interface AuditOptions {
  /** The log, JSON lines; its key, its rotated files and what else belongs to it stand beside it. Its directory is made where there is none. */
  readonly file: string;
  /**
   * What happens when records cannot be written. `available`: the server goes on, and what was lost is counted, logged and recorded later. `strict`:
   * logins, sessions, opens, transfers and changes are refused until they can be recorded, and an intent is written before each change. @default "available"
   */
  readonly mode?: "available" | "strict";
  /**
   * When a record counts as written. `none`: within 100 ms, a crash of the process loses it. `os`: when the kernel has it, before the reply;
   * a power cut may lose it. `disk`: after `fdatasync`, shared by all that wait; in strict mode before the reply. @default "os"
   */
  readonly durability?: Durability;
  /** Which transfers get a SHA-256; computing it costs about 0.5 ms for each MiB. @default "uploads" */
  readonly hash?: Hashing;
  /** When a new file is begun: at a size in bytes, or an age in hours. @default { bytes: 67108864, hours: 24 } */
  readonly rotate?: { readonly bytes?: number; readonly hours?: number };
  /** How many rotated files are kept, and for how many days. @default { files: 100, days: 365 } */
  readonly retain?: { readonly files?: number; readonly days?: number };
  /** Whether rotated files are compressed, in the background. @default true */
  readonly compress?: boolean;
  /** How often what has been written is signed: after so many records, or so many seconds with new ones. @default { records: 1000, seconds: 60 } */
  readonly checkpoint?: { readonly records?: number; readonly seconds?: number };
  /** The Ed25519 private key that signs checkpoints, PEM; made where there is none. @default the file's name with the ending .key */
  readonly signingKey?: string;
  /** Who else is told. Each follows the file at its own pace. @default [] */
  readonly sinks?: readonly SinkOptions[];
}

interface SinkBase {
  /** Names the sink in logs and its position file; two of one type need different ones. @default the type */
  readonly name?: string;
  /** @default "json" */
  readonly format?: Format;
  /** How soon what was not taken is brought again: doubling from `minMs` to `maxMs`, with jitter. @default { minMs: 1000, maxMs: 60000 } */
  readonly retry?: { readonly minMs?: number; readonly maxMs?: number };
}

/** Who else is told. */
export type SinkOptions =
  | (SinkBase & {
      readonly type: "syslog";
      readonly host: string;
      /** @default 6514 with TLS, 514 without */
      readonly port?: number;
      /** `true`: with the system's authorities. An object: files in PEM, and the name the certificate must have. `false`: in the clear. @default true */
      readonly tls?:
        | boolean
        | {
            readonly caFile?: string;
            readonly certFile?: string;
            readonly keyFile?: string;
            readonly serverName?: string;
          };
      /** RFC 5424, table 1. @default 13 (log audit) */
      readonly facility?: number;
      /** @default "sluice" */
      readonly appName?: string;
    })
  | (SinkBase & {
      readonly type: "webhook";
      /** `https://…`; `http://` for tests and the loopback. */
      readonly url: string;
      /** Sent with each request, such as `authorization`. @default {} */
      readonly headers?: Readonly<Record<string, string>>;
      /** Authorities to trust instead of the system's, PEM. */
      readonly caFile?: string;
      /** @default 30000 */
      readonly timeoutMs?: number;
    })
  | (SinkBase & {
      /** The server's own log. */
      readonly type: "log";
      /** @default "info" */
      readonly level?: "debug" | "info" | "warn";
    });

const path = z.string().min(1);
const base = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, "1 to 32 letters, digits, - and _ are needed")
    .optional(),
  format: z.enum(["json", "ecs", "cef"]).default("json"),
  retry: z
    .strictObject({ minMs: z.number().int().min(1).default(1000), maxMs: z.number().int().min(1).default(60_000) })
    .prefault({}),
};

const sink = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("syslog"),
    ...base,
    host: z.string().min(1),
    port: z.number().int().min(1).max(65_535).optional(),
    tls: z
      .union([
        z.boolean(),
        z.strictObject({
          caFile: path.optional(),
          certFile: path.optional(),
          keyFile: path.optional(),
          serverName: z.string().min(1).optional(),
        }),
      ])
      .default(true),
    facility: z.number().int().min(0).max(23).default(13),
    appName: z.string().min(1).max(48).default("sluice"),
  }),
  z.strictObject({
    type: z.literal("webhook"),
    ...base,
    url: z.url({ protocol: /^https?$/ }),
    headers: z.record(z.string(), z.string()).default({}),
    caFile: path.optional(),
    timeoutMs: z.number().int().min(1).default(30_000),
  }),
  z.strictObject({
    type: z.literal("log"),
    ...base,
    level: z.enum(["debug", "info", "warn"]).default("info"),
  }),
]);

/** What every sink has once its defaults are filled in. */
interface CheckedBase {
  readonly name?: string | undefined;
  readonly format: Format;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
}

/** Files of TLS, each where it is given. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly serverName?: string | undefined;
}

/** A sink with its defaults filled in. */
export type CheckedSink =
  | (CheckedBase & {
      readonly type: "syslog";
      readonly host: string;
      readonly port?: number | undefined;
      readonly tls: boolean | TlsFiles;
      readonly facility: number;
      readonly appName: string;
    })
  | (CheckedBase & {
      readonly type: "webhook";
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly caFile?: string | undefined;
      readonly timeoutMs: number;
    })
  | (CheckedBase & { readonly type: "log"; readonly level: "debug" | "info" | "warn" });

/** Options with their defaults. */
export interface CheckedOptions {
  readonly file: string;
  readonly mode: "available" | "strict";
  readonly durability: Durability;
  readonly hash: Hashing;
  readonly rotate: { readonly bytes: number; readonly hours: number };
  readonly retain: { readonly files: number; readonly days: number };
  readonly compress: boolean;
  readonly checkpoint: { readonly records: number; readonly seconds: number };
  readonly signingKey?: string | undefined;
  readonly sinks: readonly CheckedSink[];
}

/** Checks options and fills in what is left out. */
const schema: z.ZodType<CheckedOptions> = z
  .strictObject({
    file: path,
    mode: z.enum(["available", "strict"]).default("available"),
    durability: z.enum(["none", "os", "disk"]).default("os"),
    hash: z.enum(["uploads", "all", "none"]).default("uploads"),
    rotate: z
      .strictObject({
        bytes: z
          .number()
          .int()
          .min(4096)
          .default(64 * 1024 * 1024),
        hours: z.number().positive().default(24),
      })
      .prefault({}),
    retain: z
      .strictObject({ files: z.number().int().min(1).default(100), days: z.number().positive().default(365) })
      .prefault({}),
    compress: z.boolean().default(true),
    checkpoint: z
      .strictObject({ records: z.number().int().min(1).default(1000), seconds: z.number().positive().default(60) })
      .prefault({}),
    signingKey: path.optional(),
    sinks: z.array(sink).default([]),
  })
  .refine((options) => options.mode !== "strict" || options.durability !== "none", {
    path: ["durability"],
    message: 'strict mode cannot refuse what it does not know of: choose "os" or "disk"',
  })
  .refine((options) => new Set(options.sinks.map(sinkName)).size === options.sinks.length, {
    path: ["sinks"],
    message: "two sinks have the same name; give one of them another",
  });

/** The same, with the type of what is given. */
export const auditOptions: z.ZodType<CheckedOptions, AuditOptions> = schema as z.ZodType<CheckedOptions, AuditOptions>;

/** What a sink is called. */
export function sinkName(given: { readonly type: string; readonly name?: string | undefined }): string {
  return given.name ?? given.type;
}
