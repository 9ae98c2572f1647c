import {
  SftpError,
  type Attributes,
  type DirectoryEntry,
  type FileHandle,
  type FileSystem,
  type FileSystemStats,
  type OpenFlags,
  type OwnerNames,
  type SftpPath,
  type Stats,
} from "@sluice/core";
import { change, changeLink, statsOf } from "./attributes.ts";
import { mkdir, rmdir } from "./directory.ts";
import { link, remove, rename } from "./entry.ts";
import { requireOneName } from "./hardlinks.ts";
import { list } from "./list.ts";
import { open } from "./open.ts";
import { settable } from "./policy.ts";
import { forget } from "./recent.ts";
import { statfs } from "./statfs.ts";
import type { Steps } from "./steps.ts";
import { readlink, symlink } from "./symlink.ts";
import type { Tree } from "./tree.ts";
import { look, present, walk, type Place } from "./walk.ts";

/** One session's view of a directory of this machine. Holds one descriptor, until it is closed. */
export class LocalFileSystem implements FileSystem {
  readonly #tree: Tree;
  #busy = 0;
  #closed = false;
  #whenIdle: (() => void) | undefined;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  open(path: SftpPath, flags: OpenFlags, attributes: Attributes): Promise<FileHandle> {
    return this.#run((tree) => open(tree, path, flags, attributes));
  }

  list(path: SftpPath): AsyncIterable<readonly DirectoryEntry[]> {
    return list(this.#tree, path, (steps) => this.#run(steps));
  }

  stat(path: SftpPath, options: { readonly follow: boolean }): Promise<Stats> {
    return this.#run((tree) => stat(tree, path, options.follow));
  }

  async setAttributes(path: SftpPath, attributes: Attributes, options: { readonly follow: boolean }): Promise<void> {
    const changes = await this.#tree.owners.resolve(settable(attributes, this.#tree.setstat));
    await this.#run((tree) => setAttributes(tree, path, changes, options.follow));
  }

  remove(path: SftpPath): Promise<void> {
    return this.#run((tree) => remove(tree, path));
  }

  async rename(from: SftpPath, to: SftpPath, options: { readonly overwrite: boolean }): Promise<void> {
    await this.#run((tree) => rename(tree, from, to, options.overwrite));
  }

  async mkdir(path: SftpPath, attributes: Attributes): Promise<void> {
    await this.#run((tree) => mkdir(tree, path, attributes));
  }

  async rmdir(path: SftpPath): Promise<void> {
    await this.#run((tree) => rmdir(tree, path));
  }

  async readlink(path: SftpPath): Promise<string> {
    return await this.#run((tree) => readlink(tree, path));
  }

  async symlink(path: SftpPath, target: string): Promise<void> {
    await this.#run((tree) => symlink(tree, path, target));
  }

  async link(path: SftpPath, existing: SftpPath): Promise<void> {
    await this.#run((tree) => link(tree, path, existing));
  }

  async realpath(path: SftpPath): Promise<SftpPath> {
    // Where links are not followed, one at the end is what the path means.
    const follow = this.#tree.symlinks !== "deny";
    const place = await this.#run((tree) => look(tree, path, follow));
    return place.path;
  }

  async statfs(path: SftpPath): Promise<FileSystemStats> {
    return await this.#run((tree) => statfs(tree, path));
  }

  async ownerNames(uids: readonly number[], gids: readonly number[]): Promise<OwnerNames> {
    return await this.#tree.owners.names(uids, gids);
  }

  /** Waits for what is under way: the number of a closed descriptor may at once belong to something outside the root. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#busy > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    forget();
    const { containment, driver, root } = this.#tree;
    await driver.run(() => containment.leave(root));
  }

  #run<T>(steps: (tree: Tree) => Steps<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new SftpError("noConnection", "The session has ended"));
    const { driver } = this.#tree;
    const work = driver.run(() => steps(this.#tree));
    // A burst is over by now.
    return driver.bursts ? work : this.#counted(work);
  }

  async #counted<T>(work: Promise<T>): Promise<T> {
    this.#busy++;
    try {
      return await work;
    } finally {
      this.#busy--;
      if (this.#busy === 0) this.#whenIdle?.();
    }
  }
}

function* stat(tree: Tree, path: SftpPath, follow: boolean): Steps<Stats> {
  return statsOf(present(yield* look(tree, path, follow)));
}

function* setAttributes(tree: Tree, path: SftpPath, changes: Attributes, follow: boolean): Steps<void> {
  const use = function* ({ pin, entry }: Place): Steps<void> {
    if (pin === undefined) throw new SftpError("noSuchFile");
    if (pin.stats.isSymbolicLink()) {
      yield* changeLink(entry, pin.stats, changes, tree);
      return;
    }
    requireOneName(tree, pin.stats);
    yield* change(pin.path, pin.stats, changes, tree);
  };
  yield* walk(tree, path, follow, use, "pin");
}
