import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const remove: Run<"remove"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.remove === undefined) throw new SftpError("unsupported");
  await fs.remove(ctx.request.path);
};
