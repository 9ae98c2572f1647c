import { callAll } from "./closing.ts";
import { SetupError } from "./errors.ts";
import type { FileSystem, FileSystemSource, SessionIdentity } from "./filesystem.ts";
import type { Logger } from "./log.ts";
import { MountedTree, type MountedFileSystem } from "./mounted-tree.ts";
import { rootPath, sftpPath, type SftpPath } from "./path.ts";

/** What made a source, by its own name; a source that was made by hand has none. */
const names = new WeakMap<FileSystemSource, string>();

/** Notes what a source was made by, for people who ask what is mounted. */
export function nameSource(source: FileSystemSource, name: string): FileSystemSource {
  names.set(source, name);
  return source;
}

/** One mounted source. */
interface Mount {
  readonly path: SftpPath;
  readonly source: FileSystemSource;
  readonly plugin: string;
}

/** What a session sees, and how to give back what was made for it alone. */
export interface Tree {
  readonly fs: FileSystem;
  close(): Promise<void>;
}

/** The sources that are mounted, from which each session's tree is made. */
export class Mounts {
  readonly #mounts: Mount[] = [];

  /** @throws SetupError `ERR_SLUICE_MOUNT` for a path that is relative or taken. */
  add(path: string, source: FileSystemSource, plugin: string): void {
    if (!path.startsWith("/")) throw new SetupError("ERR_SLUICE_MOUNT", `Mount "${path}": the path must begin with /`);
    const clean = sftpPath(path);
    const taken = this.#mounts.find((mount) => mount.path === clean);
    if (taken !== undefined) {
      throw new SetupError("ERR_SLUICE_MOUNT", `Mount "${clean}": already mounted by ${taken.plugin}`);
    }
    this.#mounts.push({ path: clean, source, plugin });
  }

  /** The paths, for people: each with what is mounted there, or else with who mounted it. */
  describe(): string[] {
    return this.#mounts.map(({ path, source, plugin }) => `${path} (${names.get(source) ?? plugin})`).sort();
  }

  get isEmpty(): boolean {
    return this.#mounts.length === 0;
  }

  /** Starts the sources that have something to start, each once however often it is mounted. */
  async start(log: Logger): Promise<void> {
    for (const source of new Set(this.#mounts.map((mount) => mount.source))) {
      if (typeof source === "function") await source.start?.(log);
    }
  }

  /** What a session sees. Sources that are functions are asked for a file system of its own. */
  async open(session: SessionIdentity): Promise<Tree> {
    const opened: (MountedFileSystem & { readonly own: boolean })[] = [];
    try {
      for (const { path, source } of this.#mounts) {
        const own = typeof source === "function";
        opened.push({ path, fs: own ? await source(session) : source, own });
      }
    } catch (error) {
      const failure: unknown = await closeOwn(opened).catch((reason: unknown) => reason);
      if (failure === undefined) throw error;
      throw new AggregateError([error, failure], `${messageOf(error)}; ${messageOf(failure)}`, { cause: error });
    }
    // The usual case, one file system at the root, costs nothing per request.
    const [only] = opened;
    const fs = opened.length === 1 && only?.path === rootPath ? only.fs : new MountedTree(opened);
    return { fs, close: () => closeOwn(opened) };
  }

  /** Closes the sources, file systems that all sessions shared among them: each once however often it is mounted and this is called. */
  async close(): Promise<void> {
    await closeAll(new Set(this.#mounts.splice(0).map((mount) => mount.source)));
  }
}

function closeOwn(mounts: readonly { readonly fs: FileSystem; readonly own: boolean }[]): Promise<void> {
  return closeAll(mounts.filter(({ own }) => own).map(({ fs }) => fs));
}

function closeAll(sources: Iterable<FileSystemSource>): Promise<void> {
  return callAll([...sources].map((source) => () => source.close?.()));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
