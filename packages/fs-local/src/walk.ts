import type { Stats } from "node:fs";
import { baseName, namesOf, parentOf, SftpError, textFromBytes, type SftpPath } from "@sluice/core";
import * as calls from "./calls.ts";
import { entryPath, hold, type Containment, type Directory, type HostPath, type Pin } from "./containment.ts";
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
  /** What has the name now, where the walk pins it. */
  readonly pin: Pin | undefined;
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
 * What a walk does with what the path leads to: `look` at it; `pin` it instead, for what needs a pin, where something is there as a rule; or
 * `leave` it alone, for a call that finds out by itself. `stats` and `upload` of the place are undefined then, and a link is not followed.
 */
export type Arrival = "look" | "pin" | "leave";

/** What a walk holds on to until its place is not used any more. */
interface Held {
  readonly directories: Directory[];
  readonly arrival: Arrival;
  pin: Pin | undefined;
}

/**
 * Walks to where `path` leads and uses the place while the directories on the way are held. A missing last name is no error.
 *
 * Links are resolved here and never by the kernel: a target's names are put in front of those still to go, `/` in front of a
 * target is the root of the tree, and `..` goes back one held directory and stops at the root.
 */
export function* walk<T>(
  tree: Tree,
  path: SftpPath,
  follow: boolean,
  use: (place: Place) => Steps<T>,
  arrival: Arrival = "look",
): Steps<T> {
  const held: Held = { directories: [], arrival, pin: undefined };
  try {
    return yield* use(yield* resolve(tree, path, follow, held));
  } finally {
    yield* letGo(tree, held);
  }
}

/** Where `path` leads, when only to be looked at: by the time of the answer nothing is held any more. */
export function* look(
  tree: Tree,
  path: SftpPath,
  follow: boolean,
): Steps<Omit<Place, "directory" | "entry" | "slot" | "pin">> {
  const held: Held = { directories: [], arrival: "look", pin: undefined };
  try {
    return yield* resolve(tree, path, follow, held);
  } finally {
    yield* letGo(tree, held);
  }
}

function* letGo({ containment }: Tree, held: Held): Steps<void> {
  yield* unpin(containment, held);
  for (const directory of held.directories.splice(0)) yield* containment.leave(directory);
}

function* unpin(containment: Containment, held: Held): Steps<void> {
  const { pin } = held;
  held.pin = undefined;
  if (pin !== undefined) yield* containment.unpin(pin);
}

function* resolve(tree: Tree, path: SftpPath, follow: boolean, held: Held): Steps<Place> {
  const near = yield* nearby(tree, path, held);
  if (near !== undefined) {
    if (!follow || near.stats?.isSymbolicLink() !== true) return near;
    // A link may lead above this directory, and what is above is not held.
    yield* letGo(tree, held);
  }
  const { containment } = tree;
  const { directories } = held;
  const ahead = namesOf(path).reverse();
  const names: string[] = [];
  let hops = 0;
  for (let steps = 0; steps < maxSteps; steps++) {
    const directory = directories.at(-1) ?? tree.root;
    const name = ahead.pop();
    if (name === undefined) return yield* placeAt(tree, directory, ".", pathOf(names), held);
    if (name === "..") {
      const left = directories.pop();
      names.pop();
      if (left !== undefined) yield* containment.leave(left);
      continue;
    }
    if (isReserved(name)) throw new SftpError("noSuchFile");
    if (!containment.allows(name)) throw new SftpError("invalidFilename");
    if (ahead.length === 0) {
      const place = yield* placeAt(tree, directory, name, pathOf([...names, name]), held);
      if (hops === 0 && directories.length > 0 && tree.driver.bursts) remember(tree, parentOf(path), directory);
      if (!follow || place.stats?.isSymbolicLink() !== true) return place;
      yield* unpin(containment, held);
    } else {
      const next = yield* containment.enter(directory, name);
      if (next !== undefined) {
        directories.push(next);
        names.push(name);
        continue;
      }
    }
    const target = yield* linkTarget(directory, name);
    if (tree.symlinks === "deny") throw new SftpError("permissionDenied", "Symbolic links are not followed here");
    if (++hops > maxHops) throw new SftpError("linkLoop");
    if (target.startsWith("/")) {
      names.length = 0;
      for (const left of directories.splice(0)) yield* containment.leave(left);
    }
    const targetNames = target.split("/").filter((part) => part !== "" && part !== ".");
    ahead.push(...targetNames.reverse());
  }
  throw new SftpError("linkLoop", "The path is too long once its links are followed");
}

/** The place of a path into the directory that was just walked to. */
function* nearby(tree: Tree, path: SftpPath, held: Held): Steps<Place | undefined> {
  const directory = recall(tree, parentOf(path));
  if (directory === undefined) return undefined;
  const name = baseName(path);
  if (isReserved(name)) throw new SftpError("noSuchFile");
  held.directories.push(hold(directory));
  return yield* placeAt(tree, directory, name, path, held);
}

function pathOf(names: readonly string[]): SftpPath {
  return `/${names.join("/")}` as SftpPath;
}

function* placeAt(tree: Tree, directory: Directory, name: string, path: SftpPath, held: Held): Steps<Place> {
  const slot = entryPath(directory, name);
  if (held.arrival === "leave") {
    return { directory, name, stats: undefined, pin: undefined, entry: slot, slot, upload: undefined, path };
  }
  const stats = yield* statsOf(tree, directory, name, held);
  if (stats === undefined) {
    const upload = yield* tree.uploads.find(directory, name);
    if (upload !== undefined) {
      const { temporary } = upload;
      const entry = entryPath(directory, temporary);
      const stats = yield* statsOf(tree, directory, temporary, held);
      return { directory, name, stats, pin: held.pin, entry, slot, upload, path };
    }
  }
  return { directory, name, stats, pin: held.pin, entry: slot, slot, upload: undefined, path };
}

function* statsOf(tree: Tree, directory: Directory, name: string, held: Held): Steps<Stats | undefined> {
  if (held.arrival === "look") return yield* calls.lstat(entryPath(directory, name));
  try {
    held.pin = yield* tree.containment.pin(directory, name);
    return held.pin.stats;
  } catch (error) {
    if (calls.errnoOf(error) === "ENOENT" || (SftpError.is(error) && error.status === "noSuchFile")) return undefined;
    throw error;
  }
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
