import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import { Failure, reasonOf } from "./failure.ts";

/**
 * Writes a private key that only its owner can read.
 *
 * @returns whether it was written: false where something of that name exists, which stays as it is
 * @throws Failure when it cannot be written
 */
export function writeNewKey(path: string, privateKey: string): boolean {
  let created = false;
  try {
    const file = openSync(path, "wx", 0o600);
    created = true;
    try {
      writeSync(file, privateKey);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (!created && (error as NodeJS.ErrnoException).code === "EEXIST") return false;
    // Half a key would be taken for the key at the next start.
    if (created) unlinkSync(path);
    throw new Failure(`${path}: cannot be written: ${reasonOf(error)}`, error);
  }
}
