import { accessSync, closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { SetupError } from "@sluice/core";
import { beside } from "./catalog.ts";
import { readSigningKey } from "./key.ts";
import { lockPath } from "./lock.ts";
import type { LogOptions } from "./log.ts";
import { findEnd } from "./tail.ts";
import { unopened } from "./trouble.ts";

/**
 * Says what would keep a log from being opened. Leaves everything as it is, and may be done while another process writes the log.
 *
 * @throws SetupError `ERR_SLUICE_AUDIT_LOG` with what to do
 */
export function checkLog(options: Pick<LogOptions, "file" | "signingKey">): void {
  const file = resolve(options.file);
  try {
    lockPath(file);
    readSigningKey(options.signingKey ?? beside(file, ".key"));
    checkPlace(dirname(file));
    checkFile(file);
  } catch (error) {
    if (SetupError.is(error)) throw error;
    throw unopened(file, error);
  }
}

/** The directory, or the nearest one above it, in which it would be made. */
function checkPlace(directory: string): void {
  const stats = statSync(directory, { throwIfNoEntry: false });
  if (stats === undefined && dirname(directory) !== directory) return checkPlace(dirname(directory));
  accessSync(directory, constants.W_OK | constants.X_OK);
}

function checkFile(file: string): void {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    if (!fstatSync(fd).isFile()) throw new Error("it is no regular file");
    findEnd(fd, file);
  } finally {
    closeSync(fd);
  }
}
