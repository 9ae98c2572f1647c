import { SftpError, token, type OpenDirectory, type OpenFile, type PluginHost, type Token } from "@sluice/core";
import type { Ledger } from "./ledger.ts";
import type { QuotaSettings } from "./options.ts";
import { none } from "./record.ts";
import { encoded } from "./subjects.ts";

const one = { bytes: 0, files: 1 };
const UploadSlot: Token<string> = token("quota.upload-slot");

/** Limits what a user has open at once: sessions, and files that are written to. */
export function limitAtOnce(host: PluginHost, ledger: Ledger, { sessions, uploads }: QuotaSettings): void {
  if (sessions !== undefined) {
    host.onSession(async (session) => {
      const subject = `sessions/${encoded(session.user.name)}`;
      let held: unknown;
      try {
        held = await ledger.reserve(subject, { bytes: Infinity, files: sessions }, one);
      } catch (error) {
        host.log.warn({ err: error }, "The quota's store failed; sessions are not counted");
        return;
      }
      if (held === undefined) throw new Error(`More than ${sessions} sessions of one user`);
      const left = (): void => void ledger.settle(subject, none, one);
      if (session.signal.aborted) left();
      else session.signal.addEventListener("abort", left, { once: true });
    });
  }
  if (uploads === undefined) return;
  host.use("open", async (ctx, next) => {
    const { write, append, truncate } = ctx.request.flags;
    if (!write && !append && !truncate) return next();
    const subject = `uploads/${encoded(ctx.user.name)}`;
    let held: unknown;
    try {
      held = await ledger.reserve(subject, { bytes: Infinity, files: uploads }, one);
    } catch (error) {
      throw new SftpError("failure", "The quota cannot be checked at the moment; try again later", { cause: error });
    }
    if (held === undefined) throw new SftpError("quotaExceeded", `Quota exceeded: ${uploads} uploads at once`);
    try {
      await next();
    } finally {
      // One that is open, though refused by somebody further in, is closed as every other.
      if (ctx.result === undefined) await ledger.settle(subject, none, one);
      else ctx.result.state.set(UploadSlot, subject);
    }
  });
  /** Gives the slot back that a file has. */
  const free = async ({ state }: OpenFile | OpenDirectory): Promise<void> => {
    const subject = state.get(UploadSlot);
    if (subject === undefined) return;
    state.delete(UploadSlot);
    await ledger.settle(subject, none, one);
  };
  host.use("close", async (ctx, next) => {
    try {
      await next();
    } finally {
      await free(ctx.request.file);
    }
  });
  // What a middleware further out has refused.
  host.after("close", (ctx) => void free(ctx.request.file));
}
