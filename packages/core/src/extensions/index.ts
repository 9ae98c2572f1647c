import type { Extension } from "../extension.ts";
import { copyData } from "./copy-data.ts";
import { expandPath } from "./expand-path.ts";
import { fsync } from "./fsync.ts";
import { hardlink } from "./hardlink.ts";
import { homeDirectory } from "./home-directory.ts";
import { limits } from "./limits.ts";
import { lsetstat } from "./lsetstat.ts";
import { posixRename } from "./posix-rename.ts";
import { spaceAvailable } from "./space-available.ts";
import { fstatvfs, statvfs } from "./statvfs.ts";
import { usersGroupsById } from "./users-groups-by-id.ts";

/** The extensions that every server has. */
export function builtInExtensions(handles: number): readonly Extension[] {
  return [
    posixRename,
    statvfs,
    fstatvfs,
    hardlink,
    fsync,
    lsetstat,
    limits(handles),
    expandPath,
    homeDirectory,
    usersGroupsById,
    copyData,
    spaceAvailable,
  ] as readonly unknown[] as readonly Extension[];
}
