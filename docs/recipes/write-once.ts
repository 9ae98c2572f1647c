import { definePlugin, isWithin, pathsOf, SftpError, sftpPath, type Context, type OperationName } from "@sluice/core";
import { z } from "zod";

/** What may be done in the archive: look, fetch, and put what is not there yet. */
const harmless: ReadonlySet<OperationName> = new Set([
  ...(["read", "stat", "statfs", "opendir", "readdir", "readlink", "realpath", "lock", "unlock"] as const),
  // What is open for writing there is new: see below. Nothing else can be written, copied to, or closed as an upload.
  ...(["open", "write", "sync", "copy", "close", "mkdir"] as const),
]);

/** An archive: files are put there once, and are neither changed, moved nor removed. */
export const writeOnce = definePlugin({
  name: "write-once",
  options: z.strictObject({ path: z.string().startsWith("/") }),
  setup(host, { path }) {
    const archive = sftpPath(path);
    // Whoever moves a directory moves what is in it.
    const concerned = (ctx: Context): boolean =>
      pathsOf(ctx).some((each) => isWithin(each, archive) || (ctx.op === "rename" && isWithin(archive, each)));
    // A file that is there already is then refused by the file system, in the moment of opening: nobody can be quicker.
    host.divert("open", ({ request }) =>
      request.flags.write && isWithin(request.path, archive)
        ? { flags: { ...request.flags, create: true, exclusive: true } }
        : undefined,
    );
    host.before((ctx) => {
      // A link elsewhere would be a way into the archive by another name.
      if (ctx.op === "symlink") throw new SftpError("permissionDenied", "No links are made beside an archive");
      if (harmless.has(ctx.op) || !concerned(ctx)) return;
      // Clients set the times of what they have just uploaded, before they close it.
      if (ctx.op === "setstat" && ctx.request.file?.flags.write === true) return;
      throw new SftpError("permissionDenied", "The archive is written once", { detail: `write-once: ${ctx.op}` });
    });
  },
});
