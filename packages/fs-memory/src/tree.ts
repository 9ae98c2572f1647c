import { maxNameBytes, bytesFromText, namesOf, SftpError, sftpPath, type SftpPath } from "@sluice/core";
import { Directory, Link, type Node } from "./inode.ts";

/** Symbolic links that one path may lead through; Linux has the same limit. */
const maxLinks = 40;

/** Longest link target, in bytes (Linux: PATH_MAX). */
const maxTargetBytes = 4096;

/** Where a path leads: a name in a directory, and what is there. The root is its own directory and has no name. */
export interface Place {
  readonly directory: Directory;
  readonly name: string;
  readonly node: Node | undefined;
}

/** Whether a last name that is a symbolic link stands for its target or for itself. */
export interface Follow {
  readonly follow: boolean;
}

/**
 * Walks from `root` to where `path` leads; the last name may be missing.
 *
 * Links are resolved within the tree: an absolute target starts at `root`, and `..` at the root stays there, so that none leads out.
 * Unlike in `sftpPath`, `..` in a target is resolved after the links before it: it means the parent of where they led.
 *
 * @throws SftpError `noSuchFile`, `notADirectory` or `linkLoop`.
 */
export function find(root: Directory, path: SftpPath, { follow }: Follow): Place {
  const pending = namesOf(path).reverse();
  let here = root;
  let linksLeft = maxLinks;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      here = here.parent ?? root;
      continue;
    }
    const node = here.entries.get(name);
    const isLast = pending.length === 0;
    if (node instanceof Link && (follow || !isLast)) {
      if (linksLeft === 0) throw new SftpError("linkLoop");
      linksLeft -= 1;
      if (node.target.startsWith("/")) here = root;
      pending.push(...node.target.split("/").reverse());
      continue;
    }
    if (isLast) return { directory: here, name, node };
    here = directoryAt(node);
  }
  return { directory: here.parent ?? root, name: here.name, node: here };
}

/**
 * What is at `path`.
 *
 * @throws SftpError `noSuchFile`, and what `find` throws.
 */
export function nodeAt(root: Directory, path: SftpPath, follow: Follow): Node {
  const { node } = find(root, path, follow);
  if (node === undefined) throw new SftpError("noSuchFile");
  return node;
}

/** @throws SftpError `noSuchFile` or `notADirectory`. */
export function directoryAt(node: Node | undefined): Directory {
  if (node === undefined) throw new SftpError("noSuchFile");
  if (!(node instanceof Directory)) throw new SftpError("notADirectory");
  return node;
}

/** The path of a place, without links. */
export function pathOf({ directory, name }: Place): SftpPath {
  const names = [name];
  for (let at: Directory | undefined = directory; at !== undefined; at = at.parent) names.unshift(at.name);
  return sftpPath(names.join("/"));
}

/** Whether `directory` is `ancestor` or lies below it. */
export function isInside(directory: Directory, ancestor: Node): boolean {
  for (let at: Directory | undefined = directory; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}

/**
 * Refuses link targets that could never be followed; names in them would otherwise get round the checks of `sftpPath`.
 *
 * @throws SftpError `invalidParameter` or `invalidFilename`.
 */
export function checkTarget(target: string): void {
  if (target === "" || target.includes("\0"))
    throw new SftpError("invalidParameter", "Link target is empty or has a NUL");
  if (bytesFromText(target).length > maxTargetBytes) throw new SftpError("invalidFilename", "Link target too long");
  if (target.split("/").some((name) => bytesFromText(name).length > maxNameBytes)) {
    throw new SftpError("invalidFilename", "Link target has a name that is too long");
  }
}
