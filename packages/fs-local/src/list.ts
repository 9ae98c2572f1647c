import fs, { type Dir } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { SftpError, textFromBytes, type DirectoryEntry, type SftpPath } from "@sluice/core";
import { statsOf } from "./attributes.ts";
import * as calls from "./calls.ts";
import { entryPath, type Directory } from "./containment.ts";
import { Names } from "./names.ts";
import type { Steps } from "./steps.ts";
import { isReserved } from "./temporary.ts";
import type { Tree } from "./tree.ts";
import { walk } from "./walk.ts";

/** Entries looked at in one go: 1 to 2 ms of the event loop in a burst. */
const batchEntries = 256;

const missingIsNone = { throwIfNoEntry: false } as const;

interface Listing {
  readonly directory: Directory;
  /** In bursts, or else call by call. */
  readonly names: Names | Dir;
}

/** The entries of a directory, read as they are asked for: a million of them take no more memory than a batch. */
export async function* list(tree: Tree, path: SftpPath, run: Tree["driver"]["run"]): AsyncGenerator<DirectoryEntry[]> {
  const listing = await run(() => openListing(tree, path));
  try {
    for (;;) {
      const batch = await tree.driver.run(() => readBatch(listing));
      if (batch === undefined) break;
      if (batch.length > 0) yield batch;
      // A burst resolves without a turn of the event loop; whoever loops over a large tree must not hold up everybody.
      await setImmediate();
    }
    const uploads = await tree.driver.run(() => readUploads(tree, listing.directory));
    if (uploads.length > 0) yield uploads;
  } finally {
    await tree.driver.run(() => closeListing(tree, listing));
  }
}

function* openListing(tree: Tree, path: SftpPath): Steps<Listing> {
  return yield* walk(tree, path, true, function* (place) {
    const directory = yield* tree.containment.enter(place.directory, place.name);
    if (directory === undefined) throw new SftpError("notADirectory");
    try {
      const names = tree.driver.bursts ? new Names(directory) : yield* calls.opendir(entryPath(directory, "."));
      return { directory, names };
    } catch (error) {
      yield* tree.containment.leave(directory);
      throw error;
    }
  });
}

function* closeListing(tree: Tree, { directory, names }: Listing): Steps<void> {
  try {
    if (names instanceof Names) names.close();
    else yield* calls.closedir(names);
  } finally {
    yield* tree.containment.leave(directory);
  }
}

/** The next entries; `undefined` at the end, and maybe none although there are more. */
function* readBatch({ directory, names }: Listing): Steps<DirectoryEntry[] | undefined> {
  // Without a step for each call it takes two thirds of the time.
  if (names instanceof Names) return readBurst(names);
  const read: string[] = [];
  for (let count = 0; count < batchEntries; count++) {
    const bytes = yield* calls.readdir(names);
    if (bytes === undefined) {
      if (count === 0) return undefined;
      break;
    }
    const name = textFromBytes(bytes);
    if (!isReserved(name)) read.push(name);
  }
  const found = yield* calls.lstatAll(read.map((name) => entryPath(directory, name)));
  // What was removed since it was read has no stats, and is left out.
  return read.flatMap((name, i) => {
    const stats = found[i];
    return stats === undefined ? [] : [{ name, stats: statsOf(stats) }];
  });
}

function readBurst(names: Names): DirectoryEntry[] | undefined {
  const entries: DirectoryEntry[] = [];
  for (let count = 0; count < batchEntries; count++) {
    const next = names.next();
    if (next === undefined) return count === 0 ? undefined : entries;
    if (isReserved(next.name)) continue;
    const stats = fs.lstatSync(next.path, missingIsNone);
    if (stats !== undefined) entries.push({ name: next.name, stats: statsOf(stats) });
  }
  return entries;
}

/** What this session is uploading here under names that nobody has yet. */
function* readUploads(tree: Tree, directory: Directory): Steps<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  for (const { name, temporary } of yield* tree.uploads.into(directory)) {
    if ((yield* calls.lstat(entryPath(directory, name))) !== undefined) continue;
    const stats = yield* calls.lstat(entryPath(directory, temporary));
    if (stats !== undefined) entries.push({ name, stats: statsOf(stats) });
  }
  return entries;
}
