import type { Dirent, Dir } from "node:fs";
import { maxPathDepth, textFromBytes, type Logger } from "@sluice/core";
import * as calls from "./calls.ts";
import { entryPath, type Containment, type Directory } from "./containment.ts";
import { callByCall } from "./driver.ts";
import { openRoot, type Tier } from "./root.ts";
import type { LocalFilesSettings } from "./options.ts";
import type { Steps } from "./steps.ts";
import { isAbandoned, isReserved } from "./temporary.ts";

/** Names read in one go; the next ones wait until whoever else uses the thread pool has had a turn. */
const chunkNames = 256;

/** How a sweep went. */
interface Tally {
  removed: number;
  /** Directories and files that could not be looked at or removed. */
  failed: number;
}

/**
 * Removes what uploads of dead processes have left behind: one root after the other, each once, beside the sessions that work in
 * it. What belongs to a process that lives, this one or another, stays.
 */
export class Sweeper {
  readonly #settings: LocalFilesSettings;
  readonly #tier: Tier;
  readonly #known = new Set<string>();
  #last: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(settings: LocalFilesSettings, tier: Tier) {
    this.#settings = settings;
    this.#tier = tier;
  }

  /** Sweeps a root when its turn comes, unless that has been done or is not wanted. */
  add(root: string, log: Logger): void {
    if (!this.#settings.sweep || this.#stopped || this.#known.has(root)) return;
    this.#known.add(root);
    this.#last = this.#last.then(() => this.#sweep(root, log));
  }

  /** Resolves when nothing is being swept any more; what was not reached is left to the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#last;
  }

  /** Never rejects: what cannot be swept is no reason not to serve. */
  async #sweep(path: string, log: Logger): Promise<void> {
    if (this.#stopped) return;
    const tally: Tally = { removed: 0, failed: 0 };
    try {
      const { directory, containment } = await openRoot(path, { ...this.#settings, createRoot: false }, this.#tier);
      try {
        await this.#sweepBelow(containment, directory, tally, maxPathDepth);
      } finally {
        await callByCall.run(() => containment.leave(directory));
      }
    } catch (error) {
      log.warn({ err: error, root: path }, "Leftovers of uploads could not be looked for");
      return;
    }
    const { removed, failed } = tally;
    if (removed > 0) log.info({ root: path, removed }, "Removed what was left of uploads that were cut off");
    if (failed > 0) log.warn({ root: path, failed }, "Some folders or leftovers of uploads could not be cleared up");
  }

  /** `levels`: how much deeper clients can get, and so leave anything behind. */
  async #sweepBelow(containment: Containment, directory: Directory, tally: Tally, levels: number): Promise<void> {
    let dir: Dir;
    try {
      dir = await callByCall.run(() => calls.opendir(entryPath(directory, ".")));
    } catch {
      tally.failed++;
      return;
    }
    try {
      while (!this.#stopped) {
        const entries = await callByCall.run(() => sweepChunk(directory, dir, tally));
        if (entries === undefined) return;
        if (levels > 1) for (const name of entries) await this.#enter(containment, directory, name, tally, levels - 1);
      }
    } catch {
      // A directory that cannot be read any further; the others can.
      tally.failed++;
    } finally {
      await callByCall.run(() => calls.closedir(dir));
    }
  }

  async #enter(containment: Containment, parent: Directory, name: string, tally: Tally, levels: number): Promise<void> {
    let directory: Directory | undefined;
    try {
      directory = await callByCall.run(() => containment.enter(parent, name));
    } catch {
      // Removed meanwhile, not ours to read, or another file system that is not to be entered.
      tally.failed++;
    }
    if (directory === undefined) return;
    try {
      await this.#sweepBelow(containment, directory, tally, levels);
    } finally {
      const held = directory;
      await callByCall.run(() => containment.leave(held));
    }
  }
}

/** Removes the leftovers among the next names; returns the directories among them, `undefined` at the end. */
function* sweepChunk(directory: Directory, dir: Dir, tally: Tally): Steps<string[] | undefined> {
  const directories: string[] = [];
  for (let read = 0; read < chunkNames; read++) {
    const entry: Dirent | undefined = yield* calls.readEntry(dir);
    if (entry === undefined) return read === 0 ? undefined : directories;
    const name = textFromBytes(entry.name as unknown as Buffer);
    if (entry.isDirectory()) directories.push(name);
    else if (isReserved(name)) yield* removeAbandoned(directory, name, tally);
  }
  return directories;
}

function* removeAbandoned(directory: Directory, name: string, tally: Tally): Steps<void> {
  const path = entryPath(directory, name);
  try {
    const stats = yield* calls.lstat(path);
    if (stats === undefined || !isAbandoned(name, stats.ctimeMs)) return;
    yield* calls.unlink(path);
    tally.removed++;
  } catch (error) {
    // Another instance that starts has been faster.
    if (calls.errnoOf(error) !== "ENOENT") tally.failed++;
  }
}
