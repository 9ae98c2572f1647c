import type { OperationName } from "../context.ts";
import type { Extension } from "../extension.ts";
import type { Run } from "../pipeline.ts";
import { close } from "./close.ts";
import { copy } from "./copy.ts";
import { extended } from "./extended.ts";
import { link } from "./link.ts";
import { lock, unlock } from "./lock.ts";
import { mkdir } from "./mkdir.ts";
import { open } from "./open.ts";
import { opendir } from "./opendir.ts";
import { read } from "./read.ts";
import { readdir } from "./readdir.ts";
import { readlink } from "./readlink.ts";
import { realpath } from "./realpath.ts";
import { remove } from "./remove.ts";
import { rename } from "./rename.ts";
import { rmdir } from "./rmdir.ts";
import { setstat } from "./setstat.ts";
import { stat } from "./stat.ts";
import { statfs } from "./statfs.ts";
import { symlink } from "./symlink.ts";
import { sync } from "./sync.ts";
import { write } from "./write.ts";

/** What serves each operation, or one pipeline for each: an operation that is missing does not compile. */
export type OperationTable = { readonly [K in OperationName]: Run<K> };

/** The handlers that end each pipeline: from meaning to file system. */
export function handlers(options: {
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly readdirEntries: number;
}): OperationTable {
  return {
    open,
    read,
    write,
    sync,
    copy,
    lock,
    unlock,
    close,
    opendir,
    readdir: readdir(options.readdirEntries),
    mkdir,
    rmdir,
    stat,
    setstat,
    statfs,
    remove,
    rename,
    readlink,
    symlink,
    link,
    realpath,
    extended: extended(options.extensions),
  };
}
