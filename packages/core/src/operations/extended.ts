import type { Extension } from "../extension.ts";
import type { Run } from "../pipeline.ts";
import { SftpError } from "../errors.ts";

/** Serves the extensions that mean no other operation: each answers for itself. */
export function extended(extensions: ReadonlyMap<string, Extension>): Run<"extended"> {
  return async (ctx) => {
    const extension = extensions.get(ctx.request.name) as Extension<"extended"> | undefined;
    if (extension?.answer === undefined) throw new SftpError("unsupported");
    ctx.result = await extension.answer(ctx);
  };
}
