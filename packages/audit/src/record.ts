import { z } from "zod";

/** The version of the records' schema. It grows when a field changes its meaning or goes away; new fields do not change it. */
export const recordVersion = 1;

const count = z.number().int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const head = {
  v: z.literal(recordVersion).describe("Version of this schema"),
  seq: z
    .number()
    .int()
    .min(1)
    .describe("1 for the first record of a log, one more for each that follows, across rotation and restarts"),
  time: z.iso.datetime({ precision: 3 }).describe("When the record was written, in UTC"),
};
const chain = {
  prev: hash.describe("The hash of the record before; 64 zeros for the first"),
  hash: hash.describe('SHA-256 of the line\'s bytes up to and without `,"hash":`'),
};

const peer = {
  address: z.string().describe("Where the client connected from"),
  port: z.number().int().min(0).max(65_535),
  user: z.string().describe("The canonical name; of logins, the name as it was sent"),
  connection: z.string().describe("Unique in the process that served it"),
  client: z.string().describe("The client's identification, without SSH-2.0-"),
  factors: z.array(z.string()).describe("Names of the methods that were proven, in order"),
};
const inSession = { ...peer, session: z.string().describe("Unique in the process that served it") };

const flags = z.array(z.enum(["read", "write", "append", "create", "truncate", "exclusive"]));
const status = z.string().describe("`ok`, or why not, in the words of SFTP v6");

const refusal = {
  status,
  message: z.string().optional().describe("What the client read"),
  rule: z
    .string()
    .optional()
    .describe("What refused: plugin, rule, reason, where the refusal says so; an errno of the storage"),
};

const subject = {
  path: z.string().optional().describe("What was served. Bytes that are not UTF-8 stand as U+DC80 to U+DCFF"),
  to: z.string().optional().describe("The second path: of rename and copy the target, of link what it names"),
  target: z.string().optional().describe("What a symbolic link points to, 4,096 characters at most"),
  original: z
    .object({ path: z.string().optional(), to: z.string().optional() })
    .optional()
    .describe("What the client asked for, where a plugin diverted it"),
  flags: flags.optional(),
  attributes: z
    .object({
      size: count,
      mode: count,
      uid: count,
      gid: count,
      owner: z.string(),
      group: z.string(),
      atimeMs: z.number(),
      mtimeMs: z.number(),
      birthtimeMs: z.number(),
      acl: z.boolean(),
      extended: count,
    })
    .partial()
    .optional()
    .describe("What was to be set; `acl` says that there was one, `extended` how many"),
  position: count.optional(),
  toPosition: count.optional(),
  length: count.optional().describe("0 means to the end of the file"),
  extension: z.string().optional(),
};

const intent = z.number().int().min(1).optional().describe("`seq` of the intent that came before, in strict mode");

const login = z
  .object({
    ...head,
    type: z.literal("login"),
    outcome: z.enum(["ok", "refused"]).describe("ok: this factor was proven. A policy may ask for more"),
    ...peer,
    mechanism: z.string(),
    reason: z.string().optional(),
    ...chain,
  })
  .describe("One attempt to log in");

const session = z
  .object({
    ...head,
    type: z.literal("session"),
    outcome: z.literal("ended"),
    ...inSession,
    intent,
    reason: z.string(),
    openedAt: z.iso.datetime({ precision: 3 }),
    durationMs: z.number().min(0),
    files: count.describe("Files that were opened"),
    bytesRead: count.describe("Sent to the client"),
    bytesWritten: count.describe("Stored"),
    changes: count.describe("Operations that changed something, transfers aside"),
    refusals: count.describe("Operations that were refused or failed, and have a record"),
    ...chain,
  })
  .describe("One SFTP session, at its end");

const operation = z
  .object({
    ...head,
    type: z.literal("operation"),
    outcome: z.enum(["ok", "refused", "failed"]).describe("failed: an error of the server, not a refusal"),
    ...inSession,
    intent,
    op: z.string(),
    ...subject,
    ...refusal,
    durationMs: z.number().min(0),
    ...chain,
  })
  .describe("One operation that changed something, or was refused");

