import {
  SftpError,
  type DirectoryEntry,
  type FileSystem,
  type FileSystemSource,
  type Logger,
  type SessionIdentity,
  type Stats,
} from "@sluice/core";
import { SealedFile, sizeOf, Turns } from "./sealed-file.ts";

/** What can be mounted, with its files encrypted. `key` has 32 bytes; whoever loses it has lost the files. */
export function encrypted(source: FileSystemSource, key: Uint8Array): FileSystemSource {
  if (key.length !== 32) throw new TypeError("encrypted: a key of 32 bytes is needed");
  // All sessions take turns at one file.
  const turns = new Turns();
  if (typeof source !== "function") return encryptedFiles(source, key, turns);
  return Object.assign(
    async (session: SessionIdentity): Promise<FileSystem> => encryptedFiles(await source(session), key, turns),
    { start: (log: Logger) => source.start?.(log), close: () => source.close?.() },
  );
}

/** A file system whose files are encrypted in the one below it. */
export function encryptedFiles(inner: FileSystem, key: Uint8Array, turns: Turns): FileSystem {
  const shown = (stats: Stats): Stats => (stats.type === "file" ? { ...stats, size: sizeOf(stats.size) } : stats);

  const fs: FileSystem = {
    ...passedOn(inner),

    open: (path, flags, attributes) =>
      // One at a time: a new file has its header before anybody else looks for it.
      turns.take(path, async () => {
        if ((flags.create || flags.truncate || flags.append) && !flags.write) {
          throw new SftpError("invalidParameter", "Open the file for writing as well");
        }
        // A part of a chunk is changed by reading it, and wherever it is.
        const file = await inner.open(path, { ...flags, read: true, append: false }, attributes);
        try {
          return await SealedFile.start(file, flags, key, turns);
        } catch (error) {
          await file.close("refused");
          throw error;
        }
      }),

    async *list(path) {
      for await (const batch of inner.list(path)) {
        yield batch.map((entry): DirectoryEntry => ({ ...entry, stats: shown(entry.stats) }));
      }
    },

    stat: async (path, how) => shown(await inner.stat(path, how)),
  };

  if (inner.setAttributes === undefined) return fs;
  const set = inner.setAttributes.bind(inner);
  return {
    ...fs,
    async setAttributes(path, { size, ...others }, how) {
      if (size !== undefined) {
        const { type } = await inner.stat(path, how);
        if (type !== "file") throw new SftpError(type === "directory" ? "isADirectory" : "invalidParameter");
        const handle = await fs.open(path, { ...inPlace }, {});
        try {
          await handle.setAttributes?.({ size });
        } finally {
          await handle.close("completed");
        }
      }
      await set(path, others, how);
    },
  };
}

const inPlace = { read: true, write: true, append: false, create: false, truncate: false, exclusive: false };

/** What has nothing to do with content. What the storage lacks, this one lacks too. */
function passedOn(inner: FileSystem): Partial<FileSystem> {
  const names = [
    "remove",
    "rename",
    "mkdir",
    "rmdir",
    "readlink",
    "symlink",
    "link",
    "realpath",
    "ownerNames",
    "statfs",
    "close",
  ] as const;
  return Object.fromEntries(
    names.flatMap((name) => (inner[name] === undefined ? [] : [[name, inner[name].bind(inner)]])),
  );
}
