import type { Stats } from "node:fs";
import { bytesFromText } from "@sluice/core";
import type { Steps } from "./steps.ts";

/** A path as Node takes it: bytes only where text would not do. */
export type HostPath = string | Buffer;

/** A directory whose entries the kernel reaches without resolving anything before their name. */
export interface Directory {
  /** What the path of an entry begins with, byte-preserving as in `SftpPath`. */
  readonly base: string;
  /** The descriptor that `base` goes through, where there is one. */
  readonly fd: number | undefined;
  /** How many use it: the last one to leave gives the descriptor back. */
  holders: number;
  /** What tells it apart from other directories, once somebody has asked. */
  identity: string | undefined;
}

/** A directory with one holder. */
export function directoryAt(base: string, fd?: number): Directory {
  return { base, fd, holders: 1, identity: undefined };
}

/** Keeps a directory for one more user, who has to leave it too. */
export function hold(directory: Directory): Directory {
  directory.holders += 1;
  return directory;
}

/** One entry, held so that what is learnt of it and what is then done to it concern the same file. */
export interface Pin {
  readonly path: HostPath;
  readonly stats: Stats;
  readonly fd: number | undefined;
}

/** How a tree is kept from leading out of its root. Everything else reaches the disk through these. */
export interface Containment {
  /** Steps into an entry; `undefined` if it is not a directory, which a link to one is not. */
  enter(parent: Directory, name: string): Steps<Directory | undefined>;
  leave(directory: Directory): Steps<void>;
  /** Takes hold of an entry without opening it: a FIFO is not waited for, a device not touched. */
  pin(parent: Directory, name: string): Steps<Pin>;
  unpin(pin: Pin): Steps<void>;
  /** What opening `Pin.path` needs besides the access wanted. */
  readonly pinFlags: number;
  /** Whether the platform can have a file of this name. */
  allows(name: string): boolean;
}

/** The path by which the kernel reaches an entry. */
export function entryPath(directory: Directory, name: string): HostPath {
  const path = `${directory.base}/${name}`;
  return isAscii(name) && isAscii(directory.base) ? path : bytesFromText(path);
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}
