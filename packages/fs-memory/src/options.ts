import { z } from "zod";

/** What a tree in memory starts with, and how much it may hold. */
export interface MemoryOptions {
  /**
   * Bytes of content that the tree may hold; a write beyond is refused with `noSpace`. Holes in sparse files are free.
   * @default 1073741824 (1 GiB)
   */
  readonly maxBytes?: number | undefined;
  /**
   * Files, directories and links that the tree may hold, the root included; one more is refused with `noSpace`.
   * @default 100000
   */
  readonly maxFiles?: number | undefined;
  /**
   * Files to start with: path → content. Directories on the way are made.
   * @default {}
   */
  readonly files?: Readonly<Record<string, string | Uint8Array>> | undefined;
  /**
   * User names, for listings and for clients that set owners by name: name → uid.
   * @default { root: 0 }
   */
  readonly users?: Readonly<Record<string, number>> | undefined;
  /**
   * Group names: name → gid.
   * @default { root: 0 }
   */
  readonly groups?: Readonly<Record<string, number>> | undefined;
}

/** Options of `memoryFiles`. */
export interface MemoryFilesOptions extends MemoryOptions {
  /**
   * Whether each session starts with a tree of its own, lost when it ends. Otherwise all sessions share one.
   * @default false
   */
  readonly perSession?: boolean | undefined;
}

/** `MemoryFilesOptions` with every default filled in. */
export interface MemorySettings {
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly users: Readonly<Record<string, number>>;
  readonly groups: Readonly<Record<string, number>>;
  readonly perSession: boolean;
}

const content = z.union([z.string(), z.instanceof(Uint8Array)], "must be text or a Uint8Array");
const id = z.int().min(0).max(0xffff_ffff);

/** Checks `MemoryFilesOptions` and fills in the defaults. */
export const memorySettings: z.ZodType<MemorySettings, MemoryFilesOptions | undefined> = z
  .strictObject({
    maxBytes: z.int().min(0).default(1_073_741_824),
    maxFiles: z.int().min(1).default(100_000),
    files: z.record(z.string(), content).default({}),
    users: z.record(z.string().min(1), id).default({ root: 0 }),
    groups: z.record(z.string().min(1), id).default({ root: 0 }),
    perSession: z.boolean().default(false),
  })
  .prefault({});
