import type { SessionIdentity } from "@sluice/core";
import { z } from "zod";
import { attributePolicy, setstatOption, type AttributePolicy, type SetstatOption } from "./policy.ts";

/** What `localFiles` takes. */
export interface LocalFilesOptions {
  /**
   * The directory that clients see as `/`. `{user}` stands for the user's name; in code it may be a function of the session.
   * The path itself is trusted: the kernel resolves it, links included.
   */
  readonly root: string | ((session: SessionIdentity) => string);
  /** Make a missing root, with mode 0700: at start, or for a path that depends on the session at its first login. @default false */
  readonly createRoot?: boolean | undefined;
  /**
   * `within-root`: links are followed, and lead nowhere but into the root; an absolute target starts there.
   * `deny`: links are neither followed, made nor read; they can be seen in listings, renamed and removed.
   *
   * @default "within-root"
   */
  readonly symlinks?: "within-root" | "deny" | undefined;
  /** Write uploads beside their target and let them take its name when they are complete. @default true */
  readonly atomic?: boolean | undefined;
  /**
   * Keep what had arrived of a new file when its client vanished, under the file's name, so that the client can go on from there. A
   * file that is replaced keeps its old content all the same. Only with `atomic`: without it, everything that arrived stays.
   *
   * @default false
   */
  readonly keepPartial?: boolean | undefined;
  /** Remove at start what uploads of processes that have died left below the root. @default true */
  readonly sweep?: boolean | undefined;
  /** Answer the close of a file that was written only when it would survive a power cut. @default false */
  readonly durable?: boolean | undefined;
  /** Permission bits that new files and directories do not get: a number, or octal digits as text such as `"027"`. @default 0o022 */
  readonly umask?: number | string | undefined;
  /** Permission bits that files may have at most, whatever clients ask for: a number, or octal digits as text. @default 0o777 */
  readonly fileMask?: number | string | undefined;
  /** The same for directories. @default 0o777 */
  readonly directoryMask?: number | string | undefined;
  /**
   * What becomes of attributes that a client sets on what is there: one word for all, or one for each kind. What it has already can
   * always be set.
   *
   * @default { size: "apply", mode: "apply", times: "apply", owner: "refuse", acl: "refuse", extended: "refuse" }
   */
  readonly setstat?: SetstatOption | undefined;
  /**
   * `allow`: clients may make hard links. `deny`: they may not, and a regular file with several names is neither written to in
   * place nor are its attributes set, since one of its names may be outside the root.
   *
   * @default "allow"
   */
  readonly hardLinks?: "allow" | "deny" | undefined;
  /** Let paths lead into other file systems that are mounted below the root. @default true */
  readonly crossMounts?: boolean | undefined;
  /**
   * `strict`: contained by the kernel's own directory descriptors; needs Linux with `/proc`, and refuses to start without.
   * `best-effort`: where that is missing, look at each component before using it. For development only: whoever can write to
   * the same directories by other means can lead it outside.
   *
   * @default "strict"
   */
  readonly containment?: "strict" | "best-effort" | undefined;
}

/** The options with their defaults. */
export interface LocalFilesSettings {
  readonly root: string | ((session: SessionIdentity) => string);
  readonly createRoot: boolean;
  readonly symlinks: "within-root" | "deny";
  readonly atomic: boolean;
  readonly keepPartial: boolean;
  readonly sweep: boolean;
  readonly durable: boolean;
  readonly umask: number;
  readonly fileMask: number;
  readonly directoryMask: number;
  readonly setstat: AttributePolicy;
  readonly hardLinks: "allow" | "deny";
  readonly crossMounts: boolean;
  readonly containment: "strict" | "best-effort";
}

const rootFunction = z.custom<(session: SessionIdentity) => string>((value) => typeof value === "function");

const octalDigits = z
  .string()
  .regex(/^0{0,2}[0-7]{1,3}$/)
  .transform((digits) => Number.parseInt(digits, 8));

const permissionBits = z.union([z.int().min(0).max(0o777), octalDigits], {
  error: 'expected octal digits such as "022", or a number up to 0o777',
});

/** Checks the options, from code and from configuration files alike. */
export const localFilesOptions: z.ZodType<LocalFilesSettings, LocalFilesOptions> = z.strictObject({
  root: z.union([z.string().min(1), rootFunction], {
    error: "expected a path, or a function of the session that returns one",
  }),
  createRoot: z.boolean().default(false),
  symlinks: z.enum(["within-root", "deny"]).default("within-root"),
  atomic: z.boolean().default(true),
  keepPartial: z.boolean().default(false),
  sweep: z.boolean().default(true),
  durable: z.boolean().default(false),
  umask: permissionBits.default(0o022),
  fileMask: permissionBits.default(0o777),
  directoryMask: permissionBits.default(0o777),
  setstat: setstatOption.default(attributePolicy("apply")),
  hardLinks: z.enum(["allow", "deny"]).default("allow"),
  crossMounts: z.boolean().default(true),
  containment: z.enum(["strict", "best-effort"]).default("strict"),
});
