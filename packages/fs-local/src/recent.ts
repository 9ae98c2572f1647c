import { hold, type Directory } from "./containment.ts";
import { runBurst } from "./steps.ts";
import type { Tree } from "./tree.ts";

/*
 * The directory that the last walk ended in, held until this turn of the event loop is over.
 *
 * A client that keeps many requests in flight names the files of one directory after the other, and most of what such a request cost was
 * the way to its directory. Who renames or replaces a directory from outside within the turn is no better off than one who does it while a
 * request is under way: the directory was inside the root when it was entered, and its entries are still reached by one name from its
 * descriptor. What this process itself does to directories makes it forget at once.
 */

interface Recent {
  readonly tree: Tree;
  readonly path: string;
  readonly directory: Directory;
}

let recent: Recent | undefined;
let scheduled = false;

/** The directory at a path, where the last walk of this session has just been there. It stays held by whoever remembers. */
export function recall(tree: Tree, path: string): Directory | undefined {
  return recent?.tree === tree && recent.path === path ? recent.directory : undefined;
}

/** Holds a directory that a path led to without links, until the turn is over. Only where steps run in a burst: leaving takes calls. */
export function remember(tree: Tree, path: string, directory: Directory): void {
  forget();
  recent = { tree, path, directory: hold(directory) };
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    forget();
  });
}

/** To be called when a directory may have got another path, whoever's it is: sessions may see the same files by different roots. */
export function forget(): void {
  if (recent === undefined) return;
  const { tree, directory } = recent;
  recent = undefined;
  runBurst(tree.containment.leave(directory));
}
