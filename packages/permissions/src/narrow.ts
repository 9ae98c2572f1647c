import type { OpenFlags, Request } from "@sluice/core";
import type { Judge } from "./judge.ts";

/** Whether a file opened this way can be changed. */
export function isWriting({ write, append, truncate, create }: OpenFlags): boolean {
  return write || append || truncate || create;
}

/**
 * Whether a file is new shows only when it is opened. Where only new ones are allowed, or only those that are there, the request is changed to open
 * no other: looking first would leave a moment for the file to come or go.
 */
export function narrowOpen({ path, flags }: Request<"open">, judge: Judge): Partial<Request<"open">> | undefined {
  if (!isWriting(flags) || !flags.create || flags.exclusive) return undefined;
  const upload = judge.allows("upload", path);
  if (upload === judge.allows("overwrite", path)) return undefined;
  return { flags: upload ? { ...flags, exclusive: true } : { ...flags, create: false } };
}

/** A rename that may not overwrite is told so; the file system then refuses in one step. */
export function narrowRename(
  { to, overwrite }: Request<"rename">,
  judge: Judge,
): Partial<Request<"rename">> | undefined {
  return overwrite && !judge.allows("overwrite", to) ? { overwrite: false } : undefined;
}
