import assert from "node:assert/strict";
import {
  rootPath,
  sftpPath,
  type Attributes,
  type CloseOutcome,
  type DirectoryEntry,
  type FileHandle,
  type FileSystem,
  type OpenFlags,
  type Stats,
} from "@sluice/core";
import { isRefused } from "./refusal.ts";
import { Skipped } from "./case.ts";

type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];

/** Methods that a file system may lack. */
export type OptionalMethod = OptionalKeys<FileSystem>;

/** Methods that a handle may lack. */
export type OptionalHandleMethod = OptionalKeys<FileHandle>;

/** Open flags by name. */
export type FlagName = keyof OpenFlags;

/** The flags named, and no others. */
export function flags(...names: readonly FlagName[]): OpenFlags {
  return {
    read: names.includes("read"),
    write: names.includes("write"),
    append: names.includes("append"),
    create: names.includes("create"),
    truncate: names.includes("truncate"),
    exclusive: names.includes("exclusive"),
  };
}

/** How most clients upload. */
export const upload: readonly FlagName[] = ["write", "create", "truncate"];

/** An empty file system and what cases do with it over and over. Handles that a case leaves open are closed after it. */
export class Stage {
  readonly fs: FileSystem;
  readonly #open = new Set<FileHandle>();

  constructor(fs: FileSystem) {
    this.fs = fs;
  }

  /** A method of the file system. One that is absent is not supported: the case ends here and is counted as skipped. */
  method<K extends OptionalMethod>(name: K): NonNullable<FileSystem[K]> {
    const method = this.fs[name];
    if (method === undefined) throw new Skipped(`the file system has no ${name}: unsupported`);
    return method.bind(this.fs) as NonNullable<FileSystem[K]>;
  }

  /** A method of a handle. One that is absent is not supported: the case ends here and is counted as skipped. */
  handleMethod<K extends OptionalHandleMethod>(handle: FileHandle, name: K): NonNullable<FileHandle[K]> {
    const method = handle[name];
    if (method === undefined) throw new Skipped(`its file handles have no ${name}: unsupported`);
    return method.bind(handle) as NonNullable<FileHandle[K]>;
  }

  async open(path: string, names: readonly FlagName[], attributes: Attributes = {}): Promise<FileHandle> {
    const handle = await this.fs.open(sftpPath(path), flags(...names), attributes);
    this.#open.add(handle);
    return handle;
  }

  async close(handle: FileHandle, outcome: CloseOutcome = "completed"): Promise<void> {
    this.#open.delete(handle);
    await handle.close(outcome);
  }

  /** Uploads a whole file. */
  async put(path: string, content: string | Uint8Array, attributes: Attributes = {}): Promise<void> {
    const handle = await this.open(path, upload, attributes);
    await handle.write(Buffer.from(content), 0);
    await this.close(handle);
  }

  /** Downloads a whole file. */
  async get(path: string): Promise<Buffer> {
    const handle = await this.open(path, ["read"]);
    const content = await contentOf(handle);
    await this.close(handle);
    return content;
  }

  /** Asserts the content of a file. */
  async holds(path: string, content: string | Uint8Array, why?: string): Promise<void> {
    sameBytes(await this.get(path), Buffer.from(content), why ?? `content of ${path}`);
  }

  stat(path: string): Promise<Stats> {
    return this.fs.stat(sftpPath(path), { follow: true });
  }

  lstat(path: string): Promise<Stats> {
    return this.fs.stat(sftpPath(path), { follow: false });
  }

  /** Whether there is anything by that name, a dangling link included. */
  async exists(path: string): Promise<boolean> {
    return !(await isRefused(`stat of ${path}`, () => this.lstat(path)));
  }

  async mkdir(path: string): Promise<void> {
    await this.method("mkdir")(sftpPath(path), {});
  }

  async symlink(path: string, target: string): Promise<void> {
    await this.method("symlink")(sftpPath(path), target);
  }

  async entries(path: string = rootPath): Promise<DirectoryEntry[]> {
    const entries: DirectoryEntry[] = [];
    for await (const batch of this.fs.list(sftpPath(path))) entries.push(...batch);
    return entries;
  }

  /** The names in a directory, sorted. */
  async names(path: string = rootPath): Promise<string[]> {
    return (await this.entries(path)).map(({ name }) => name).sort();
  }

  /** Closes the handles that the case left open. */
  async strike(): Promise<void> {
    for (const handle of this.#open) await handle.close("aborted");
    this.#open.clear();
  }
}

/** Reads a file from beginning to end. */
export async function contentOf(handle: FileHandle): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let position = 0; ;) {
    const buffer = Buffer.alloc(65_536);
    const bytes = await handle.read(buffer, position);
    assert.ok(bytes >= 0 && bytes <= buffer.length, `read resolved to ${bytes} for a buffer of ${buffer.length} bytes`);
    if (bytes === 0) return Buffer.concat(parts);
    parts.push(buffer.subarray(0, bytes));
    position += bytes;
  }
}

/** Asserts that two byte strings are equal, with a message that does not print megabytes. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  assert.equal(summary(actual), summary(expected), what);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assert.fail(`${what}: byte ${at} is ${actual[at]} and should be ${expected[at]}`);
}

function summary(bytes: Uint8Array): string {
  return bytes.length <= 100 ? Buffer.from(bytes).toString("latin1") : `${bytes.length} bytes`;
}

/** Bytes that differ from place to place, so that a block in the wrong position is noticed. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  const next = random(seed);
  for (let at = 0; at < length; at++) bytes[at] = next() & 0xff;
  return bytes;
}

/** Whole numbers from 0 to 2^32 - 1, the same ones for the same seed (xorshift32). */
export function random(seed: number): () => number {
  let state = seed * 2_654_435_761 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) % 0x1_0000_0000;
  };
}
