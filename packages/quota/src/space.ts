import { SftpError, type FileSystemStats, type PluginHost } from "@sluice/core";
import { sftpPath } from "@sluice/core";
import type { Books } from "./writing.ts";

/** Tells clients of the room that their quota leaves, where it is less than the storage has. */
export function tellSpace(host: PluginHost, { ledger, subjects, log }: Books): void {
  host.use("statfs", async (ctx, next) => {
    // Asking of a folder is asking what fits into it.
    const asked = subjects.of(ctx.user, sftpPath("*", ctx.request.path));
    try {
      await next();
    } catch (error) {
      if (asked.length === 0 || !SftpError.is(error) || error.status !== "unsupported") throw error;
      ctx.result = boundless;
    }
    for (const { key, limit } of asked) {
      try {
        const { used, held } = await ledger.usage(key);
        const left = (most: number, taken: number): number => Math.max(most - taken, 0);
        const bytes = left(limit.bytes, used.bytes + held.bytes);
        const files = left(limit.files, used.files + held.files);
        if (ctx.result !== undefined) ctx.result = within(ctx.result, limit, { bytes, files });
      } catch (error) {
        log.warn({ err: error }, "The quota's store failed; the space that is left is told without it");
      }
    }
  });
}

/** For storage that does not know its size. */
const boundless: FileSystemStats = {
  blockSize: 4096,
  fragmentSize: 4096,
  blocks: 2 ** 40,
  freeBlocks: 2 ** 40,
  availableBlocks: 2 ** 40,
  files: 2 ** 40,
  freeFiles: 2 ** 40,
  availableFiles: 2 ** 40,
  readOnly: false,
  maxNameLength: 255,
};

function within(
  stats: FileSystemStats,
  limit: { readonly bytes: number; readonly files: number },
  left: { readonly bytes: number; readonly files: number },
): FileSystemStats {
  const blocks = (bytes: number): number => Math.floor(bytes / stats.fragmentSize);
  return {
    ...stats,
    blocks: Math.min(stats.blocks, blocks(limit.bytes)),
    freeBlocks: Math.min(stats.freeBlocks, blocks(left.bytes)),
    availableBlocks: Math.min(stats.availableBlocks, blocks(left.bytes)),
    files: Math.min(stats.files, limit.files),
    freeFiles: Math.min(stats.freeFiles, left.files),
    availableFiles: Math.min(stats.availableFiles, left.files),
  };
}
