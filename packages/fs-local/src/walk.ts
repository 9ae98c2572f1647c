import type { Stats } from "node:fs";
import { baseName, namesOf, parentOf, SftpError, textFromBytes, type SftpPath } from "@sluice/core";
import * as calls from "./calls.ts";
import { entryPath, hold, type Directory, type HostPath } from "./containment.ts";
import { recall, remember } from "./recent.ts";
import type { Steps } from "./steps.ts";
import { isReserved } from "./temporary.ts";
import type { Tree } from "./tree.ts";
import type { Upload } from "./upload.ts";

/** Most links followed on one way, as in Linux. */
const maxHops = 40;
/** Most names looked up on one way: a chain of long links would otherwise turn one request into a second of work. */
const maxSteps = 512;

/** Where a path leads: a name in a directory that is held. */
export interface Place {
  readonly directory: Directory;
  /** `.` where the path leads to the held directory itself. */
  readonly name: string;
  /** What has the name now; `undefined`: nothing. A link only where links were not to be followed. */
  readonly stats: Stats | undefined;
  /** How the kernel reaches what has the name now. */
  readonly entry: HostPath;
  /** How the kernel reaches the name, to give it to something else. */
  readonly slot: HostPath;
  /** This session's upload of that name, where there is no committed file: `stats` and `entry` are the temporary's. */
  readonly upload: Upload | undefined;
  /** The path without links. */
  readonly path: SftpPath;
}

/**
 * Walks to where `path` leads and uses the place while the directories on the way are held. A missing last name is no error.
 *
 * Links are resolved here and never by the kernel: a target's names are put in front of those still to go, `/` in front of a
 * target is the root of the tree, and `..` goes back one held directory and stops at the root.
 */
export function* walk<T>(tree: Tree, path: SftpPath, follow: boolean, use: (place: Place) => Steps<T>): Steps<T> {
  const held: Directory[] = [];
  try {
    return yield* use(yield* resolve(tree, path, follow, held));
  } finally {
    for (const directory of held) yield* tree.containment.leave(directory);
  }
}

/** Where `path` leads, when only to be looked at: by the time of the answer nothing is held any more. */
export function* look(tree: Tree, path: SftpPath, follow: boolean): Steps<Omit<Place, "directory" | "entry" | "slot">> {
  const held: Directory[] = [];
  try {
    return yield* resolve(tree, path, follow, held);
  } finally {
    for (const directory of held) yield* tree.containment.leave(directory);
  }
}

function* resolve(tree: Tree, path: SftpPath, follow: boolean, held: Directory[]): Steps<Place> {
  const near = yield* nearby(tree, path, held);
  if (near !== undefined) {
    if (!follow || near.stats?.isSymbolicLink() !== true) return near;
    // A link may lead above this directory, and what is above is not held.
    for (const directory of held.splice(0)) yield* tree.containment.leave(directory);
  }
  const { containment } = tree;
  const ahead = namesOf(path).reverse();
  const names: string[] = [];
  let hops = 0;
  for (let steps = 0; steps < maxSteps; steps++) {
    const directory = held.at(-1) ?? tree.root;
    const name = ahead.pop();
    if (name === undefined) return yield* placeAt(tree, directory, ".", pathOf(names));
    if (name === "..") {
      const left = held.pop();
      names.pop();
      if (left !== undefined) yield* containment.leave(left);
      continue;
    }
    if (isReserved(name)) throw new SftpError("noSuchFile");
    if (!containment.allows(name)) throw new SftpError("invalidFilename");
    if (ahead.length === 0) {
      const place = yield* placeAt(tree, directory, name, pathOf([...names, name]));
      if (hops === 0 && held.length > 0 && tree.driver.bursts) remember(tree, parentOf(path), directory);
      if (!follow || place.stats?.isSymbolicLink() !== true) return place;
    } else {
      const next = yield* containment.enter(directory, name);
      if (next !== undefined) {
        held.push(next);
        names.push(name);
        continue;
      }
    }
    const target = yield* linkTarget(directory, name);
    if (tree.symlinks === "deny") throw new SftpError("permissionDenied", "Symbolic links are not followed here");
    if (++hops > maxHops) throw new SftpError("linkLoop");
    if (target.startsWith("/")) {
      names.length = 0;
      for (const left of held.splice(0)) yield* containment.leave(left);
    }
    const targetNames = target.split("/").filter((part) => part !== "" && part !== ".");
    ahead.push(...targetNames.reverse());
  }
  throw new SftpError("linkLoop", "The path is too long once its links are followed");
}

/** The place of a path into the directory that was just walked to. */
function* nearby(tree: Tree, path: SftpPath, held: Directory[]): Steps<Place | undefined> {
  const directory = recall(tree, parentOf(path));
  if (directory === undefined) return undefined;
  const name = baseName(path);
  if (isReserved(name)) throw new SftpError("noSuchFile");
  held.push(hold(directory));
  return yield* placeAt(tree, directory, name, path);
}

function pathOf(names: readonly string[]): SftpPath {
  return `/${names.join("/")}` as SftpPath;
}

function* placeAt(tree: Tree, directory: Directory, name: string, path: SftpPath): Steps<Place> {
  const slot = entryPath(directory, name);
  const stats = yield* calls.lstat(slot);
  if (stats === undefined) {
    const upload = yield* tree.uploads.find(directory, name);
    if (upload !== undefined) {
      const entry = entryPath(directory, upload.temporary);
      return { directory, name, stats: yield* calls.lstat(entry), entry, slot, upload, path };
    }
  }
  return { directory, name, stats, entry: slot, slot, upload: undefined, path };
}

function* linkTarget(directory: Directory, name: string): Steps<string> {
  try {
    return textFromBytes(yield* calls.readlink(entryPath(directory, name)));
  } catch (error) {
    // Neither a directory nor a link, and there was more of the path to come.
    if (calls.errnoOf(error) === "EINVAL") throw new SftpError("notADirectory");
    throw error;
  }
}

/** The place's stats, or the refusal that nothing is there. */
export function present(place: Pick<Place, "stats">): Stats {
  if (place.stats === undefined) throw new SftpError("noSuchFile");
  return place.stats;
}

/** Refuses to make, move or remove the root itself. */
export function requireName(place: Place): void {
  if (place.name === ".") throw new SftpError("permissionDenied", "That cannot be done to the root");
}

/** Refuses a name that clients may not give to anything. */
export function requireFreeName(path: SftpPath): void {
  if (namesOf(path).some(isReserved)) throw new SftpError("permissionDenied", "Names like that are reserved");
}
