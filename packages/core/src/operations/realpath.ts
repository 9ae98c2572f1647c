import type { Run } from "../pipeline.ts";

/** A file system without links has nothing to resolve: the path was cleaned when it arrived. */
export const realpath: Run<"realpath"> = async (ctx) => {
  const { path } = ctx.request;
  ctx.result = (await ctx.session.fs.realpath?.(path)) ?? path;
};
