import { parentOf, SftpError, type Context, type SftpPath } from "@sluice/core";
import { denied, isIntoItself, targetOf, type Judge } from "./judge.ts";
import { isWriting } from "./narrow.ts";
import type { Verb } from "./verbs.ts";

/** What an operation on a handle needs was asked when the handle was opened. */
const opened: ReadonlySet<string> = new Set(["read", "write", "sync", "lock", "unlock", "close", "readdir"]);

/**
 * Refuses an operation that the rules do not allow. Whatever is not named here is refused: an operation that is new to this plugin is one that no rule
 * speaks of.
 *
 * @throws SftpError `permissionDenied`, `noSuchFile`
 */
export function judgeOperation(ctx: Context, judge: Judge, extensions: ReadonlySet<string>): void | Promise<void> {
  if (opened.has(ctx.op)) return;
  switch (ctx.op) {
    case "open": {
      const { path, flags } = ctx.request;
      const writes = isWriting(flags);
      if (flags.read || !writes) judge.require("download", path, flags.create);
      return writes ? judgeWriting(ctx, judge) : undefined;
    }
    case "opendir":
      return judge.require("list", ctx.request.path);
    case "mkdir":
      return judge.require("createDirectories", ctx.request.path, true);
    case "rmdir":
    case "remove":
      return judge.require("delete", ctx.request.path);
    case "readlink":
      return requireLooking(judge, ctx.request.path);
    case "realpath":
      return judge.requireVisible(ctx.request.path);
    case "stat":
      return ctx.request.file === undefined ? requirePassing(judge, ctx.request.path) : undefined;
    case "statfs":
      return requirePassing(judge, ctx.request.path);
    case "setstat":
      for (const verb of verbsOf(ctx.request.attributes)) judge.require(verb, ctx.request.path);
      return judge.requireVisible(ctx.request.path);
    case "copy":
      judge.require("copy", ctx.request.from.path);
      return judge.require("copy", ctx.request.to.path);
    case "symlink":
      judge.require("createLinks", ctx.request.path, true);
      return judge.requireNoGain(ctx.request.path, targetOf(ctx.request.path, ctx.request.target));
    case "link":
      judge.require("createLinks", ctx.request.path, true);
      return judge.requireNoGain(ctx.request.path, ctx.request.existing);
    case "rename":
      return judgeRename(ctx, judge);
    case "extended":
      if (extensions.has(ctx.request.name)) return;
  }
  throw new SftpError("permissionDenied", undefined, { detail: `permissions: no rule speaks of ${nameOf(ctx)}` });
}

function nameOf(ctx: Context): string {
  return ctx.op === "extended" ? `the extension ${ctx.request.name}` : ctx.op;
}

function requireLooking(judge: Judge, path: SftpPath): void {
  if (!judge.allows("download", path)) judge.require("list", path);
  else judge.requireVisible(path);
}

function requirePassing(judge: Judge, path: SftpPath): void {
  if (!judge.mayPass(path)) judge.require("list", path);
  judge.requireVisible(path);
}

/** What a request to set attributes does, as verbs. */
function verbsOf(attributes: Context<"setstat">["request"]["attributes"]): readonly Verb[] {
  const { size, mode, acl, uid, gid, owner, group, atimeMs, mtimeMs, birthtimeMs, extended } = attributes;
  const some = (...values: readonly unknown[]): boolean => values.some((value) => value !== undefined);
  return [
    ...(some(size) ? (["overwrite"] as const) : []),
    ...(some(mode, acl, extended) ? (["chmod"] as const) : []),
    ...(some(uid, gid, owner, group) ? (["chown"] as const) : []),
    ...(some(atimeMs, mtimeMs, birthtimeMs) ? (["chtimes"] as const) : []),
  ];
}

function judgeWriting(ctx: Context<"open">, judge: Judge): void | Promise<void> {
  const { path, flags } = ctx.request;
  if (!flags.create) return judge.require("overwrite", path);
  if (flags.exclusive || !judge.allows("overwrite", path)) judge.require("upload", path, true);
  judge.requireVisible(path, true);
  if (flags.exclusive || (judge.allows("upload", path) && judge.allows("overwrite", path))) return;
  return judgeByExistence(ctx, judge);
}

/**
 * Where only one of `upload` and `overwrite` is allowed, `narrow` has changed the request so that the file system refuses the other. Only where a
 * plugin has led the request elsewhere since, the file system has to be asked what is there.
 */
async function judgeByExistence(ctx: Context<"open">, judge: Judge): Promise<void> {
  const { path } = ctx.request;
  if (await exists(ctx, path)) judge.require("overwrite", path);
  else judge.require("upload", path, true);
}

async function judgeRename(ctx: Context<"rename">, judge: Judge): Promise<void> {
  const { from, to, overwrite } = ctx.request;
  judge.require("rename", from);
  judge.require("rename", to, true);
  if (overwrite && !judge.allows("overwrite", to) && (await exists(ctx, to))) judge.require("overwrite", to);
  const refusal = judge.gainByMoving(from, to, false);
  if (refusal !== undefined) throw refusal;
  if (isIntoItself(from, to)) return;
  // Only of what may have something below it, all rules there have to be looked at: near the root, that is most of them.
  const { type } = await ctx.session.fs.stat(from, { follow: false });
  if (type !== "directory" && type !== "symlink") return;
  const obstacle = judge.obstacleBelow("rename", from) ?? judge.obstacleBelow("rename", to);
  const refusalAsWhole = obstacle === undefined ? judge.gainByMoving(from, to, true) : denied("rename", from, obstacle);
  if (refusalAsWhole !== undefined) throw refusalAsWhole;
  const mayMoveOn = ctx.session.fs.readlink !== undefined && parentOf(from) !== parentOf(to);
  if (type === "symlink" && mayMoveOn) await requireSameTarget(ctx, judge);
}

/** From another directory, a relative link leads to something else. */
async function requireSameTarget({ session, request: { from, to } }: Context<"rename">, judge: Judge): Promise<void> {
  const target = await session.fs.readlink?.(from);
  if (target !== undefined && !target.startsWith("/")) judge.requireNoGain(to, targetOf(to, target));
}

async function exists(ctx: Context, path: SftpPath): Promise<boolean> {
  try {
    await ctx.session.fs.stat(path, { follow: false });
    return true;
  } catch (error) {
    if (SftpError.is(error) && error.status === "noSuchFile") return false;
    throw error;
  }
}
