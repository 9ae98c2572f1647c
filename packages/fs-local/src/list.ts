import fs, { type Dir } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { SftpError, textFromBytes, type DirectoryEntry, type SftpPath } from "@sluice/core";
import { statsOf } from "./attributes.ts";
import * as calls from "./calls.ts";
import { entryPath, type Directory } from "./containment.ts";
import type { Steps } from "./steps.ts";
import { isReserved } from "./temporary.ts";
import type { Tree } from "./tree.ts";
import { walk } from "./walk.ts";

/** Entries looked at in one go: 1 to 2 ms of the event loop in a burst. */
const batchEntries = 256;

const missingIsNone = { throwIfNoEntry: false } as const;

interface Listing {
  readonly directory: Directory;
  readonly dir: Dir;
}

/** The entries of a directory, read as they are asked for: a million of them take no more memory than a batch. */
export async function* list(tree: Tree, path: SftpPath, run: Tree["driver"]["run"]): AsyncGenerator<DirectoryEntry[]> {
  const listing = await run(() => openListing(tree, path));
  try {
    for (;;) {
      const batch = await tree.driver.run(() => (tree.driver.bursts ? readBurst(listing) : readBatch(listing)));
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
      return { directory, dir: yield* calls.opendir(entryPath(directory, ".")) };
    } catch (error) {
      yield* tree.containment.leave(directory);
      throw error;
    }
  });
}

function* closeListing(tree: Tree, { directory, dir }: Listing): Steps<void> {
  try {
    yield* calls.closedir(dir);
  } finally {
    yield* tree.containment.leave(directory);
  }
}

/** The next entries; `undefined` at the end, and maybe none although there are more. */
function* readBatch({ directory, dir }: Listing): Steps<DirectoryEntry[] | undefined> {
  const names: string[] = [];
  for (let read = 0; read < batchEntries; read++) {
    const bytes = yield* calls.readdir(dir);
    if (bytes === undefined) {
      if (read === 0) return undefined;
      break;
    }
    const name = textFromBytes(bytes);
    if (!isReserved(name)) names.push(name);
  }
  const found = yield* calls.lstatAll(names.map((name) => entryPath(directory, name)));
  // What was removed since it was read has no stats, and is left out.
  return names.flatMap((name, i) => {
    const stats = found[i];
    return stats === undefined ? [] : [{ name, stats: statsOf(stats) }];
  });
}

/** The same in a loop: without a step for each call it takes two thirds of the time. */
// oxlint-disable-next-line require-yield -- steps that are none, for a driver that runs them at once
function* readBurst({ directory, dir }: Listing): Steps<DirectoryEntry[] | undefined> {
  const entries: DirectoryEntry[] = [];
  for (let read = 0; read < batchEntries; read++) {
    const bytes = dir.readSync()?.name as Buffer | undefined;
    if (bytes === undefined) return read === 0 ? undefined : entries;
    const name = textFromBytes(bytes);
    if (isReserved(name)) continue;
    const stats = fs.lstatSync(entryPath(directory, name), missingIsNone);
    if (stats !== undefined) entries.push({ name, stats: statsOf(stats) });
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
