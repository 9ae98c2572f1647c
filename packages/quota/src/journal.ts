import { createHash, randomBytes } from "node:crypto";
import { bytesFromText, textFromBytes, type Logger, type SftpPath, type Store } from "@sluice/core";
import { Locks } from "./locks.ts";
import type { Amount } from "./record.ts";
import type { Subject } from "./subjects.ts";

/** How long a recount may be silent before nobody writes down for it, in milliseconds. */
const markMs = 60_000;
/** How long what was written down is kept, in milliseconds. */
const pageMs = 600_000;

/** A folder whose entries change while somebody counts. */
export interface Touched {
  readonly folder: SftpPath;
  /** Whether all that is below changes, too. */
  readonly deep: boolean;
}

/** How often a process asks whether a recount is under way, in milliseconds. */
const pollMs = 250;
/** By then every process that is alive has noticed a recount, and what began before is over as a rule. */
export const noticedMs: number = 4 * pollMs;

/** A file that is being written, and what the books have of it. */
export interface OpenFileEntry {
  readonly path: SftpPath;
  readonly counted: Amount;
  /** Who answers for it. */
  readonly keys: readonly string[];
}

/**
 * What changes while a recount is under way: who counts looks there again. What is still being written counts for what the books have of it. As long
 * as nobody counts, it costs a question to the store a few times a second.
 */
export class Journal {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #openFiles: () => Iterable<OpenFileEntry>;
  #timer: NodeJS.Timeout | undefined;
  readonly #process: string = randomBytes(8).toString("hex");
  readonly #locks = new Locks();
  /** The subjects that are being counted, as far as this process knows. */
  #marked: ReadonlySet<string> = new Set();
  /** What was told of open files: pages and their texts. */
  readonly #told = new Map<string, string>();
  #nextId = 1;
  readonly #ids = new WeakMap<OpenFileEntry, number>();

  constructor(store: Store, log: Logger, openFiles: () => Iterable<OpenFileEntry>) {
    this.#store = store;
    this.#log = log;
    this.#openFiles = openFiles;
  }

  /** From now on it is asked whether a recount is under way. */
  start(): void {
    this.#timer = setInterval(() => void this.#poll(), pollMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Called when a file was opened for writing, closed or moved. */
  async filesChanged(): Promise<void> {
    if (this.#marked.size === 0 && this.#told.size === 0) return;
    await this.#locks.run("", () => this.#tell(() => this.#tellOpen()));
  }

  /** The files that are being written, by path. */
  async openFiles(key: string): Promise<ReadonlyMap<SftpPath, Amount>> {
    const found = new Map<SftpPath, Amount>();
    for await (const [, value] of this.#store.list(pagesOf("open", key))) {
      const [bytes, files, path = ""] = value.split(" ");
      found.set(textFromBytes(Buffer.from(path, "base64")) as SftpPath, { bytes: Number(bytes), files: Number(files) });
    }
    return found;
  }

  /** Has a change made and entered into the books, and writes down that it is being made, and then where it was. */
  async around<T>(subjects: readonly Subject[], touched: readonly Touched[], work: () => Promise<T>): Promise<T> {
    const busy: string[] = [];
    await this.#tell(async () => {
      for (const { key } of this.#counted(subjects)) {
        const page = `${pagesOf("busy", key)}${randomBytes(8).toString("hex")}`;
        await this.#store.set(page, "1", { ttlMs: markMs });
        busy.push(page);
      }
    });
    try {
      return await work();
    } finally {
      // Who counts must not find a change that is over, and with it what the books had of an open file before.
      await this.filesChanged();
      await this.#tell(async () => {
        for (const { key } of this.#counted(subjects)) {
          for (const each of touched) await this.#touch(key, each);
        }
        for (const page of busy) await this.#store.delete(page);
      });
    }
  }

  /** Says that a recount begins. Resolves to whether it may: one at a time. */
  async begin(key: string): Promise<boolean> {
    return this.#store.compareAndSet(markOf(key), undefined, "1", { ttlMs: markMs });
  }

  /** Says that it goes on. */
  async renew(key: string): Promise<void> {
    await this.#store.set(markOf(key), "1", { ttlMs: markMs });
  }

  /** What has been touched since the last time. */
  async take(key: string): Promise<readonly Touched[]> {
    const pages: Touched[] = [];
    for await (const [page, value] of this.#store.list(pagesOf("touched", key))) {
      await this.#store.delete(page);
      const [kind, path = ""] = value.split(" ");
      pages.push({ folder: textFromBytes(Buffer.from(path, "base64")) as SftpPath, deep: kind === "deep" });
    }
    return pages;
  }

  /** Whether nothing was touched since, and nothing is being changed. */
  async isQuiet(key: string): Promise<boolean> {
    for (const kind of ["busy", "touched"] as const) {
      for await (const _ of this.#store.list(pagesOf(kind, key))) return false;
    }
    return true;
  }

  async end(key: string): Promise<void> {
    await this.#store.delete(markOf(key));
    await this.take(key);
  }

  #counted(subjects: readonly Subject[]): readonly Subject[] {
    return this.#marked.size === 0 ? [] : subjects.filter(({ key }) => this.#marked.has(key));
  }

  async #poll(): Promise<void> {
    try {
      const marked = new Set<string>();
      for await (const [key] of this.#store.list(marks)) marked.add(key.slice(marks.length));
      this.#marked = marked;
    } catch (error) {
      this.#log.debug({ err: error }, "Whether a recount is under way is not known");
    }
    await this.filesChanged();
  }

  async #tellOpen(): Promise<void> {
    const pages = new Map<string, string>();
    for (const entry of this.#openFiles()) {
      const id = this.#ids.get(entry) ?? this.#nextId++;
      this.#ids.set(entry, id);
      const { path, counted } = entry;
      const value = `${counted.bytes} ${counted.files} ${Buffer.from(bytesFromText(path)).toString("base64")}`;
      for (const key of entry.keys)
        if (this.#marked.has(key)) pages.set(`${pagesOf("open", key)}${this.#process}-${id}`, value);
    }
    for (const [page, value] of pages) {
      if (this.#told.get(page) === value) continue;
      await this.#store.set(page, value, { ttlMs: pageMs });
      this.#told.set(page, value);
    }
    for (const page of this.#told.keys()) {
      if (pages.has(page)) continue;
      await this.#store.delete(page);
      this.#told.delete(page);
    }
  }

  async #touch(key: string, { folder, deep }: Touched): Promise<void> {
    const value = `${deep ? "deep" : "flat"} ${Buffer.from(bytesFromText(folder)).toString("base64")}`;
    await this.#store.set(`${pagesOf("touched", key)}${digestOf(value)}`, value, { ttlMs: pageMs });
  }

  async #tell(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.warn({ err: error }, "A change could not be told to a recount");
    }
  }
}

const marks = "quota/recount/";

function markOf(key: string): string {
  return `${marks}${key}`;
}

function pagesOf(kind: "busy" | "open" | "touched", key: string): string {
  // A digest, so that the pages of one subject are not found under another whose name begins alike.
  return `quota/${kind}/${digestOf(key)}/`;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
