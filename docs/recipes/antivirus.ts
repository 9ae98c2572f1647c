import { definePlugin, SftpError, token, type FileHandle, type OpenFile, type Session, type Token } from "@sluice/core";
import { z } from "zod";
import { scan } from "./clamd.ts";

const chunkBytes = 256 * 1024;

/** A session's uploads that have no verdict yet. */
const unscanned: Token<Set<OpenFile>> = token("antivirus.unscanned");

/** Has clamd look at each upload when the client closes it, and before it takes its name. What is infected, or cannot be scanned, is dropped. */
export const antivirus = definePlugin({
  name: "antivirus",
  options: z.strictObject({
    clamd: z.union(
      [
        z.strictObject({ path: z.string().min(1) }),
        z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535) }),
      ],
      { error: "expected { path } or { host, port }" },
    ),
    /** No more than clamd's own `StreamMaxLength`. */
    maxBytes: z
      .int()
      .min(1)
      .default(25 * 1024 * 1024),
    timeoutMs: z.int().min(1).default(60_000),
  }),
  setup(host, { clamd, maxBytes, timeoutMs }) {
    // Uploads are new files or whole ones: a part of a file cannot be judged, nor taken back.
    host.divert("open", ({ request: { flags } }) =>
      flags.write && flags.create && !flags.truncate ? { flags: { ...flags, exclusive: true } } : undefined,
    );
    host.before("open", ({ request: { flags } }) => {
      if (!flags.write || flags.truncate || flags.exclusive) return;
      throw new SftpError("permissionDenied", "Files are scanned for viruses: upload them whole");
    });

    host.use("open", async (ctx, next) => {
      await next();
      if (ctx.result?.flags.write === true) uploadsOf(ctx.session).add(ctx.result);
    });
    // An upload that is renamed has its name before its verdict.
    host.before(["rename", "link"], ({ session }) => {
      if (uploadsOf(session).size === 0) return;
      throw new SftpError("permissionDenied", "Close the uploads first: they are scanned for viruses then");
    });

    host.use("close", async (ctx, next) => {
      const { file, outcome } = ctx.request;
      if (file.kind === "directory" || !file.flags.write) return next();
      try {
        // Some storages keep what a vanished client has sent; not unseen.
        if (outcome !== "completed")
          throw new SftpError("permissionDenied", "The upload is not complete, and not scanned");
        const { size } = await file.handle.stat();
        if (size > maxBytes) throw new SftpError("permissionDenied", "The file is too large to be scanned for viruses");
        const found = await scan(clamd, chunksOf(file.handle, size), AbortSignal.timeout(timeoutMs)).catch(
          (error: unknown) => {
            ctx.log.error({ err: error, path: file.path }, "An upload could not be scanned");
            throw new SftpError("failure", "The virus scanner does not answer: try again later", { cause: error });
          },
        );
        if (found !== undefined) {
          ctx.log.warn({ path: file.path, found, user: ctx.user.name }, "An upload is infected");
          throw new SftpError("permissionDenied", "The file is infected and was not accepted", { detail: found });
        }
        await next();
      } finally {
        uploadsOf(ctx.session).delete(file);
      }
    });
  },
});

function uploadsOf({ state }: Session): Set<OpenFile> {
  const uploads = state.get(unscanned) ?? new Set();
  state.set(unscanned, uploads);
  return uploads;
}

/** A buffer of its own for each chunk: the socket holds several at once. */
async function* chunksOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < size;) {
    const buffer = Buffer.alloc(Math.min(chunkBytes, size - position));
    const bytes = await handle.read(buffer, position);
    if (bytes === 0) throw new Error(`The file ends at ${position}, not at ${size}`);
    yield buffer.subarray(0, bytes);
    position += bytes;
  }
}
