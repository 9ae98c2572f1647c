import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const readlink: Run<"readlink"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.readlink === undefined) throw new SftpError("unsupported");
  ctx.result = await fs.readlink(ctx.request.path);
};
