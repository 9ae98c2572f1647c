import { SftpError, type OpenFile, type PluginHost, type Session, type SftpPath } from "@sluice/core";

/** Keeps files from growing beyond what their path allows, by whatever request. */
export function boundFiles(host: PluginHost, boundOf: (path: SftpPath, session: Session) => number): void {
  const bounds = new WeakMap<OpenFile, number>();
  const check = (path: SftpPath, bound: number, size: number): void => {
    if (size <= bound) return;
    throw new SftpError("failure", `A file may have ${bound} bytes at most here`, {
      detail: `permissions: ${path} would have ${size} bytes`,
    });
  };
  host.use("open", async (ctx, next) => {
    await next();
    const { path, flags } = ctx.request;
    if (ctx.result === undefined || !(flags.write || flags.append)) return;
    const bound = boundOf(path, ctx.session);
    if (bound !== Infinity) bounds.set(ctx.result, bound);
  });
  host.before("write", (ctx) => {
    const { file, position, data } = ctx.request;
    const bound = bounds.get(file);
    if (bound === undefined) return;
    if (!file.flags.append) return check(file.path, bound, position + data.length);
    // The end of the file is where others have brought it by now.
    return file.handle.stat().then(({ size }) => check(file.path, bound, size + data.length));
  });
  host.before("copy", async (ctx) => {
    const { from, position, length, to, toPosition } = ctx.request;
    const bound = bounds.get(to);
    if (bound === undefined) return;
    const rest = Math.max((await from.handle.stat()).size - position, 0);
    check(to.path, bound, toPosition + (length === 0 ? rest : Math.min(length, rest)));
  });
  host.before("setstat", (ctx) => {
    const { path, file, attributes } = ctx.request;
    if (attributes.size === undefined) return;
    const bound = file === undefined ? boundOf(path, ctx.session) : bounds.get(file);
    if (bound !== undefined) check(path, bound, attributes.size);
  });
}
