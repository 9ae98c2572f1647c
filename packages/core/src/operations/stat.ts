import type { Run } from "../pipeline.ts";

export const stat: Run<"stat"> = async (ctx) => {
  const { path, file, follow } = ctx.request;
  ctx.result = file === undefined ? await ctx.session.fs.stat(path, { follow }) : await file.handle.stat();
};
