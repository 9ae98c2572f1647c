import { SftpError } from "../errors.ts";
import type { Run } from "../pipeline.ts";

export const setstat: Run<"setstat"> = async (ctx) => {
  const { path, file, follow, attributes } = ctx.request;
  if (file !== undefined) {
    if (file.handle.setAttributes === undefined) throw new SftpError("unsupported");
    await file.handle.setAttributes(attributes);
    return;
  }
  const { fs } = ctx.session;
  if (fs.setAttributes === undefined) throw new SftpError("unsupported");
  await fs.setAttributes(path, attributes, { follow });
};
