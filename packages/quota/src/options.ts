import { readSize, sftpPath } from "@sluice/core";
import { z } from "zod";

/** A number of bytes: a number, or text such as `10 GiB` or `500 MB`, as `readSize` of core takes it. */
export type Bytes = number | string;

/** How much may be stored. What is left out has no limit. */
export interface StorageLimits {
  /** Sum of the sizes of all files. */
  readonly bytes?: Bytes;
  /** Files, folders and links together. */
  readonly files?: number;
}

/** How much a folder may hold. */
export interface TreeLimits extends StorageLimits {
  /** Whether each user has a folder of their own by that path. @default false */
  readonly perUser?: boolean;
}

/** How much may be moved, by direction: `up` to the server, `down` to the client. */
export interface DirectionLimits {
  readonly up?: Bytes;
  readonly down?: Bytes;
}

/** Options of `quota`. */
export interface QuotaOptions {
  /** By user's name; `*` is for all whom no other entry names. Counts what the user's sessions store and delete. @default {} */
  readonly users?: Readonly<Record<string, StorageLimits>>;
  /** By group's name: all members together. @default {} */
  readonly groups?: Readonly<Record<string, StorageLimits>>;
  /** By path as clients see it, whoever writes there; `*` stands for one name: each folder that it matches has a limit of its own. @default {} */
  readonly trees?: Readonly<Record<string, TreeLimits>>;
  /** The names of users' claims that hold limits of their own, before those of `users`. @default no claims are asked */
  readonly claims?: { readonly bytes?: string; readonly files?: string };
  /** Bytes a second; a short time of more is made up for. Counted in each process. @default no limit */
  readonly bandwidth?: { readonly session?: DirectionLimits; readonly user?: DirectionLimits };
  /** Bytes of each user in a calendar day or month, by UTC, in all processes together. @default no limit */
  readonly transfer?: { readonly day?: DirectionLimits; readonly month?: DirectionLimits };
  /** Sessions that a user may have at once, in all processes together. @default no limit */
  readonly sessions?: number;
  /** Files that a user may have open for writing at once, in all processes together. @default no limit */
  readonly uploads?: number;
  /** What is reserved at a time, at most; less where little is left. @default "1 MiB" */
  readonly chunk?: Bytes;
}

const bytes = z
  .union([z.number(), z.string()], { error: 'expected a size such as "10 MiB"' })
  .transform((input, ctx) => {
    try {
      return readSize(input);
    } catch (error) {
      ctx.addIssue({ code: "custom", message: (error as RangeError).message });
      return z.NEVER;
    }
  });

function isClean(text: string): boolean {
  try {
    return sftpPath(text) === text;
  } catch {
    return false;
  }
}

const count = z.number().int().min(0);
const storage = z.strictObject({ bytes: bytes.optional(), files: count.optional() });
const tree = storage.extend({ perUser: z.boolean().default(false) });
const rate = bytes.refine((value) => value >= 1024, "expected at least 1 KiB a second");
const path = z.string().refine((text) => text.startsWith("/") && isClean(text) && text !== "/", {
  message: "expected a path that begins with /, without .. or a slash at the end, such as /projects or /home/*",
});
const rates = z.strictObject({ up: rate.optional(), down: rate.optional() });
const amounts = z.strictObject({ up: bytes.optional(), down: bytes.optional() });

/** Limits of storage, checked. */
export interface StorageSettings {
  readonly bytes?: number | undefined;
  readonly files?: number | undefined;
}

/** Limits of a folder, checked. */
export interface TreeSettings extends StorageSettings {
  readonly perUser: boolean;
}

/** Limits by direction, checked. */
export interface DirectionSettings {
  readonly up?: number | undefined;
  readonly down?: number | undefined;
}

/** The options, checked and complete. */
export interface QuotaSettings {
  readonly users: Readonly<Record<string, StorageSettings>>;
  readonly groups: Readonly<Record<string, StorageSettings>>;
  readonly trees: Readonly<Record<string, TreeSettings>>;
  readonly claims: { readonly bytes?: string | undefined; readonly files?: string | undefined };
  readonly bandwidth: { readonly session: DirectionSettings; readonly user: DirectionSettings };
  readonly transfer: { readonly day: DirectionSettings; readonly month: DirectionSettings };
  readonly sessions?: number | undefined;
  readonly uploads?: number | undefined;
  readonly chunk: number;
}

/** Checks the options, and fills in what is left out. */
export const quotaSchema: z.ZodType<QuotaSettings, QuotaOptions> = z.strictObject({
  users: z.record(z.string(), storage).default({}),
  groups: z.record(z.string(), storage).default({}),
  trees: z.record(path, tree).default({}),
  claims: z.strictObject({ bytes: z.string().optional(), files: z.string().optional() }).default({}),
  bandwidth: z.strictObject({ session: rates.default({}), user: rates.default({}) }).default({ session: {}, user: {} }),
  transfer: z.strictObject({ day: amounts.default({}), month: amounts.default({}) }).default({ day: {}, month: {} }),
  sessions: count.min(1).optional(),
  uploads: count.min(1).optional(),
  chunk: bytes.default(1024 * 1024),
}) as unknown as z.ZodType<QuotaSettings, QuotaOptions>;
