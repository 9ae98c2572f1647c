import { parentOf, SftpError, sftpPath, type FileSystem, type Session, type SftpPath } from "@sluice/core";
import { Places, type Place } from "./places.ts";
import { none, type Amount } from "./record.ts";

/** A file that is open for writing: what the books have of it, however often it is open. */
export interface OpenEntry {
  path: SftpPath;
  place: string;
  counted: Amount;
  /** Who answers for it, by their names in the store. */
  keys: readonly string[];
  users: number;
  /** What stands for it since another file took its name. */
  into?: OpenEntry;
}

/** What the books have of the files that are being changed in this process. */
export class Files {
  readonly #open = new Map<string, OpenEntry>();
  readonly #places = new Places();

  /** One change at a time to what is at these places, and to what is below them where `covers` says so. */
  alone<T>(at: readonly Place[], work: () => Promise<T>, covers?: (place: Place) => boolean): Promise<T> {
    return this.#places.alone(at, work, covers);
  }

  /** The same for an open file, wherever it is by then. */
  async aloneWith(entry: OpenEntry, work: (now: OpenEntry) => Promise<void>): Promise<void> {
    for (;;) {
      const { path, place } = this.current(entry);
      const isThere = await this.alone([{ path, place }], async () => {
        const now = this.current(entry);
        // Somebody who came earlier may have moved it.
        if (now.place !== place) return false;
        await work(now);
        return true;
      });
      if (isThere) return;
    }
  }

  at(place: string): OpenEntry | undefined {
    return this.#open.get(place);
  }

  /** All that are open. */
  all(): Iterable<OpenEntry> {
    return this.#open.values();
  }

  enter(path: SftpPath, place: string, counted: Amount, keys: readonly string[]): OpenEntry {
    const known = this.#open.get(place);
    if (known !== undefined) {
      known.users += 1;
      return known;
    }
    const entry: OpenEntry = { path, place, counted, keys, users: 1 };
    this.#open.set(place, entry);
    return entry;
  }

  /** What stands for an entry now. */
  current(entry: OpenEntry): OpenEntry {
    let now = entry;
    while (now.into !== undefined) now = now.into;
    return now;
  }

  leave(entry: OpenEntry): void {
    entry.users -= 1;
    if (entry.users === 0 && this.#open.get(entry.place) === entry) this.#open.delete(entry.place);
  }

  /** What was open under one name is open under another from now on. `moved` is told of each, and says where it is now. */
  move(moved: (entry: OpenEntry) => Pick<OpenEntry, "path" | "place" | "keys"> | undefined): void {
    const all = Array.from(this.#open.values(), (entry) => [entry, moved(entry)] as const);
    for (const [entry, now] of all) {
      if (now === undefined) continue;
      if (this.#open.get(entry.place) === entry) this.#open.delete(entry.place);
      const replaced = this.#open.get(now.place);
      if (replaced !== undefined && replaced !== entry) {
        replaced.into = entry;
        entry.users += replaced.users;
      }
      entry.path = now.path;
      entry.place = now.place;
      entry.keys = now.keys;
      this.#open.set(now.place, entry);
    }
  }
}

/** What a name counts for: a file its size, everything one name. Nothing where nothing is. */
export async function amountAt(fs: FileSystem, path: SftpPath): Promise<Amount> {
  try {
    const { type, size } = await fs.stat(path, { follow: false });
    return { bytes: type === "file" ? size : 0, files: 1 };
  } catch (error) {
    if (isAbsent(error)) return none;
    throw error;
  }
}

/** Whether nothing is there, or no folder where one was asked for. */
export function isAbsent(error: unknown): boolean {
  if (SftpError.is(error)) return ["noSuchFile", "noSuchPath", "notADirectory"].includes(error.status);
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Where a path leads: what is written through a link is counted where it is. */
export async function followed({ fs }: Session, path: SftpPath): Promise<SftpPath> {
  try {
    return (await fs.realpath?.(path)) ?? path;
  } catch {
    return path;
  }
}

/** Where a name is: the links that lead to its folder are followed, the name itself is not. */
export async function located(session: Session, path: SftpPath): Promise<SftpPath> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name === "" ? path : sftpPath(name, await followed(session, parentOf(path)));
}
