import type { Stats } from "node:fs";
import { SftpError } from "@sluice/core";
import type { Tree } from "./tree.ts";

/** Refuses to make a second name where that is not allowed. */
export function requireHardLinks({ hardLinks }: Tree): void {
  if (hardLinks === "deny") throw new SftpError("permissionDenied", "Hard links are not allowed here");
}

/** Refuses to change a file in place that may have a name outside of the root, where such files are not to be trusted. */
export function requireOneName({ hardLinks }: Tree, stats: Stats): void {
  if (hardLinks === "deny" && stats.isFile() && stats.nlink > 1) {
    throw new SftpError("permissionDenied", "The file has other names and cannot be changed here");
  }
}
