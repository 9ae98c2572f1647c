import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const mkdir: Run<"mkdir"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.mkdir === undefined) throw new SftpError("unsupported");
  await fs.mkdir(ctx.request.path, ctx.request.attributes);
};
