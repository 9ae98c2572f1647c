import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const lock: Run<"lock"> = async (ctx) => {
  const { file, position, length, mask } = ctx.request;
  if (file.handle.lock === undefined) throw new SftpError("unsupported");
  await file.handle.lock(position, length, mask);
};

export const unlock: Run<"unlock"> = async (ctx) => {
  const { file, position, length } = ctx.request;
  if (file.handle.unlock === undefined) throw new SftpError("unsupported");
  await file.handle.unlock(position, length);
};
