import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { readUsers } from "./reader.ts";
import { Source, usersFileError } from "./source.ts";
import type { FileUser } from "./user.ts";

/** Largest users file, in bytes. */
const maxBytes = 64 * 1024 * 1024;

/** What a users file holds. */
export interface UsersFile {
  readonly text: string;
  readonly users: ReadonlyMap<string, FileUser>;
  /** Permission bits of the file. */
  readonly mode: number;
}

/**
 * Reads the users of a YAML or (by the ending `.json`) JSON file, by canonical name.
 *
 * @throws SetupError `ERR_SLUICE_USERS_FILE` with a line `file:line:column path: what` for each mistake, or why the file cannot be read.
 */
export async function readUsersFile(path: string): Promise<ReadonlyMap<string, FileUser>> {
  return (await loadUsersFile(path)).users;
}

/** Like `readUsersFile`, with the text and the mode of the file. */
export async function loadUsersFile(path: string): Promise<UsersFile> {
  const { text, mode } = await readText(path);
  return { text, mode, users: readUsers(new Source(path, text)) };
}

/** The text of a users file. @throws SetupError `ERR_SLUICE_USERS_FILE` where it cannot be read. */
export async function readText(path: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    // Without O_NONBLOCK a named pipe would hold the server up for ever.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw usersFileError([`${path}: is not a file`]);
      if (stats.size > maxBytes) throw usersFileError([`${path}: is larger than ${maxBytes / 2 ** 20} MiB`]);
      return { text: decode(path, await file.readFile()), mode: stats.mode & 0o777 };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readError(path, error);
  }
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw usersFileError([`${path}: is not UTF-8`]);
  }
}

function readError(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOENT")
    return usersFileError(
      [`${path}: there is no such file; make one with: sluice user add NAME --file ${path}`],
      error,
    );
  if (["EACCES", "EPERM"].includes(code)) return usersFileError([`${path}: this process may not read it`], error);
  return /^E[A-Z]+$/.test(code) ? usersFileError([`${path}: cannot be read (${code})`], error) : error;
}
