import { SftpError } from "./errors.ts";
import type {
  Attributes,
  DirectoryEntry,
  FileHandle,
  FileSystem,
  FileSystemStats,
  OpenFlags,
  OwnerNames,
  Stats,
} from "./filesystem.ts";
import { baseName, isWithin, namesOf, parentOf, rootPath, type SftpPath } from "./path.ts";

/** A file system at its place in the tree. */
export interface MountedFileSystem {
  readonly path: SftpPath;
  readonly fs: FileSystem;
}

interface Place {
  readonly mount: MountedFileSystem;
  readonly path: SftpPath;
}

/** One tree out of several: the longest mount path wins, and the directories that lead to a mount exist by themselves. */
export class MountedTree implements FileSystem {
  readonly #mounts: readonly MountedFileSystem[];
  /** Mount points and the directories above them. */
  readonly #points: ReadonlySet<string>;
  readonly #since = Date.now();

  constructor(mounts: readonly MountedFileSystem[]) {
    this.#mounts = mounts.toSorted((a, b) => b.path.length - a.path.length);
    const points = new Set<string>();
    for (const { path } of mounts) for (let at = path; at !== rootPath; at = parentOf(at)) points.add(at);
    this.#points = points.add(rootPath);
  }

  open(path: SftpPath, flags: OpenFlags, attributes: Attributes): Promise<FileHandle> {
    if (this.#isPoint(path)) return Promise.reject(new SftpError("isADirectory"));
    const { mount, path: inner } = this.#place(path);
    return mount.fs.open(inner, flags, attributes);
  }

  async *list(path: SftpPath): AsyncGenerator<readonly DirectoryEntry[]> {
    const points = [...this.#points].filter((point) => point !== rootPath && parentOf(point as SftpPath) === path);
    const names = new Set(points.map((point) => baseName(point as SftpPath)));
    const place = this.#find(path);
    if (place !== undefined) {
      try {
        for await (const batch of place.mount.fs.list(place.path))
          yield names.size === 0 ? batch : batch.filter((entry) => !names.has(entry.name));
      } catch (error) {
        // A directory that leads to a mount need not exist in the file system around it.
        if (!(this.#points.has(path) && isMissing(error))) throw error;
      }
    } else if (!this.#points.has(path)) {
      throw new SftpError("noSuchFile");
    }
    const entries = [];
    for (const point of points) {
      entries.push({ name: baseName(point as SftpPath), stats: await this.stat(point as SftpPath, { follow: false }) });
    }
    if (entries.length > 0) yield entries;
  }

  async stat(path: SftpPath, options: { readonly follow: boolean }): Promise<Stats> {
    if (!this.#points.has(path)) {
      const { mount, path: inner } = this.#place(path);
      return mount.fs.stat(inner, options);
    }
    const place = this.#find(path);
    try {
      if (place !== undefined) return await place.mount.fs.stat(place.path, options);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return { type: "directory", size: 0, mode: 0o755, uid: 0, gid: 0, atimeMs: this.#since, mtimeMs: this.#since };
  }

  async setAttributes(path: SftpPath, attributes: Attributes, options: { readonly follow: boolean }): Promise<void> {
    const { mount, path: inner } = this.#place(path);
    if (mount.fs.setAttributes === undefined) throw new SftpError("unsupported");
    await mount.fs.setAttributes(inner, attributes, options);
  }

  async remove(path: SftpPath): Promise<void> {
    const { mount, path: inner } = this.#movable(path);
    if (mount.fs.remove === undefined) throw new SftpError("unsupported");
    await mount.fs.remove(inner);
  }

  async rename(from: SftpPath, to: SftpPath, options: { readonly overwrite: boolean }): Promise<void> {
    const source = this.#movable(from);
    const target = this.#movable(to);
    if (source.mount !== target.mount) throw acrossMounts();
    if (source.mount.fs.rename === undefined) throw new SftpError("unsupported");
    await source.mount.fs.rename(source.path, target.path, options);
  }

  async mkdir(path: SftpPath, attributes: Attributes): Promise<void> {
    if (this.#isPoint(path)) throw new SftpError("alreadyExists");
    const { mount, path: inner } = this.#place(path);
    if (mount.fs.mkdir === undefined) throw new SftpError("unsupported");
    await mount.fs.mkdir(inner, attributes);
  }

  async rmdir(path: SftpPath): Promise<void> {
    const { mount, path: inner } = this.#movable(path);
    if (mount.fs.rmdir === undefined) throw new SftpError("unsupported");
    await mount.fs.rmdir(inner);
  }

  async readlink(path: SftpPath): Promise<string> {
    const { mount, path: inner } = this.#place(path);
    if (mount.fs.readlink === undefined) throw new SftpError("unsupported");
    return mount.fs.readlink(inner);
  }

  async symlink(path: SftpPath, target: string): Promise<void> {
    if (this.#isPoint(path)) throw new SftpError("alreadyExists");
    const { mount, path: inner } = this.#place(path);
    if (mount.fs.symlink === undefined) throw new SftpError("unsupported");
    await mount.fs.symlink(inner, target);
  }

  async link(path: SftpPath, existing: SftpPath): Promise<void> {
    const target = this.#place(existing);
    const { mount, path: inner } = this.#movable(path);
    if (mount !== target.mount) throw acrossMounts();
    if (mount.fs.link === undefined) throw new SftpError("unsupported");
    await mount.fs.link(inner, target.path);
  }

  async realpath(path: SftpPath): Promise<SftpPath> {
    const place = this.#find(path);
    if (place?.mount.fs.realpath === undefined || this.#points.has(path)) return path;
    const real = await place.mount.fs.realpath(place.path);
    return join(place.mount.path, real);
  }

  async statfs(path: SftpPath): Promise<FileSystemStats> {
    const { mount, path: inner } = this.#place(path);
    if (mount.fs.statfs === undefined) throw new SftpError("unsupported");
    return mount.fs.statfs(inner);
  }

  async ownerNames(uids: readonly number[], gids: readonly number[]): Promise<OwnerNames> {
    const known = this.#mounts.find((mount) => mount.fs.ownerNames !== undefined);
    return (await known?.fs.ownerNames?.(uids, gids)) ?? { users: [], groups: [] };
  }

  #find(path: SftpPath): Place | undefined {
    const mount = this.#mounts.find((candidate) => isWithin(path, candidate.path));
    if (mount === undefined) return undefined;
    return { mount, path: mount.path === rootPath ? path : ((path.slice(mount.path.length) || "/") as SftpPath) };
  }

  #place(path: SftpPath): Place {
    const place = this.#find(path);
    if (place !== undefined) return place;
    throw new SftpError(this.#points.has(path) ? "permissionDenied" : "noSuchFile");
  }

  /** The place of something that may be moved or removed: mount points stay where they are. */
  #movable(path: SftpPath): Place {
    if (this.#isPoint(path)) throw new SftpError("permissionDenied", "A file system is mounted here");
    return this.#place(path);
  }

  #isPoint(path: SftpPath): boolean {
    return path !== rootPath && this.#points.has(path);
  }
}

function join(base: SftpPath, path: SftpPath): SftpPath {
  if (base === rootPath) return path;
  return (path === rootPath ? base : `${base}/${namesOf(path).join("/")}`) as SftpPath;
}

function isMissing(error: unknown): boolean {
  if (SftpError.is(error)) return error.status === "noSuchFile" || error.status === "noSuchPath";
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT";
}

function acrossMounts(): SftpError {
  return new SftpError("failure", "Source and target are on different file systems");
}
