import { sftpPath, type FileSystem, type SftpPath, type Stats } from "@sluice/core";
import { isAbsent } from "./files.ts";
import type { Amount } from "./record.ts";

/** What one entry counts for. */
export function amountOf({ type, size }: Stats): Amount {
  return { bytes: type === "file" ? size : 0, files: 1 };
}

/** Everything below a folder, each entry once; links are not followed. What vanishes meanwhile is passed over. */
export async function* walk(
  fs: FileSystem,
  root: SftpPath,
  skip: (path: SftpPath) => boolean = () => false,
): AsyncGenerator<readonly [path: SftpPath, amount: Amount]> {
  const folders: SftpPath[] = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for await (const batch of fs.list(folder)) {
        for (const { name, stats } of batch) {
          const path = sftpPath(name, folder);
          if (skip(path)) continue;
          if (stats.type === "directory") folders.push(path);
          yield [path, amountOf(stats)];
        }
      }
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
}
