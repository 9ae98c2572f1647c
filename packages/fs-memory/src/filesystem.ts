import {
  maxNameBytes,
  namesOf,
  SftpError,
  sftpPath,
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
import { checkTarget, directoryAt, find, isInside, nodeAt, pathOf, type Follow } from "./tree.ts";
import { Directory, File, Link } from "./inode.ts";
import { MemoryFileHandle } from "./handle.ts";
import { Owners } from "./owners.ts";
import { Space } from "./space.ts";
import { cancelUploads, moveUploads, Upload } from "./upload.ts";
import type { MemorySettings } from "./options.ts";

/** Entries in one batch of a listing. */
const batchEntries = 128;

/** Unit in which `statfs` counts, in bytes. */
const blockBytes = 4096;

/**
 * A tree of files in memory.
 *
 * Every method does its work in one go, without an `await` between looking and changing. That is what makes its exclusive create
 * exclusive and its rename atomic; a backend that has to wait in between needs a lock there, or an operation of its storage that
 * does both.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #space: Space;
  readonly #owners: Owners;
  readonly #root: Directory;

  constructor({ maxBytes, maxFiles, users, groups }: Omit<MemorySettings, "files" | "perSession">) {
    this.#space = new Space(maxBytes, maxFiles);
    this.#owners = new Owners(users, groups);
    this.#root = new Directory(this.#space, {});
    this.#root.links = 1;
  }

  /** Puts a file into the tree, with the directories on the way. For use before the tree is served. */
  plant(path: string, content: string | Uint8Array): void {
    const names = namesOf(sftpPath(path));
    const last = names.pop();
    if (last === undefined) throw new SftpError("isADirectory");
    let directory = this.#root;
    for (const name of names) {
      if (!directory.entries.has(name)) directory.put(name, new Directory(this.#space, {}));
      directory = directoryAt(directory.entries.get(name));
    }
    if (directory.entries.has(last)) throw new SftpError("alreadyExists");
    const file = new File(this.#space, {});
    file.write(typeof content === "string" ? Buffer.from(content) : content, 0);
    directory.put(last, file);
  }

  /**
   * What happens to the content depends on how the file is opened:
   *
   * - a new file has its name at once, because clients such as sshfs look for it before they close it; `aborted` takes it away;
   * - with `truncate`, an existing file is replaced: the handle writes a new file that gets the name on `completed`; until then, and
   *   after `aborted`, everybody else sees the old one;
   * - else writes go straight into the existing file, and `aborted` cannot undo them. Resuming an upload is such a case.
   */
  async open(path: SftpPath, flags: OpenFlags, attributes: Attributes): Promise<FileHandle> {
    if (flags.truncate && !flags.write) throw new SftpError("invalidParameter", "Truncating needs write access");
    const exclusive = flags.create && flags.exclusive;
    const place = find(this.#root, path, { follow: !exclusive });
    const { directory, name, node } = place;
    if (node !== undefined && exclusive) throw new SftpError("alreadyExists");
    if (node === undefined) {
      if (!flags.create) throw new SftpError("noSuchFile");
      const file = new File(this.#space, this.#owners.byNumber(attributes));
      directory.put(name, file);
      return new MemoryFileHandle(file, flags, this.#owners, new Upload(file, place));
    }
    if (!(node instanceof File)) throw new SftpError("isADirectory");
    if (flags.truncate) {
      const replacement = new File(this.#space, node.lasting);
      return new MemoryFileHandle(replacement, flags, this.#owners, new Upload(replacement, place));
    }
    if (flags.write) node.shared = true;
    return new MemoryFileHandle(node, flags, this.#owners);
  }

  /** Reads the directory as it goes: entries that come or go during the listing may be in it or not. */
  async *list(path: SftpPath): AsyncGenerator<readonly DirectoryEntry[]> {
    const directory = directoryAt(nodeAt(this.#root, path, { follow: true }));
    let batch: DirectoryEntry[] = [];
    for (const [name, node] of directory.entries) {
      batch.push({ name, stats: node.stats() });
      if (batch.length < batchEntries) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  async stat(path: SftpPath, follow: Follow): Promise<Stats> {
    return nodeAt(this.#root, path, follow).stats();
  }

  async setAttributes(path: SftpPath, attributes: Attributes, follow: Follow): Promise<void> {
    nodeAt(this.#root, path, follow).set(this.#owners.byNumber(attributes));
  }

  async remove(path: SftpPath): Promise<void> {
    const place = find(this.#root, path, { follow: false });
    if (place.node === undefined) throw new SftpError("noSuchFile");
    if (place.node instanceof Directory) throw new SftpError("isADirectory");
    cancelUploads(place);
    place.directory.drop(place.name);
  }

  /** As POSIX rename(2): a file replaces a file, a directory replaces an empty directory. */
  async rename(from: SftpPath, to: SftpPath, { overwrite }: { readonly overwrite: boolean }): Promise<void> {
    const source = find(this.#root, from, { follow: false });
    const target = find(this.#root, to, { follow: false });
    if (source.node === undefined) throw new SftpError("noSuchFile");
    if (target.node !== undefined && !overwrite) throw new SftpError("alreadyExists");
    if (target.node === source.node) return;
    if (isInside(target.directory, source.node)) {
      throw new SftpError("invalidParameter", "A directory cannot be moved into itself");
    }
    if (target.node instanceof Directory) {
      if (!(source.node instanceof Directory)) throw new SftpError("isADirectory");
      if (target.node.entries.size > 0) throw new SftpError("directoryNotEmpty");
    } else if (target.node !== undefined && source.node instanceof Directory) {
      throw new SftpError("notADirectory");
    }
    cancelUploads(target);
    moveUploads(source, target);
    target.directory.put(target.name, source.node);
    source.directory.drop(source.name);
  }

  async mkdir(path: SftpPath, attributes: Attributes): Promise<void> {
    const { directory, name, node } = find(this.#root, path, { follow: false });
    if (node !== undefined) throw new SftpError("alreadyExists");
    directory.put(name, new Directory(this.#space, this.#owners.byNumber(attributes)));
  }

  async rmdir(path: SftpPath): Promise<void> {
    const { directory, name, node } = find(this.#root, path, { follow: false });
    if (directoryAt(node) === this.#root) throw new SftpError("cannotDelete", "The root cannot be removed");
    if (directoryAt(node).entries.size > 0) throw new SftpError("directoryNotEmpty");
    directory.drop(name);
  }

  async readlink(path: SftpPath): Promise<string> {
    const node = nodeAt(this.#root, path, { follow: false });
    if (!(node instanceof Link)) throw new SftpError("invalidParameter", "Not a symbolic link");
    return node.target;
  }

  async symlink(path: SftpPath, target: string): Promise<void> {
    checkTarget(target);
    const { directory, name, node } = find(this.#root, path, { follow: false });
    if (node !== undefined) throw new SftpError("alreadyExists");
    directory.put(name, new Link(this.#space, target));
  }

  async link(path: SftpPath, existing: SftpPath): Promise<void> {
    const { node: source } = find(this.#root, existing, { follow: false });
    const { directory, name, node } = find(this.#root, path, { follow: false });
    if (source === undefined) throw new SftpError("noSuchFile");
    if (node !== undefined) throw new SftpError("alreadyExists");
    if (source instanceof Directory) throw new SftpError("permissionDenied", "A directory cannot have a second name");
    source.chargeName();
    directory.put(name, source);
  }

  async realpath(path: SftpPath): Promise<SftpPath> {
    return pathOf(find(this.#root, path, { follow: true }));
  }

  async statfs(path: SftpPath): Promise<FileSystemStats> {
    nodeAt(this.#root, path, { follow: true });
    const { maxBytes, freeBytes, maxFiles, freeFiles } = this.#space;
    const freeBlocks = Math.floor(freeBytes / blockBytes);
    return {
      blockSize: blockBytes,
      fragmentSize: blockBytes,
      blocks: Math.floor(maxBytes / blockBytes),
      freeBlocks,
      availableBlocks: freeBlocks,
      files: maxFiles,
      freeFiles,
      availableFiles: freeFiles,
      readOnly: false,
      maxNameLength: maxNameBytes,
    };
  }

  async ownerNames(uids: readonly number[], gids: readonly number[]): Promise<OwnerNames> {
    return this.#owners.names(uids, gids);
  }
}
