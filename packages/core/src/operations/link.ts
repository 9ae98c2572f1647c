import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const link: Run<"link"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.link === undefined) throw new SftpError("unsupported");
  await fs.link(ctx.request.path, ctx.request.existing);
};
