import type { Run } from "../pipeline.ts";
import { directoryOf } from "../session.ts";
import { prefetch } from "./readdir.ts";

/** Asks for the first batch at once, so that a missing directory is refused here and not at the first READDIR. */
export const opendir: Run<"opendir"> = async (ctx) => {
  const { path } = ctx.request;
  const directory = directoryOf(path, ctx.session.fs.list(path));
  await prefetch(directory);
  ctx.result = directory;
};
