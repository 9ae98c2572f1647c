import { SftpError, type FileHandle, type FileSystem, type Stats } from "@sluice/core";

const content = Buffer.from("What the suite serves where the author gives no file system.\n");
const file: Stats = { type: "file", size: content.length, mode: 0o644, mtimeMs: 0 };
const directory: Stats = { type: "directory", size: 0, mode: 0o755, mtimeMs: 0 };

/** A tree with one file, `/file`. Whatever else is written is taken and forgotten. */
export function suiteFiles(): FileSystem {
  return {
    open: (path, flags) =>
      path === "/file" || flags.create ? Promise.resolve(handle) : Promise.reject(new SftpError("noSuchFile")),
    async *list() {
      yield [{ name: "file", stats: file }];
    },
    stat: (path) => {
      if (path === "/") return Promise.resolve(directory);
      return path === "/file" ? Promise.resolve(file) : Promise.reject(new SftpError("noSuchFile"));
    },
    remove: () => Promise.resolve(),
    rename: () => Promise.resolve(),
    mkdir: () => Promise.resolve(),
    rmdir: () => Promise.resolve(),
    setAttributes: () => Promise.resolve(),
  };
}

const handle: FileHandle = {
  read: (buffer, position) => {
    const part = content.subarray(position, position + buffer.length);
    buffer.set(part);
    return Promise.resolve(part.length);
  },
  write: () => Promise.resolve(),
  stat: () => Promise.resolve(file),
  close: () => Promise.resolve(),
};
