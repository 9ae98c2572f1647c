import {
  baseName,
  definePlugin,
  fromNodeError,
  isWithin,
  SftpError,
  sftpPath,
  type FileSystem,
  type SftpPath,
} from "@sluice/core";

const bin = sftpPath("/.recycled");
/** Files of one name that a day's folder takes. */
const mostOfOneName = 1000;

/** Moves what is removed into `/.recycled/<day>/`, under a name that is free; what is removed there is gone. */
export const recycleBin = definePlugin({
  name: "recycle-bin",
  setup(host) {
    host.use("remove", async (ctx, next) => {
      const { path } = ctx.request;
      const { fs } = ctx.session;
      if (isWithin(path, bin)) return next();
      const day = sftpPath(new Date().toISOString().slice(0, 10), bin);
      for (const directory of [bin, day]) {
        await unlessThere(() => required(fs, "mkdir")(directory, {}));
      }
      const rename = required(fs, "rename");
      for (let n = 0; n < mostOfOneName; n++) {
        const to = sftpPath(n === 0 ? baseName(path) : `${baseName(path)}~${n}`, day);
        if (await unlessThere(() => rename(path, to, { overwrite: false }))) return;
      }
      throw new SftpError("failure", "The recycle bin is full of files of this name");
    });

    // The bin itself is not moved, and nothing is put into it by hand.
    host.before(["rename", "mkdir", "open", "symlink", "link"], (ctx) => {
      const intoBin = (path: SftpPath): boolean => isWithin(path, bin);
      const refused =
        ctx.op === "rename"
          ? intoBin(ctx.request.to) || ctx.request.from === bin
          : ctx.op === "open"
            ? ctx.request.flags.create && intoBin(ctx.request.path)
            : intoBin(ctx.request.path);
      if (refused) throw new SftpError("permissionDenied", "The recycle bin fills itself");
    });
  },
});

/** A storage that cannot move cannot recycle: then nothing is removed. */
function required<K extends "mkdir" | "rename">(fs: FileSystem, name: K): NonNullable<FileSystem[K]> {
  const method = fs[name];
  if (method === undefined) throw new SftpError("unsupported");
  return method.bind(fs) as NonNullable<FileSystem[K]>;
}

/** Resolves to whether it was done; `false` where the name is taken. */
async function unlessThere(make: () => Promise<void>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    const refusal = fromNodeError(error);
    if (SftpError.is(refusal) && refusal.status === "alreadyExists") return false;
    throw error;
  }
}
