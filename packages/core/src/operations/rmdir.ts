import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const rmdir: Run<"rmdir"> = async (ctx) => {
  const { fs } = ctx.session;
  if (fs.rmdir === undefined) throw new SftpError("unsupported");
  await fs.rmdir(ctx.request.path);
};
