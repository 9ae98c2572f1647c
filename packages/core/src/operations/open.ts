import type { Run } from "../pipeline.ts";
import { fileOf } from "../session.ts";

export const open: Run<"open"> = async (ctx) => {
  const { path, flags, attributes } = ctx.request;
  ctx.result = fileOf(path, flags, await ctx.session.fs.open(path, flags, attributes));
};
