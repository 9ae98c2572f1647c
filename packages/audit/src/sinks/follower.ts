import { setTimeout } from "node:timers/promises";
import type { AuditLog } from "../log.ts";
import { reasonOf } from "../trouble.ts";
import { Cursor } from "./cursor.ts";
import type { Position, PositionFile } from "./position.ts";
import type { Sink } from "./sink.ts";

/** How soon what was not taken is brought again. */
export interface Retry {
  readonly minMs: number;
  readonly maxMs: number;
}

/** What a follower tells whoever runs it. */
export interface FollowerReports {
  failed(sink: string, reason: string, behind: number): void;
  recovered(sink: string, attempts: number): void;
  skipped(sink: string, records: number): void;
}

/** Brings what is in the file to a sink, at its pace: the file is the spool, and retention its bound. */
export class Follower {
  readonly #sink: Sink;
  readonly #cursor: Cursor;
  readonly #store: PositionFile;
  readonly #retry: Retry;
  readonly #reports: FollowerReports;
  /** Cuts short what waits, and what is under way. */
  readonly #ending = new AbortController();
  readonly #abort = new AbortController();
  readonly #unwatch: () => void;
  readonly #written: () => number;
  #delivered: number;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #running: Promise<void>;

  constructor(
    log: AuditLog,
    file: string,
    sink: Sink,
    {
      store,
      retry,
      reports,
    }: { readonly store: PositionFile; readonly retry: Retry; readonly reports: FollowerReports },
  ) {
    this.#sink = sink;
    this.#store = store;
    this.#retry = retry;
    this.#reports = reports;
    const { seq, first, size } = log.position;
    const stored = store.read();
    // A position beyond the log is another log's. A sink that is new begins with what is written from now on.
    const start = stored !== undefined && stored.seq <= seq ? stored : { seq, first, offset: size };
    this.#cursor = new Cursor(file, log, start);
    this.#written = () => log.position.seq;
    this.#delivered = start.seq;
    this.#save(start);
    this.#unwatch = log.watch(() => this.#wake?.());
    this.#running = this.#run();
  }

  /** Delivers what is left, for at most so long; the rest follows after the next start. */
  async close(graceMs: number): Promise<void> {
    this.#ended = true;
    this.#ending.abort();
    this.#wake?.();
    const timer = globalThis.setTimeout(() => this.#abort.abort(), graceMs);
    await this.#running;
    clearTimeout(timer);
    this.#unwatch();
    await this.#cursor.close();
    this.#sink.close();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        const batch = await this.#cursor.next();
        if (batch === undefined) {
          if (this.#ended) return;
          await this.#grown();
          continue;
        }
        if (batch.skipped > 0) this.#reports.skipped(this.#sink.name, batch.skipped);
        if (
          batch.entries.length > 0 &&
          !(await this.#deliver(() => this.#sink.deliver(batch.entries, this.#abort.signal)))
        )
          return;
        this.#save(batch.position);
      } catch (error) {
        this.#reports.failed(this.#sink.name, reasonOf(error), this.#behind);
        if (this.#ended) return;
        await this.#pause(this.#retry.maxMs);
      }
    }
  }

  /** Tries until it is taken. @returns whether it was, before the end */
  async #deliver(bring: () => Promise<void>): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        await bring();
        if (attempt > 0) this.#reports.recovered(this.#sink.name, attempt);
        return true;
      } catch (error) {
        // A receiver that is away does not hold up the end: what is left follows after the next start.
        if (this.#ended) return false;
        if (attempt === 0) this.#reports.failed(this.#sink.name, reasonOf(error), this.#behind);
        const { minMs, maxMs } = this.#retry;
        const wait = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
        // Not all at once, when what was down comes back.
        await this.#pause(wait * (0.5 + Math.random() / 2));
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#ending.signal, ref: false }).catch(() => undefined);
  }

  #grown(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
      if (this.#cursor.behind > 0 || this.#ended) this.#wake();
    });
  }

  /** Records that are written and not delivered. */
  get #behind(): number {
    return this.#written() - this.#delivered;
  }

  #save(position: Position): void {
    this.#delivered = position.seq;
    try {
      this.#store.write(position);
    } catch {
      // A disk that is full: after a restart, records are delivered a second time rather than not at all.
    }
  }
}
