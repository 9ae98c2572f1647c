import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  statfsSync,
  statSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { SetupError, type Logger } from "@sluice/core";

/** What `statfs` calls file systems whose locks and memory maps do not hold between machines (linux/magic.h, statfs(2)). */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x01021997, "9P"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x01161970, "GFS2"],
  [0x7461636f, "OCFS2"],
  [0x65735546, "FUSE"],
]);

/** The name of a network file system by its number, if it is one. */
export function networkFileSystem(type: number): string | undefined {
  // Some platforms hand the number on as a signed one.
  return networkFileSystems.get(type >>> 0);
}

/** The store's file and its lock file. */
export interface Location {
  readonly file: string;
  /** Bytes of the file; 0 where it is new. */
  readonly bytes: number;
}

/**
 * Makes the folder (0700) and the files (0600), or checks those that are there.
 *
 * @throws SetupError `ERR_SLUICE_STORE` that says what to do
 */
export function prepareLocation(folder: string, log: Logger): Location {
  const file = join(folder, "store.mdb");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw failed(error, `The store's folder ${folder} cannot be made`);
  }
  checkFolder(folder);
  const network = networkFileSystem(statfsSync(folder).type);
  if (network !== undefined) {
    log.warn(
      { path: folder, network },
      "The store is on a network file system, where locks may not hold: move it to a local disk",
    );
  }
  const bytes = own(file, log);
  own(`${file}-lock`, log);
  return { file, bytes };
}

/** Checks what is there, and makes nothing. @returns nothing where there is no store yet @throws SetupError as `prepareLocation` */
export function findLocation(folder: string): Location | undefined {
  const file = join(folder, "store.mdb");
  try {
    // LMDB would make its lock file, for everybody.
    const needed = [folder, file, `${file}-lock`];
    if (needed.some((path) => statSync(path, { throwIfNoEntry: false }) === undefined)) return undefined;
  } catch (error) {
    throw failed(error, `The store's folder ${folder} cannot be used`);
  }
  checkFolder(folder);
  return { file, bytes: checkFile(file).size };
}

function checkFolder(folder: string): void {
  if ((statSync(folder).mode & 0o022) === 0) return;
  throw new SetupError(
    "ERR_SLUICE_STORE",
    `Others may write to the store's folder ${folder}: chmod 700 it, or name one of its own`,
  );
}

/**
 * Makes the file for its owner alone, before LMDB makes it for everybody. Returns its size.
 *
 * One that is there is not opened: where this process has the store open already, closing another descriptor of the lock file would end
 * the locks that LMDB holds on it (fcntl(2)), and other processes would take its readers for dead.
 */
function own(file: string, log: Logger): number {
  try {
    closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
    return 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw failed(error, `The store's file ${file} cannot be made`);
  }
  try {
    const stats = checkFile(file);
    if ((stats.mode & 0o077) !== 0) {
      log.warn(
        { path: file, mode: (stats.mode & 0o777).toString(8) },
        "Others could use the store's file: it is the owner's alone from now on",
      );
      chmodSync(file, 0o600);
    }
    return stats.size;
  } catch (error) {
    throw failed(error, `The store's file ${file} cannot be used`);
  }
}

function checkFile(file: string): Stats {
  try {
    const stats = lstatSync(file);
    if (!stats.isFile()) throw new SetupError("ERR_SLUICE_STORE", `${file} is no file: move it away`);
    accessSync(file, constants.R_OK | constants.W_OK);
    return stats;
  } catch (error) {
    throw failed(error, `The store's file ${file} cannot be used`);
  }
}

function failed(error: unknown, what: string): SetupError {
  if (SetupError.is(error)) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "unknown";
  return new SetupError("ERR_SLUICE_STORE", `${what} (${code}): name a folder that this user may write to`, {
    cause: error,
  });
}
