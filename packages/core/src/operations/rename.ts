import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const rename: Run<"rename"> = async (ctx) => {
  const { from, to, overwrite } = ctx.request;
  const { fs } = ctx.session;
  if (fs.rename === undefined) throw new SftpError("unsupported");
  await fs.rename(from, to, { overwrite });
};
