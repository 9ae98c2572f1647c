import type { Run } from "../pipeline.ts";
import { release } from "../session.ts";

export const close: Run<"close"> = async (ctx) => {
  await release(ctx.request.file, ctx.request.outcome);
};
