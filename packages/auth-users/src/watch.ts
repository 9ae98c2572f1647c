import { statSync, unwatchFile, watch, watchFile, type BigIntStats, type FSWatcher } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/** How a file is told from what it was: a file put in its place counts as well as a change. */
export type FileIdentity = string;

/** Editors empty a file and write it again; what is read a moment later is whole. */
const settleMs = 50;

/** The state of the file that a path leads to now, links followed; "missing" where there is none. */
export async function identify(path: string): Promise<FileIdentity> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch {
    return "missing";
  }
}

/** Like `identify`, at once: for whoever must act before anything else happens. */
export function identifySync(path: string): FileIdentity {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "missing" : identityOf(stats);
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileIdentity {
  return [dev, ino, size, mtimeNs, ctimeNs].join(":");
}

/**
 * Notices when a path leads to something else: written in place, replaced by renaming, or behind a link that was switched, as
 * Kubernetes does with its volumes.
 *
 * Events come from the directory, since a watch on the file would stay with the file that was replaced. Where they do not come
 * (network file systems, targets of links in other directories), the path is looked at every `pollMs`.
 */
export class FileWatch {
  readonly #path: string;
  readonly #changed: () => Promise<void>;
  readonly #poke: () => void;
  #seen: FileIdentity;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** `seen` is how the file was when it was read; `changed` must not reject, and never runs twice at once. */
  constructor(path: string, seen: FileIdentity, changed: () => Promise<void>, pollMs = 2000) {
    this.#path = path;
    this.#seen = seen;
    this.#changed = changed;
    this.#poke = () => this.#settle();
    this.#watcher = this.#watchDirectory();
    watchFile(path, { interval: pollMs, persistent: false }, this.#poke);
    this.#look();
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    unwatchFile(this.#path, this.#poke);
    this.#watcher?.close();
    await this.#looking;
  }

  #watchDirectory(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.#path), { persistent: false }, this.#poke);
      // The directory is gone, or the system has no more watches: polling goes on.
      return watcher.on("error", () => watcher.close());
    } catch {
      return undefined;
    }
  }

  // Later events join the ones that are waiting, rather than put them off: a busy directory must not hold an edit up.
  #settle(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, settleMs);
  }

  #look(): void {
    this.#again = true;
    this.#looking ??= this.#compare().finally(() => (this.#looking = undefined));
  }

  async #compare(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      const now = await identify(this.#path);
      if (now === this.#seen) continue;
      this.#seen = now;
      await this.#changed();
    }
  }
}
