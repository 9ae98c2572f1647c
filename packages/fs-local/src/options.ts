import type { SessionIdentity } from "@sluice/core";
import { z } from "zod";

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
  /** Answer the close of a file that was written only when it would survive a power cut. @default false */
  readonly durable?: boolean | undefined;
  /** Permission bits that new files and directories do not get: a number, or octal digits as text such as `"027"`. @default 0o022 */
  readonly umask?: number | string | undefined;
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
  readonly durable: boolean;
  readonly umask: number;
  readonly crossMounts: boolean;
  readonly containment: "strict" | "best-effort";
}

const rootFunction = z.custom<(session: SessionIdentity) => string>((value) => typeof value === "function", {
  error: "expected a path, or a function of the session that returns one",
});

const umaskDigits = z
  .string()
  .regex(/^0{0,2}[0-7]{1,3}$/, { error: 'expected octal digits such as "022"' })
  .transform((digits) => Number.parseInt(digits, 8));

/** Checks the options, from code and from configuration files alike. */
export const localFilesOptions: z.ZodType<LocalFilesSettings, LocalFilesOptions> = z.strictObject({
  root: z.union([z.string().min(1), rootFunction]),
  createRoot: z.boolean().default(false),
  symlinks: z.enum(["within-root", "deny"]).default("within-root"),
  atomic: z.boolean().default(true),
  durable: z.boolean().default(false),
  umask: z.union([z.int().min(0).max(0o777), umaskDigits]).default(0o022),
  crossMounts: z.boolean().default(true),
  containment: z.enum(["strict", "best-effort"]).default("strict"),
});
