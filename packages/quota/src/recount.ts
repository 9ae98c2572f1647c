import { setTimeout as delay } from "node:timers/promises";
import { isWithin, parentOf, rootPath, sftpPath, type FileSystem, type SftpPath, type Store } from "@sluice/core";
import { isAbsent } from "./files.ts";
import type { Ledger } from "./ledger.ts";
import type { Touched } from "./pages.ts";
import { minus, none, plus, type Amount } from "./record.ts";
import { amountOf, walk } from "./tally.ts";
import { Watch } from "./watch.ts";

/** How often what changed meanwhile is counted again before it is given up. */
const maxRounds = 200;
/** The time that changes get at most to end which are being made, before it is looked again, in milliseconds. */
const settleMs = 50;

/** A file system and where it is mounted. */
export interface CountedView {
  readonly path: SftpPath;
  readonly fs: FileSystem;
}

/** What a recount found. */
export interface Recounted {
  /** What the books had, when they were last compared. */
  readonly before: Amount;
  /** What is there. */
  readonly counted: Amount;
  /** Whether the books agree now; not so where changes never paused. */
  readonly settled: boolean;
}

/**
 * Counts everything below a folder, and sets the books to it. Changes may go on: what others touch meanwhile is counted again, until nothing
 * was touched between the count and the entry in the books.
 *
 * @param pause waits for so many milliseconds
 * @throws Error where another recount of the subject is under way, or one of those who change files takes no notice
 */
export async function recountSubject(
  { ledger, store }: { readonly ledger: Ledger; readonly store: Store },
  key: string,
  root: SftpPath,
  views: readonly CountedView[],
  pause: (ms: number) => Promise<unknown> = delay,
): Promise<Recounted> {
  const watch = await Watch.begin(store, key);
  try {
    await watch.noticed(pause);
    const count = new Count(root, views);
    let open = await watch.openFiles();
    count.writing(open);
    await count.again({ folder: root, deep: true });
    for (let round = 0; round < maxRounds; round++) {
      const now = await watch.openFiles();
      const changed = changedPaths(open, now);
      open = now;
      count.writing(open);
      const touched = await watch.take();
      for (const path of changed) await count.again({ folder: parentOf(path), deep: false });
      for (const each of touched) await count.again(each);
      const { used } = await ledger.usage(key);
      const counted = count.sum();
      if (changedPaths(open, await watch.openFiles()).length === 0 && (await watch.isQuiet())) {
        watch.check();
        if (await ledger.correct(key, used, counted)) return { before: used, counted, settled: true };
      }
      await pause(Math.min(round, settleMs));
    }
    return { before: (await ledger.usage(key)).used, counted: count.sum(), settled: false };
  } finally {
    await watch.end();
  }
}

/** What a recount changed. */
export function changeOf({ before, counted, settled }: Recounted): Amount {
  return settled ? minus(counted, before) : none;
}

/** What is in one and not in the other, or counts otherwise there. */
function changedPaths(before: ReadonlyMap<SftpPath, Amount>, now: ReadonlyMap<SftpPath, Amount>): readonly SftpPath[] {
  const paths = new Set([...before.keys(), ...now.keys()]);
  return [...paths].filter((path) => {
    const [a, b] = [before.get(path), now.get(path)];
    return a?.bytes !== b?.bytes || a?.files !== b?.files;
  });
}

/** What was counted, folder by folder, so that one of them can be counted again. */
class Count {
  readonly #root: SftpPath;
  readonly #views: readonly CountedView[];
  readonly #folders = new Map<SftpPath, Amount>();
  #open: ReadonlyMap<SftpPath, Amount> = new Map();

  constructor(root: SftpPath, views: readonly CountedView[]) {
    this.#root = root;
    this.#views = views;
  }

  /** What is being written counts for what the books have of it: the rest comes when it is complete. */
  writing(open: ReadonlyMap<SftpPath, Amount>): void {
    this.#open = open;
  }

  sum(): Amount {
    let sum = none;
    for (const amount of this.#folders.values()) sum = plus(sum, amount);
    return sum;
  }

  async again({ folder, deep }: Touched): Promise<void> {
    if (!deep) {
      if (isWithin(folder, this.#root)) await this.#flat(folder);
      return;
    }
    for (const known of this.#folders.keys()) if (isWithin(known, folder)) this.#folders.delete(known);
    for (const view of this.#views) {
      const start = deepest([this.#root, folder, view.path]);
      if (start === undefined || this.#viewOf(start) !== view) continue;
      // What a link leads to is counted where it is.
      if (start !== this.#root && !(await isFolder(view.fs, inside(view, start)))) continue;
      for await (const [path, amount] of walk(view.fs, inside(view, start), (path) => this.#isHidden(view, path))) {
        const parent = outside(view, path.slice(0, path.lastIndexOf("/")));
        const counts = this.#open.get(outside(view, path)) ?? amount;
        this.#folders.set(parent, plus(this.#folders.get(parent) ?? none, counts));
      }
    }
  }

  async #flat(folder: SftpPath): Promise<void> {
    const view = this.#viewOf(folder);
    let sum = none;
    try {
      if (view !== undefined) {
        for await (const batch of view.fs.list(inside(view, folder))) {
          for (const { name, stats } of batch) {
            const path = sftpPath(name, folder);
            if (!this.#isHidden(view, inside(view, path))) sum = plus(sum, this.#open.get(path) ?? amountOf(stats));
          }
        }
      }
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    this.#folders.set(folder, sum);
  }

  #viewOf(path: SftpPath): CountedView | undefined {
    const holding = this.#views.filter((view) => isWithin(path, view.path));
    return holding.sort((a, b) => b.path.length - a.path.length)[0];
  }

  /** What another file system is mounted over cannot be seen. */
  #isHidden(view: CountedView, path: SftpPath): boolean {
    return this.#viewOf(outside(view, path)) !== view;
  }
}

async function isFolder(fs: FileSystem, path: SftpPath): Promise<boolean> {
  try {
    return (await fs.stat(path, { follow: false })).type === "directory";
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** The one that lies in all others, if there is one. */
function deepest(paths: readonly SftpPath[]): SftpPath | undefined {
  return paths.find((path) => paths.every((other) => isWithin(path, other)));
}

function inside({ path: mounted }: CountedView, path: SftpPath): SftpPath {
  return mounted === rootPath ? path : sftpPath(`/${path.slice(mounted.length)}`);
}

function outside({ path: mounted }: CountedView, path: string): SftpPath {
  return sftpPath(`${mounted}/${path}`);
}
