import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const sync: Run<"sync"> = async (ctx) => {
  const { handle } = ctx.request.file;
  if (handle.sync === undefined) throw new SftpError("unsupported");
  await handle.sync();
};