const transfer = z
  .object({
    ...head,
    type: z.literal("transfer"),
    outcome: z
      .enum(["completed", "aborted", "refused"])
      .describe("aborted: the client left without a close. refused: the close was"),
    ...inSession,
    intent,
    direction: z.enum(["download", "upload", "both", "none"]),
    path: z.string(),
    original: z.object({ path: z.string().optional() }).optional(),
    flags,
    openedAt: z.iso.datetime({ precision: 3 }),
    durationMs: z.number().min(0),
    bytesRead: count,
    bytesWritten: count,
    bytesPerSecond: count,
    sequential: z.boolean().describe("Each byte once and without a gap, from `from` on"),
    from: count.describe("The lowest position that was read or written"),
    sha256: hash.nullable().describe("Of the bytes that passed, where they were the file's first ones, each once"),
    sha256Reason: z
      .enum(["off", "empty", "resumed", "gaps", "overlap", "random", "append", "both", "failed", "copied", "resized"])
      .optional()
      .describe("Why there is no hash"),
    failures: z
      .object({ count, op: z.string(), ...refusal })
      .optional()
      .describe("Requests on the open file that failed: how many, and the first of them"),
    ...refusal,
    ...chain,
  })
  .describe("One open file from open to close");

const announced = z
  .object({
    ...head,
    type: z.literal("intent"),
    ...inSession,
    op: z.string(),
    ...subject,
    bytesWritten: count.optional(),
    sha256: hash.nullable().optional(),
    ...chain,
  })
  .describe(
    "What is about to be done, in strict mode. Without a record that names its `seq`, the outcome is not known",
  );

const log = z
  .object({
    ...head,
    type: z.literal("log"),
    event: z.enum(["start", "stop", "rotated", "torn", "lost", "retired"]),
    version: z.string().optional().describe("start: of the server"),
    key: z.string().optional().describe("start: fingerprint of the key that signs the checkpoints"),
    mode: z.string().optional(),
    durability: z.string().optional(),
    file: z.string().optional().describe("rotated: the file before. torn: where the rest was put"),
    bytes: count.optional(),
    count: count.optional().describe("lost: records that could not be written"),
    since: z.string().optional(),
    reason: z.string().optional(),
    files: z.array(z.string()).optional().describe("retired: files removed"),
    upTo: count.optional().describe("retired: `seq` of the last record removed"),
    ...chain,
  })
  .describe("Something about the log itself");

const checkpoint = z
  .object({
    ...head,
    type: z.literal("checkpoint"),
    key: z.string().describe("Fingerprint of the key: SHA-256 of its SPKI, in base64"),
    signature: z
      .string()
      .describe("Ed25519, in base64, over `sluice-audit-checkpoint-v1`, seq, prev and time, each with a newline"),
    ...chain,
  })
  .describe("A signature over everything before");

/** The schema of a record; `schema/record.v1.json` is made from it. */
export const recordSchema: z.ZodType<AuditRecord> = z
  .discriminatedUnion("type", [login, session, operation, transfer, announced, log, checkpoint])
  .meta({ title: "Sluice audit record, version 1" });

/** What every record has. */
export interface RecordHead {
  readonly v: 1;
  readonly seq: number;
  readonly time: string;
  readonly prev: string;
  readonly hash: string;
}

/** The kinds of records. */
export const recordTypes = ["login", "session", "operation", "transfer", "intent", "log", "checkpoint"] as const;
/** A kind of record. */
export type RecordType = (typeof recordTypes)[number];

/** One record as it is read back; the fields of its type are those of the published schema. */
export interface AuditRecord extends RecordHead {
  readonly type: RecordType;
  readonly outcome?: string;
  readonly [field: string]: unknown;
}

/** Fields that are the same in many records, already in JSON: they stand after type and outcome. */
export const common: unique symbol = Symbol("common");

/** A record before it is numbered, dated and chained. */
export interface RecordBody {
  readonly type: RecordType;
  readonly outcome?: string;
  readonly [common]?: string;
  readonly [field: string]: unknown;
}
