import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const statfs: Run<"statfs"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.statfs === undefined) throw new SftpError("unsupported");
  ctx.result = await fs.statfs(ctx.request.path);
};
