import {
  defineFileSystem,
  SetupError,
  SftpError,
  type FileSystem,
  type FileSystemFactory,
  type FileSystemSource,
} from "@sluice/core";
import { z } from "zod";
import { memorySettings, type MemoryFilesOptions, type MemoryOptions, type MemorySettings } from "./options.ts";
import { MemoryFileSystem } from "./filesystem.ts";

/**
 * Files in memory, for mounting: one tree for all sessions, or with `perSession` one for each.
 *
 * @example
 * server.mount("/", memoryFiles({ files: { "/readme.txt": "hello\n" }, maxBytes: 10_000_000 }));
 */
export const memoryFiles: FileSystemFactory<MemoryFilesOptions | undefined> = defineFileSystem({
  name: "fs-memory",
  options: memorySettings,
  create(settings): FileSystemSource {
    // Made even for `perSession`, so that a mistake in `files` is told at start and not at the first login.
    const tree = makeTree(settings);
    return settings.perSession ? () => makeTree(settings) : tree;
  },
});

/**
 * One tree in memory, as a file system: for tests, and for programs that put files where clients can fetch them.
 *
 * @example
 * const fs = createMemoryFileSystem({ files: { "/readme.txt": "hello\n" } });
 *
 * @throws SetupError `ERR_SLUICE_OPTIONS` for options that are out of range or unknown.
 */
export function createMemoryFileSystem(options?: MemoryOptions): FileSystem {
  const result = memorySettings.safeParse(options);
  if (!result.success) {
    throw new SetupError("ERR_SLUICE_OPTIONS", `fs-memory: ${z.prettifyError(result.error)}`, {
      issues: result.error.issues,
    });
  }
  return makeTree(result.data);
}

function makeTree(settings: MemorySettings): MemoryFileSystem {
  const fs = new MemoryFileSystem(settings);
  for (const [path, content] of Object.entries(settings.files)) {
    try {
      fs.plant(path, content);
    } catch (error) {
      if (!SftpError.is(error)) throw error;
      throw new SetupError("ERR_SLUICE_OPTIONS", `fs-memory: files: "${path}": ${error.message}`, { cause: error });
    }
  }
  return fs;
}
