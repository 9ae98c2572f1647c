import { randomBytes } from "node:crypto";
import { baseName, definePlugin, parentOf, SftpError, sftpPath, type OpenFile } from "@sluice/core";
import { z } from "zod";

/** Gives each upload that is complete a name of its own: when it came, who sent it, and what it was called. */
export const renameOnArrival = definePlugin({
  name: "rename-on-arrival",
  options: z.strictObject({ path: z.string().startsWith("/") }),
  setup(host, { path }) {
    const landing = sftpPath(path);
    const isUpload = (file: OpenFile): boolean => file.flags.write && parentOf(file.path) === landing;
    host.use("close", async (ctx, next) => {
      const { file, outcome } = ctx.request;
      await next();
      // Only now is the file whole, and under the name that the client gave it.
      if (outcome !== "completed" || file.kind !== "file" || !isUpload(file)) return;
      const { fs } = ctx.session;
      if (fs.rename === undefined) throw new SftpError("unsupported");
      const time = new Date().toISOString().replace(/[:.]/g, "-");
      const sender = ctx.user.name.replace(/[^\w.@-]/g, "_");
      // Two of the same name in the same millisecond are told apart by chance.
      const name = `${time}_${randomBytes(3).toString("hex")}_${sender}_${baseName(file.path)}`;
      await fs.rename(file.path, sftpPath(name, landing), { overwrite: false });
    });
  },
});
