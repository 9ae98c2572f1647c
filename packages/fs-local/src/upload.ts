import { SftpError } from "@sluice/core";
import * as calls from "./calls.ts";
import { entryPath, type Directory, type HostPath } from "./containment.ts";
import { moveNew } from "./move.ts";
import type { Steps } from "./steps.ts";

/** A file that is being written under a temporary name, in the folder where it will appear. */
export interface Upload {
  /** The folder, held: it may be moved meanwhile. */
  directory: Directory;
  readonly key: string;
  /** The name that the file will have. */
  readonly name: string;
  /** The name that it has. */
  readonly temporary: string;
  /** Refuse to replace what has appeared by that name meanwhile. */
  readonly exclusive: boolean;
  /** Whether there was a file by that name when it began. */
  readonly replaces: boolean;
  /** Until it has been committed, dropped, or been given a name or removed by path. */
  pending: boolean;
}

/**
 * The uploads of one session that are not committed.
 *
 * A session sees its own uploads where there is no committed file, as it would on a plain disk: clients stat, rename and
 * remove by path what they have not closed yet (over sshfs the close even comes after the next request). To other sessions
 * an upload does not exist until it is committed, but for exclusive creation.
 */
export class Uploads {
  readonly #own = new Map<string, Upload[]>();
  /** How many uploads there are to each name, in all sessions. */
  readonly #promised: Map<string, number>;

  constructor(promised: Map<string, number>) {
    this.#promised = promised;
  }

  /** Starts an upload. An exclusive one is refused where another is under way, in whichever session. */
  add(upload: Upload): void {
    const others = this.#promised.get(upload.key) ?? 0;
    if (upload.exclusive && others > 0) throw new SftpError("alreadyExists");
    this.#promised.set(upload.key, others + 1);
    this.#own.set(upload.key, [...(this.#own.get(upload.key) ?? []), upload]);
  }

  delete(upload: Upload): void {
    const others = (this.#promised.get(upload.key) ?? 1) - 1;
    if (others > 0) this.#promised.set(upload.key, others);
    else this.#promised.delete(upload.key);
    const left = (this.#own.get(upload.key) ?? []).filter((own) => own !== upload);
    if (left.length > 0) this.#own.set(upload.key, left);
    else this.#own.delete(upload.key);
  }

  /** The session's latest pending upload to a name. */
  *find(directory: Directory, name: string): Steps<Upload | undefined> {
    if (this.#own.size === 0) return undefined;
    return this.#own.get(yield* uploadKey(directory, name))?.findLast((upload) => upload.pending);
  }

  /** The session's pending uploads into a directory, the latest to each name. */
  *into(directory: Directory): Steps<readonly Upload[]> {
    if (this.#own.size === 0) return [];
    const start = yield* uploadKey(directory, "");
    return [...this.#own]
      .filter(([key]) => key.startsWith(start))
      .flatMap(([, uploads]) => uploads.findLast((upload) => upload.pending) ?? []);
  }
}

/** A name in a directory, told apart by what it is and not by the path to it. */
export function* uploadKey(directory: Directory, name: string): Steps<string> {
  if (directory.identity === undefined) {
    const { fd } = directory;
    const stats = fd === undefined ? calls.statExactly(entryPath(directory, ".")) : calls.fstatExactly(fd);
    const { dev, ino } = yield* stats;
    directory.identity = `${dev}:${ino}`;
  }
  return `${directory.identity}/${name}`;
}

/** How the kernel reaches an upload's temporary. */
export function temporaryPath(upload: Upload): HostPath {
  return entryPath(upload.directory, upload.temporary);
}

/** Gives the file its name. One that was renamed or removed by path meanwhile stays as it is. */
export function* commit(upload: Upload): Steps<void> {
  if (!upload.pending) return;
  upload.pending = false;
  const target = entryPath(upload.directory, upload.name);
  try {
    if (upload.exclusive) yield* moveNew(temporaryPath(upload), target);
    else yield* calls.rename(temporaryPath(upload), target);
  } catch (error) {
    yield* removeTemporary(upload);
    throw error;
  }
}

/** Gives what there is of a new file its name, unless something has that name by now: then nothing is left. */
export function* commitNew(upload: Upload): Steps<void> {
  if (!upload.pending) return;
  if (upload.replaces) {
    yield* discard(upload);
    return;
  }
  upload.pending = false;
  try {
    yield* moveNew(temporaryPath(upload), entryPath(upload.directory, upload.name));
  } catch (error) {
    yield* removeTemporary(upload);
    if (calls.errnoOf(error) !== "EEXIST") throw error;
  }
}

/** Leaves nothing behind. One that was given a name by path stays. */
export function* discard(upload: Upload): Steps<void> {
  if (!upload.pending) return;
  upload.pending = false;
  yield* removeTemporary(upload);
}

function* removeTemporary(upload: Upload): Steps<void> {
  try {
    yield* calls.unlink(temporaryPath(upload));
  } catch (error) {
    if (calls.errnoOf(error) !== "ENOENT") throw error;
  }
}
