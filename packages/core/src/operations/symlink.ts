import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const symlink: Run<"symlink"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.symlink === undefined) throw new SftpError("unsupported");
  await fs.symlink(ctx.request.path, ctx.request.target);
};
