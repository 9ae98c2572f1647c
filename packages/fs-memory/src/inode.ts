import { bytesFromText, SftpError, type Attributes, type FileType, type Stats } from "@sluice/core";
import { Content } from "./content.ts";
import type { Space } from "./space.ts";
import type { Upload } from "./upload.ts";

/** Most bytes of access control list and extended attributes that one file may have; as much as ext4 gives them. */
const maxExtraBytes = 4096;

/**
 * A file, directory or link apart from its names. A name in a directory and an open handle both lead here, so a file that is
 * removed while it is open keeps working until the last handle is closed.
 */
abstract class Inode {
  abstract readonly type: FileType;
  /** Names that lead here. */
  links = 0;
  /** Handles that are open. */
  opens = 0;
  readonly #space: Space;
  #attributes: Kept;
  // What the space was charged: 1 for itself, and 1 for each name after the first.
  #charged = 1;

  /** @throws SftpError `noSpace` when the tree has as many files as it may. */
  constructor(space: Space, mode: number, attributes: Attributes) {
    const now = Date.now();
    this.#attributes = merge({ mode, uid: 0, gid: 0, atimeMs: now, mtimeMs: now, birthtimeMs: now }, attributes);
    space.takeFile();
    this.#space = space;
  }

  abstract get size(): number;

  /** The attributes that stay when the content is replaced. */
  get lasting(): Attributes {
    const { atimeMs: _atime, mtimeMs: _mtime, ...rest } = this.#attributes;
    return rest;
  }

  stats(): Stats {
    return { ...this.#attributes, type: this.type, size: this.size, linkCount: this.links };
  }

  /** Sets all of `attributes`, or none. */
  set(attributes: Attributes): void {
    const merged = merge(this.#attributes, attributes);
    if (attributes.size !== undefined) this.resize(attributes.size);
    this.#attributes = { ...merged, mtimeMs: attributes.mtimeMs ?? this.#attributes.mtimeMs };
  }

  abstract resize(size: number): void;

  /** Notes that the content has changed. */
  touch(): void {
    this.#attributes = { ...this.#attributes, mtimeMs: Date.now() };
  }

  /**
   * Charges the space for one more name.
   *
   * @throws SftpError `noSpace`.
   */
  chargeName(): void {
    this.#space.takeFile();
    this.#charged += 1;
  }

  /** Gives back the space of what is gone: names, and all of it once neither a name nor a handle leads here. */
  release(): void {
    const inUse = this.links > 0 || this.opens > 0;
    if (!inUse) this.empty();
    for (; this.#charged > (inUse ? Math.max(1, this.links) : 0); this.#charged--) this.#space.giveFile();
  }

  protected empty(): void {}
}

/** A regular file. */
export class File extends Inode {
  readonly type = "file";
  /** Whether a second writer came while its first upload was under way; it is then no longer that one's to discard. */
  shared = false;
  readonly #content: Content;

  constructor(space: Space, attributes: Attributes) {
    super(space, 0o644, attributes);
    this.#content = new Content(space);
  }

  override get size(): number {
    return this.#content.size;
  }

  read(buffer: Uint8Array, position: number): number {
    return this.#content.read(buffer, position);
  }

  write(data: Uint8Array, position: number): void {
    this.#content.write(data, position);
    this.touch();
  }

  override resize(size: number): void {
    this.#content.resize(size);
    this.touch();
  }

  protected override empty(): void {
    this.#content.resize(0);
  }
}

/** A symbolic link. */
export class Link extends Inode {
  readonly type = "symlink";
  readonly target: string;

  constructor(space: Space, target: string) {
    super(space, 0o777, {});
    this.target = target;
  }

  override get size(): number {
    return bytesFromText(this.target).length;
  }

  override resize(): void {
    throw new SftpError("invalidParameter", "A symbolic link has no size to set");
  }
}

/** A directory. It has one name at most, so it knows its parent. */
export class Directory extends Inode {
  readonly type = "directory";
  readonly entries: Map<string, Node> = new Map();
  /** Those that are under way to a name here. */
  readonly uploads: Set<Upload> = new Set();
  parent: Directory | undefined;
  name = "";

  constructor(space: Space, attributes: Attributes) {
    super(space, 0o755, attributes);
  }

  override get size(): number {
    return 0;
  }

  override resize(): void {
    throw new SftpError("isADirectory");
  }

  /** Gives `node` a name here; whatever had the name loses it. */
  put(name: string, node: Node): void {
    const previous = this.entries.get(name);
    if (previous === node) return;
    this.entries.set(name, node);
    node.links += 1;
    if (node instanceof Directory) {
      node.parent = this;
      node.name = name;
    }
    if (previous !== undefined) unlink(previous);
    this.touch();
  }

  /** Takes a name away. */
  drop(name: string): void {
    const node = this.entries.get(name);
    if (node === undefined) return;
    this.entries.delete(name);
    unlink(node);
    this.touch();
  }
}

/** What a name can lead to. */
export type Node = File | Directory | Link;

function unlink(node: Node): void {
  node.links -= 1;
  node.release();
}

/** What every inode has, and the rest as far as it was set. */
type Kept = Attributes & { readonly mtimeMs: number };

/** `current` with what `change` sets. The size is not kept here: it is the content's. */
function merge(current: Kept, change: Attributes): Kept {
  const { size: _size, mode, extended, ...rest } = change;
  const merged: Kept = {
    ...current,
    ...rest,
    ...(mode !== undefined && { mode: mode & 0o7777 }),
    ...(extended !== undefined && { extended: new Map([...(current.extended ?? []), ...copies(extended)]) }),
  };
  if (extraBytes(merged) > maxExtraBytes) throw new SftpError("noSpace", "Too many attributes for one file");
  return merged;
}

/** Values may be slices of a packet that is overwritten by the next one. */
function* copies(extended: ReadonlyMap<string, Uint8Array>): Generator<[string, Uint8Array]> {
  for (const [name, value] of extended) yield [name, new Uint8Array(value)];
}

function extraBytes({ acl, extended }: Attributes): number {
  let bytes = 0;
  for (const entry of acl?.entries ?? []) bytes += 12 + entry.who.length;
  for (const [name, value] of extended ?? []) bytes += name.length + value.length;
  return bytes;
}
