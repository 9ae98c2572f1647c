import type { Attributes, Context, OpenFlags, OperationName, Request } from "@sluice/core";
import { bounded } from "./refusal.ts";

/** The paths of one request. */
interface Paths {
  readonly path?: string;
  readonly to?: string;
}

const maxTarget = 4096;

/** What an operation is about: its paths as they are served, as they were asked for where that differs, and what else it was given. */
export function subjectOf(ctx: Context): Record<string, unknown> {
  const paths = pathsIn(ctx.op, ctx.request);
  const asked = ctx.request === ctx.original ? paths : pathsIn(ctx.op, ctx.original);
  const diverted = asked.path !== paths.path || asked.to !== paths.to;
  return { ...paths, ...(diverted ? { original: asked } : {}), ...detailsOf(ctx) };
}

function pathsIn(op: OperationName, request: Request<OperationName>): Paths {
  const given = request as Partial<Record<string, unknown>>;
  switch (op) {
    case "rename":
      return { path: String(given["from"]), to: String(given["to"]) };
    case "link":
      return { path: String(given["path"]), to: String(given["existing"]) };
    case "copy":
      return { path: pathOf(given["from"]), to: pathOf(given["to"]) };
    case "extended":
      return {};
    default:
      return { path: typeof given["path"] === "string" ? given["path"] : pathOf(given["file"] ?? given["directory"]) };
  }
}

function pathOf(open: unknown): string {
  return (open as { readonly path: string }).path;
}

function detailsOf(ctx: Context): Record<string, unknown> {
  switch (ctx.op) {
    case "open":
      return { flags: flagsOf(ctx.request.flags), ...attributesOf(ctx.request.attributes) };
    case "mkdir":
    case "setstat":
      return attributesOf(ctx.request.attributes);
    case "symlink":
      return { target: bounded(ctx.request.target, maxTarget) };
    case "copy": {
      const { position, length, toPosition } = ctx.request;
      return { position, length, toPosition };
    }
    case "extended":
      return { extension: bounded(ctx.request.name), length: ctx.request.data.length };
    default:
      return {};
  }
}

/** The names of the flags that are set. */
export function flagsOf(flags: OpenFlags): string[] {
  return (["read", "write", "append", "create", "truncate", "exclusive"] as const).filter((name) => flags[name]);
}

function attributesOf(given: Attributes): { readonly attributes?: Record<string, unknown> } {
  const attributes: Record<string, unknown> = {};
  for (const name of ["size", "mode", "uid", "gid", "atimeMs", "mtimeMs", "birthtimeMs"] as const) {
    if (given[name] !== undefined) attributes[name] = given[name];
  }
  for (const name of ["owner", "group"] as const) {
    if (given[name] !== undefined) attributes[name] = bounded(given[name]);
  }
  if (given.acl !== undefined) attributes["acl"] = true;
  if (given.extended !== undefined) attributes["extended"] = given.extended.size;
  return Object.keys(attributes).length === 0 ? {} : { attributes };
}
