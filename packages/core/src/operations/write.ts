import type { Run } from "../pipeline.ts";

export const write: Run<"write"> = async (ctx) => {
  const { file, position, data } = ctx.request;
  await file.handle.write(data, position);
  file.bytesWritten += data.length;
};
