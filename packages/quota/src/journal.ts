import { rootPath, type Logger, type Store } from "@sluice/core";
import type { Lease } from "./lease.ts";
import { Locks } from "./locks.ts";
import {
  marks,
  openText,
  pageMs,
  pageRenewMs,
  pagesOf,
  touchedPage,
  type OpenFileEntry,
  type PageKind,
  type Touched,
} from "./pages.ts";
import type { Subject } from "./subjects.ts";

/** How often a process asks whether a recount is under way, in milliseconds. */
const pollMs = 250;
/** Folders that are remembered until the store has taken them; beyond, everything is counted again. */
const mostTouched = 1_000;

/** What a process has to tell besides its changes. */
export interface Told {
  /** The files that are open for writing. */
  readonly openFiles: () => Iterable<OpenFileEntry>;
  /** Whether the books of a subject lack something that the store did not take. */
  readonly owes: (key: string) => boolean;
}

/** A page of this process, as the store has it. */
interface Written {
  readonly value: string;
  readonly at: number;
}

/**
 * Tells a recount what this process changes meanwhile, so that whoever counts looks there again. What is still being written counts for what the
 * books have of it. As long as nobody counts, it costs a question to the store a few times a second.
 *
 * A recount waits until every process that is alive has noticed it. A process has noticed when it has told of everything that it was doing then.
 */
export class Journal {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #lease: Lease;
  readonly #told: Told;
  #timer: NodeJS.Timeout | undefined;
  readonly #locks = new Locks();
  /** The recounts under way, by their subjects, as far as this process knows. */
  #recounts: ReadonlyMap<string, string> = new Map();
  /** Changes that are being made: who answers for them. */
  readonly #changes = new Set<readonly string[]>();
  /** What was touched and is not in the store yet: pages and their texts. */
  readonly #touched = new Map<string, string>();
  readonly #written = new Map<string, Written>();
  #nextId = 1;
  readonly #ids = new WeakMap<OpenFileEntry, number>();
  #telling: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(store: Store, log: Logger, lease: Lease, told: Told) {
    this.#store = store;
    this.#log = log;
    this.#lease = lease;
    this.#told = told;
    lease.onTaken(() => this.look());
  }

  /** From now on it is asked whether a recount is under way. */
  start(): void {
    let asking = false;
    this.#timer = setInterval(() => {
      if (asking) return;
      asking = true;
      this.look()
        .catch((error: unknown) => this.#log.debug({ err: error }, "Whether a recount is under way is not known"))
        .finally(() => (asking = false));
    }, pollMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#recounts = new Map();
    await this.tell();
  }

  /** Asks which recounts are under way, and tells them. Rejects when the store fails. */
  async look(): Promise<void> {
    await this.#locks.run("look", async () => {
      const found = new Map<string, string>();
      for await (const [mark, recount] of this.#store.list(marks)) found.set(mark.slice(marks.length), recount);
      this.#recounts = found;
      if (found.size === 0) this.#touched.clear();
    });
    await this.tell();
  }

  /** Has a change made and entered into the books. A recount knows of it from before it begins, and looks there again when it is over. */
  async around<T>(subjects: readonly Subject[], touched: readonly Touched[], work: () => Promise<T>): Promise<T> {
    const change = subjects.map(({ key }) => key);
    this.#changes.add(change);
    try {
      await this.#lease.hold();
    } catch (error) {
      this.#log.warn({ err: error }, "A recount would not know of this process");
    }
    await this.tell();
    try {
      return await work();
    } finally {
      this.#touch(change, touched);
      this.#changes.delete(change);
      await this.tell();
    }
  }

  /** Writes down what there is to tell now. Also called when a file was opened for writing, closed or moved. Never rejects. */
  async tell(): Promise<void> {
    if (this.#recounts.size === 0 && this.#written.size === 0) return;
    // What has not begun yet tells of everything that is so by then.
    this.#queued ??= this.#telling.then(async () => {
      this.#queued = undefined;
      try {
        await this.#write();
      } catch (error) {
        this.#log.warn({ err: error }, "A change could not be told to a recount: when it has ended, recount again");
      }
    });
    this.#telling = this.#queued;
    await this.#queued;
  }

  #touch(keys: readonly string[], touched: readonly Touched[]): void {
    for (const key of keys) {
      const recount = this.#recounts.get(key);
      if (recount === undefined) continue;
      for (const each of touched) this.#touched.set(...touchedPage(recount, each));
      if (this.#touched.size > mostTouched) {
        for (const page of this.#touched.keys()) if (page.startsWith(pagesOf(recount))) this.#touched.delete(page);
        this.#touched.set(...touchedPage(recount, { folder: rootPath, deep: true }));
      }
    }
  }

  /**
   * The order is what a recount relies on: a change is told of before all else, and is over only when what it has changed is told; and it is noticed when
   * all of that is.
   */
  async #write(): Promise<void> {
    const { busy, open, noticed } = this.#pages();
    const touched = [...this.#touched];
    const over = [...this.#written.keys()].filter((page) => !busy.has(page) && !open.has(page) && !noticed.has(page));
    const wasBusy = over.filter((page) => page.includes("/busy/"));
    await this.#set(busy);
    await this.#set(open);
    await this.#delete(over.filter((page) => !wasBusy.includes(page)));
    await Promise.all(
      touched.map(async ([page, value]) => {
        // What is touched again while this is written is written once more.
        this.#touched.delete(page);
        try {
          await this.#store.set(page, value, { ttlMs: pageMs });
        } catch (error) {
          this.#touched.set(page, value);
          throw error;
        }
      }),
    );
    await this.#delete(wasBusy);
    await this.#set(noticed);
  }

  /** What should be in the store now. */
  #pages(): { readonly [K in Exclude<PageKind, "touched">]: ReadonlyMap<string, string> } {
    const pages = { busy: new Map<string, string>(), open: new Map<string, string>(), noticed: new Map() };
    for (const [key, recount] of this.#recounts) {
      const isBusy = [...this.#changes].some((change) => change.includes(key)) || this.#told.owes(key);
      if (isBusy) pages.busy.set(`${pagesOf(recount, "busy")}${this.#lease.id}`, "1");
      pages.noticed.set(`${pagesOf(recount, "noticed")}${this.#lease.id}`, "1");
    }
    for (const entry of this.#told.openFiles()) {
      const id = this.#ids.get(entry) ?? this.#nextId++;
      this.#ids.set(entry, id);
      for (const key of entry.keys) {
        const recount = this.#recounts.get(key);
        if (recount !== undefined)
          pages.open.set(`${pagesOf(recount, "open")}${this.#lease.id}-${id}`, openText(entry));
      }
    }
    return pages;
  }

  async #set(pages: ReadonlyMap<string, string>): Promise<void> {
    const now = performance.now();
    // At once, so that a store may write them together.
    await Promise.all(
      Array.from(pages, async ([page, value]) => {
        const before = this.#written.get(page);
        if (before?.value === value && now - before.at < pageRenewMs) return;
        // Where the store fails, it may have the page all the same.
        this.#written.set(page, { value: "", at: now });
        await this.#store.set(page, value, { ttlMs: pageMs });
        this.#written.set(page, { value, at: now });
      }),
    );
  }

  async #delete(pages: readonly string[]): Promise<void> {
    await Promise.all(
      pages.map(async (page) => {
        await this.#store.delete(page);
        this.#written.delete(page);
      }),
    );
  }
}
