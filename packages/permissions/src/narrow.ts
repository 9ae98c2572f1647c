import type { Attributes, OpenFlags, Request, SftpPath } from "@sluice/core";
import type { Judge } from "./judge.ts";
import type { Verb } from "./verbs.ts";

/** Whether a file opened this way can be changed. */
export function isWriting({ write, append, truncate, create }: OpenFlags): boolean {
  return write || append || truncate || create;
}

/**
 * Whether a file is new shows only when it is opened. Where only new ones are allowed, or only those that are there, the request is changed to open
 * no other: looking first would leave a moment for the file to come or go.
 */
export function narrowOpen(request: Request<"open">, judge: Judge): Partial<Request<"open">> | undefined {
  const { path, flags } = request;
  const narrowed = narrowNew(request, judge);
  if (!isWriting(flags) || !flags.create || flags.exclusive) return narrowed;
  const upload = judge.allows("upload", path);
  if (upload === judge.allows("overwrite", path)) return narrowed;
  return { ...narrowed, flags: upload ? { ...flags, exclusive: true } : { ...flags, create: false } };
}

/** What only some may set. */
const verbOfAttribute: Readonly<Partial<Record<keyof Attributes, Verb>>> = {
  acl: "chmod",
  extended: "chmod",
  uid: "chown",
  gid: "chown",
  owner: "chown",
  group: "chown",
  atimeMs: "chtimes",
  mtimeMs: "chtimes",
  birthtimeMs: "chtimes",
};

/** Clients send attributes with what they make, often without being told to: those that its user may not set are left out, rather than refused. */
export function narrowNew(
  { path, attributes }: { readonly path: SftpPath; readonly attributes: Attributes },
  judge: Judge,
): { readonly attributes: Attributes } | undefined {
  const given = Object.entries(attributes) as [keyof Attributes, unknown][];
  const left = given.filter(([name, value]) => {
    const verb = verbOfAttribute[name];
    if (name === "size") return Number(value) <= judge.maxFileBytes(path);
    return value === undefined || verb === undefined || judge.allows(verb, path);
  });
  const { mode } = attributes;
  const isMarked = mode !== undefined && (mode & ~0o777) !== 0 && !judge.allows("chmod", path);
  if (left.length === given.length && !isMarked) return undefined;
  return { attributes: { ...Object.fromEntries(left), ...(isMarked ? { mode: mode & 0o777 } : {}) } };
}

/** A rename that may not overwrite is told so; the file system then refuses in one step. */
export function narrowRename(
  { to, overwrite }: Request<"rename">,
  judge: Judge,
): Partial<Request<"rename">> | undefined {
  return overwrite && !judge.allows("overwrite", to) ? { overwrite: false } : undefined;
}
