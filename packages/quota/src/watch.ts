import { randomBytes } from "node:crypto";
import type { SftpPath, Store } from "@sluice/core";
import { leaseMs, living } from "./lease.ts";
import { markOf, pageMs, pageRenewMs, pagesOf, readOpen, readTouched, type Touched } from "./pages.ts";
import type { Amount } from "./record.ts";

/** How often it is looked whether everybody has noticed, in milliseconds. */
const lookMs = 50;
/** How long a process that is alive may take to notice; one that was killed counts as alive for its lease. */
const noticeMs = leaseMs + 15_000;
/** How long this one may have been silent and still go on: whoever takes it for dead tells it nothing. */
const silentMs = pageMs * 0.75;

/** What a recount is told by those who change files meanwhile. */
export class Watch {
  readonly #store: Store;
  readonly #key: string;
  readonly #recount: string = randomBytes(8).toString("hex");
  #renewedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  private constructor(store: Store, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /** Says that a recount begins. @throws Error where another one is under way */
  static async begin(store: Store, key: string): Promise<Watch> {
    const watch = new Watch(store, key);
    if (!(await store.compareAndSet(markOf(key), undefined, watch.#recount, { ttlMs: pageMs })))
      throw new Error("Another recount is under way; try again when it has ended");
    watch.#timer = setInterval(() => void watch.#renew().catch(() => undefined), pageRenewMs);
    return watch;
  }

  /**
   * Resolves when every process that is alive has noticed, and has told what it is changing. One that comes later looks before it changes anything.
   *
   * @throws Error where one does not notice
   */
  async noticed(pause: (ms: number) => Promise<unknown>): Promise<void> {
    const since = performance.now();
    for (;;) {
      const alive = await living(this.#store);
      const pages = pagesOf(this.#recount, "noticed");
      const aware = new Set<string>();
      for await (const [page] of this.#store.list(pages)) aware.add(page.slice(pages.length));
      if (alive.every((process) => aware.has(process))) return;
      if (performance.now() - since > noticeMs) {
        throw new Error(
          "A server that shares the store takes no notice of the recount; see that it is well, and try again",
        );
      }
      await pause(lookMs);
    }
  }

  /** The files that are being written, by path, and what the books have of them. */
  async openFiles(): Promise<ReadonlyMap<SftpPath, Amount>> {
    const found = new Map<SftpPath, Amount>();
    for await (const [, value] of this.#store.list(pagesOf(this.#recount, "open"))) found.set(...readOpen(value));
    return found;
  }

  /** What has been touched since the last time. Whoever asks counts after that. */
  async take(): Promise<readonly Touched[]> {
    const touched: Touched[] = [];
    for await (const [page, value] of this.#store.list(pagesOf(this.#recount, "touched"))) {
      await this.#store.delete(page);
      touched.push(readTouched(value));
    }
    return touched;
  }

  /** Whether nothing is being changed, and nothing was touched since. In this order: a change is told as touched before it is told as over. */
  async isQuiet(): Promise<boolean> {
    for (const kind of ["busy", "touched"] as const) {
      for await (const _ of this.#store.list(pagesOf(this.#recount, kind))) return false;
    }
    return true;
  }

  /** @throws Error where this process stood still for so long that others may have stopped to tell it anything */
  check(): void {
    if (performance.now() - this.#renewedAt > silentMs)
      throw new Error("The recount was held up for too long to be sure of what it has counted; try again");
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renew();
    // Where it was still its own, nobody else can have set it since.
    if (this.#renewedAt > -Infinity) await this.#store.delete(markOf(this.#key));
    for await (const [page] of this.#store.list(pagesOf(this.#recount))) await this.#store.delete(page);
  }

  async #renew(): Promise<void> {
    const now = performance.now();
    const own = await this.#store.compareAndSet(markOf(this.#key), this.#recount, this.#recount, { ttlMs: pageMs });
    this.#renewedAt = own ? now : -Infinity;
  }
}
