import { baseName, definePlugin, pathsOf, SftpError } from "@sluice/core";
import picomatch from "picomatch";
import { z } from "zod";

const options = z.strictObject({
  /** Glob patterns of names that nobody may create. @default executables of Windows */
  names: z.array(z.string().min(1)).default(["*.exe", "*.bat", "*.cmd"]),
});

/**
 * Refuses to create files and directories by their names, whoever asks and by whatever packet.
 *
 * @example
 * server.register(blockedNames({ names: ["*.exe", ".git"] }));
 */
export const blockedNames = definePlugin({
  name: "blocked-names",
  options: options.prefault({}),
  setup(host, { names }) {
    const isBlocked = picomatch(names, { dot: true, nocase: true });
    // A rename or a link could bring the name in by the back door: pathsOf() gives every path of the operation.
    host.before(["open", "mkdir", "rename", "symlink", "link"], (ctx) => {
      if (ctx.op === "open" && !ctx.request.flags.create) return;
      const name = pathsOf(ctx)
        .map(baseName)
        .find((candidate) => isBlocked(candidate));
      if (name === undefined) return;
      throw new SftpError("permissionDenied", "Files of this kind are not accepted", {
        detail: `blocked-names: ${name}`,
      });
    });
  },
});
