import { randomBytes } from "node:crypto";
import { linkSync, renameSync, statSync } from "node:fs";
import { open, realpath, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { usersFileError } from "./source.ts";
import { identifySync, type FileIdentity } from "./watch.ts";

/** The file that a path leads to, links followed, so that replacing it leaves the links alone. */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    return path;
  }
}

/**
 * Puts a text in a file's place at once: readers see the old file or the new one, even after a crash. Owner and mode stay; a new
 * file is for its owner only.
 *
 * @throws SetupError `ERR_SLUICE_USERS_FILE` where the file is no longer the one that was `seen` (see `identify`).
 */
export async function replaceFile(path: string, text: string, seen: FileIdentity): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  const file = await open(temporary, "wx", 0o600);
  try {
    await write(file, path, text, seen === "missing");
    // No waiting between the look and the exchange: two edits in one process cannot both pass.
    if (identifySync(path) !== seen) throw changed(path);
    putInPlace(temporary, path, seen);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  await syncDirectory(dirname(path));
}

async function write(file: FileHandle, path: string, text: string, isNew: boolean): Promise<void> {
  try {
    if (!isNew) await keepOwnerAndMode(file, path);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function keepOwnerAndMode(file: FileHandle, path: string): Promise<void> {
  const old = statSync(path);
  const made = await file.stat();
  if (old.uid !== made.uid || old.gid !== made.gid) {
    try {
      await file.chown(old.uid, old.gid);
    } catch (error) {
      // The server might no longer be able to read what belongs to somebody else.
      throw usersFileError([`${path}: only its owner or root can change it`], error);
    }
  }
  await file.chmod(old.mode & 0o777);
}

function putInPlace(temporary: string, path: string, seen: FileIdentity): void {
  if (seen !== "missing") return renameSync(temporary, path);
  try {
    // Unlike rename, refused where somebody else was quicker.
    linkSync(temporary, path);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? changed(path) : error;
  }
}

function changed(path: string): Error {
  return usersFileError([`${path}: somebody else has changed it in the meantime; nothing was written, try again`]);
}

/** Makes the new name itself survive a power cut. Windows cannot open a directory, and needs not. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
