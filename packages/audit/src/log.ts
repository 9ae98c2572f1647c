import { closeSync, fdatasyncSync, mkdirSync, openSync, fsyncSync, renameSync, statSync, fstatSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { SetupError } from "@sluice/core";
import { Appender } from "./appender.ts";
import { Archive, type ArchiveOptions } from "./archive.ts";
import { beside, rotatedName } from "./catalog.ts";
import { Clock } from "./clock.ts";
import { Committer } from "./committer.ts";
import { loadSigningKey, signCheckpoint, type SigningKey } from "./key.ts";
import { seal } from "./line.ts";
import { lock, type Lock } from "./lock.ts";
import type { RecordBody } from "./record.ts";
import { firstSeq, headOfRotated, mend, type Head, type Torn } from "./tail.ts";
import { reasonOf, Trouble, unopened, Unrecorded } from "./trouble.ts";

/** When a record counts as written: in this process's memory, in the kernel (survives `kill -9`), or on the disk (survives a power cut). */
export type Durability = "none" | "os" | "disk";

/** How a log is kept. */
export interface LogOptions {
  readonly file: string;
  readonly durability: Durability;
  /** A new file is begun before one grows past this. */
  readonly rotateBytes: number;
  /** A new file is begun when one is this old. */
  readonly rotateMs: number;
  readonly archive: ArchiveOptions;
  readonly checkpointRecords: number;
  readonly checkpointMs: number;
  /** The private key that signs checkpoints; made where there is none. @default beside the file */
  readonly signingKey?: string;
}

/** What a log tells whoever runs it. */
export interface LogReports {
  /** Records cannot be written any more, or something else about the log is not as it should be. */
  failed(what: string): void;
  /** Records are written again; so many were not. */
  recovered(lost: number, since: Date): void;
}

/** Where the live file stands, for those that read what is written. */
export interface LogPosition {
  /** `seq` of the live file's first record. */
  readonly first: number;
  /** Bytes of it that are whole. */
  readonly size: number;
  readonly seq: number;
}

const maintenanceMs = 1000;
const bufferMs = 100;
const bufferBytes = 64 * 1024;
const commitLimitMs = 10_000;
const rotateRetryMs = 60_000;
const retireMs = 3_600_000;

/** An append-only file of chained records, written by this process alone. */
export class AuditLog {
  /** What a crash had torn off the end, found at the start. */
  readonly torn: Torn | undefined;
  readonly key: SigningKey;
  readonly #options: LogOptions;
  readonly #reports: LogReports;
  readonly #lock: Lock;
  readonly #archive: Archive;
  readonly #watchers = new Set<() => void>();
  readonly #committer = new Committer((error) => this.#fail(error, 0));
  readonly #timer: NodeJS.Timeout;
  readonly #clock = new Clock();
  #appender: Appender | undefined;
  #head: Head;
  /** The last record that the kernel has. */
  #written: Head;
  #first: number;
  #begunAt: number;
  #buffer: string[] = [];
  #buffered = 0;
  #bufferTimer: NodeJS.Timeout | undefined;
  #sinceCheckpoint = 0;
  #checkpointAt = Date.now();
  #rotateRetryAt = 0;
  #retiredAt = 0;
  #trouble: Trouble | undefined;
  #closed = false;

  private constructor(parts: Parts, options: LogOptions, reports: LogReports) {
    this.#options = options;
    this.#reports = reports;
    this.#lock = parts.lock;
    this.#appender = parts.appender;
    this.#head = this.#written = parts.head;
    this.#first = parts.first;
    this.#begunAt = parts.begunAt;
    this.torn = parts.torn;
    this.key = parts.key;
    this.#archive = new Archive(options.file, options.archive);
    this.#archive.tidy((error) => this.#reports.failed(`a rotated file was not compressed: ${reasonOf(error)}`));
    this.#timer = setInterval(() => this.#maintain(), maintenanceMs).unref();
  }

  /**
   * Opens a log and goes on where it ended.
   *
   * @throws SetupError `ERR_SLUICE_AUDIT_LOG` with what to do
   */
  static async open(given: LogOptions, reports: LogReports): Promise<AuditLog> {
    const options = { ...given, file: resolve(given.file) };
    mkdirSync(dirname(options.file), { recursive: true, mode: 0o700 });
    const held = await lock(options.file);
    let appender: Appender | undefined;
    try {
      const key = loadSigningKey(options.signingKey ?? beside(options.file, ".key"), beside(options.file, ".pub"));
      const fresh = isMissing(options.file);
      appender = Appender.open(options.file, fresh ? "new" : "existing");
      const { head: last, size, torn } = mend(appender.fd, options.file);
      appender.size = size;
      const head = last ?? (await headOfRotated(options.file));
      const first = firstSeq(appender.fd) ?? head.seq + 1;
      const begunAt = size === 0 ? Date.now() : statSync(options.file).birthtimeMs || Date.now();
      return new AuditLog({ lock: held, appender, head, first, begunAt, torn, key }, options, reports);
    } catch (error) {
      appender?.close();
      await held.release();
      if (SetupError.is(error)) throw error;
      throw unopened(options.file, error);
    }
  }

  get position(): LogPosition {
    return { first: this.#first, size: this.#appender?.size ?? 0, seq: this.#written.seq };
  }

  /** Why nothing can be recorded now. Asking tries again, where it is time to. */
  get trouble(): string | undefined {
    if (this.#trouble !== undefined) this.#recover();
    return this.#trouble?.reason;
  }

  /** Calls `listener` whenever records have been written. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Writes a record. @returns its `seq`, or nothing where it could not be written: it is counted, and told in a record once there is room */
  append(body: RecordBody): number | undefined {
    if (this.#closed) return undefined;
    if (this.#trouble !== undefined && !this.#recover()) {
      if (this.#trouble !== undefined) this.#trouble.lost += 1;
      return undefined;
    }
    try {
      this.#rotateWhenDue();
      const seq = this.#put(body);
      if (this.#sinceCheckpoint >= this.#options.checkpointRecords) this.#checkpoint();
      return seq;
    } catch (error) {
      this.#fail(error, 1);
      return undefined;
    }
  }

  /** Writes a record and resolves when it is as durable as was asked for. @throws Unrecorded */
  async commit(body: RecordBody): Promise<number> {
    const seq = this.append(body);
    const appender = this.#appender;
    if (seq === undefined || appender === undefined) throw new Unrecorded(this.#trouble?.reason ?? "it is closed");
    if (this.#options.durability !== "disk") return seq;
    try {
      await this.#committer.commit(appender.fd, commitLimitMs);
    } catch (error) {
      throw new Unrecorded(reasonOf(error));
    }
    return seq;
  }

  /** Writes the last record and signs what there is. Nothing is written after it. */
  finish(last: RecordBody): void {
    if (this.#closed) return;
    this.append(last);
    clearInterval(this.#timer);
    clearTimeout(this.#bufferTimer);
    try {
      if (this.#trouble === undefined) this.#checkpoint();
      this.#flush();
      if (this.#appender !== undefined && this.#options.durability === "disk") fdatasyncSync(this.#appender.fd);
    } catch (error) {
      this.#fail(error, 0);
    }
    this.#closed = true;
  }

  /** Lets the file go. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#bufferTimer);
    await this.#archive.close();
    await this.#committer.settled();
    this.#appender?.close();
    this.#appender = undefined;
    await this.#lock.release();
  }

  #put(body: RecordBody, time = this.#clock.now()): number {
    const seq = this.#head.seq + 1;
    const { line, hash } = seal(body, seq, time, this.#head.hash);
    this.#sinceCheckpoint += 1;
    if (this.#options.durability === "none") {
      this.#buffer.push(line);
      this.#buffered += line.length;
      this.#head = { seq, hash };
      if (this.#buffered >= bufferBytes) this.#flush();
      else this.#bufferTimer ??= setTimeout(() => this.#flushLater(), bufferMs).unref();
      return seq;
    }
    const appender = (this.#appender ??= this.#begin());
    appender.write(Buffer.from(line));
    this.#head = this.#written = { seq, hash };
    if (this.#options.durability === "disk") this.#committer.request(appender.fd);
    for (const tell of this.#watchers) tell();
    return seq;
  }

  /** Hands the buffer to the kernel. @throws Error where it does not take it; what was in it is lost then, and counted */
  #flush(): void {
    clearTimeout(this.#bufferTimer);
    this.#bufferTimer = undefined;
    if (this.#buffer.length === 0) return;
    const lines = this.#buffer;
    this.#buffer = [];
    this.#buffered = 0;
    try {
      const appender = (this.#appender ??= this.#begin());
      appender.write(Buffer.from(lines.join("")));
      this.#written = this.#head;
    } catch (error) {
      this.#head = this.#written;
      // The last one is the caller's, who counts it.
      this.#fail(error, lines.length - 1);
      throw error;
    }
    for (const tell of this.#watchers) tell();
  }

  #flushLater(): void {
    try {
      this.#flush();
    } catch (error) {
      this.#fail(error, 1);
    }
  }

  #checkpoint(): void {
    if (this.#sinceCheckpoint === 0) return;
    const time = new Date().toISOString();
    const { seq, hash } = this.#head;
    const signature = signCheckpoint(this.key, seq + 1, hash, time);
    this.#put({ type: "checkpoint", key: this.key.fingerprint, signature }, time);
    this.#sinceCheckpoint = 0;
    this.#checkpointAt = Date.now();
  }

  #begin(): Appender {
    const appender = Appender.open(this.#options.file, "new");
    this.#first = this.#written.seq + 1;
    this.#begunAt = Date.now();
    if (this.#options.durability === "disk") syncDirectory(dirname(this.#options.file));
    return appender;
  }

  #rotateWhenDue(): void {
    const now = Date.now();
    const size = (this.#appender?.size ?? 0) + this.#buffered;
    const { rotateBytes, rotateMs } = this.#options;
    // What begins a file alone makes none that is worth keeping.
    const due = size >= rotateBytes || (now - this.#begunAt >= rotateMs && this.#head.seq > this.#first + 2);
    if (!due || now < this.#rotateRetryAt) return;
    try {
      this.#rotate(now);
    } catch (error) {
      if (size >= 2 * rotateBytes || this.#appender === undefined) throw error;
      this.#rotateRetryAt = now + rotateRetryMs;
      this.#reports.failed(`a new file could not be begun: ${reasonOf(error)}`);
    }
  }

  #rotate(now: number): void {
    const { file, durability } = this.#options;
    this.#checkpoint();
    this.#flush();
    const old = this.#appender;
    if (old === undefined) return;
    if (durability === "disk") fdatasyncSync(old.fd);
    const name = rotatedName(file, this.#first, new Date(now));
    renameSync(file, name);
    this.#appender = undefined;
    void this.#committer.settled().then(() => old.close());
    this.#appender = this.#begin();
    this.#put({ type: "log", event: "rotated", file: basename(name) });
    this.#retire(now);
    this.#archive.tidy((error) => this.#reports.failed(`a rotated file was not compressed: ${reasonOf(error)}`));
  }

  #retire(now: number): void {
    this.#retiredAt = now;
    const retired = this.#archive.retire(this.#first, now);
    if (retired !== undefined) this.#put({ type: "log", event: "retired", ...retired });
  }

  #maintain(): void {
    try {
      if (this.#trouble !== undefined && !this.#recover()) return;
      this.#look();
      this.#rotateWhenDue();
      if (Date.now() - this.#retiredAt >= retireMs) this.#retire(Date.now());
      if (this.#sinceCheckpoint > 0 && Date.now() - this.#checkpointAt >= this.#options.checkpointMs)
        this.#checkpoint();
    } catch (error) {
      this.#fail(error, 0);
    }
  }

  /** Whether the file is still the one that is written, and written by nobody else. */
  #look(): void {
    const appender = this.#appender;
    if (appender === undefined) return;
    const path = statSync(this.#options.file, { throwIfNoEntry: false });
    if (path?.ino !== fstatSync(appender.fd).ino) {
      this.#appender = undefined;
      void this.#committer.settled().then(() => appender.close());
      throw new Error("the file was moved or removed while it was written; another one is begun");
    }
    if (appender.disturbed) {
      this.#reports.failed("somebody else has written to the file; another one is begun");
      this.#rotate(Date.now());
    }
  }

  #fail(error: unknown, lost: number): void {
    if (this.#trouble === undefined) {
      this.#trouble = new Trouble(reasonOf(error), Date.now());
      this.#reports.failed(this.#trouble.reason);
    }
    this.#trouble.lost += lost;
  }

  /** Tries whether records can be written again; the first one says how many were not. */
  #recover(): boolean {
    const trouble = this.#trouble;
    if (trouble === undefined) return true;
    if (this.#closed || !trouble.due(Date.now())) return false;
    const { lost, since, reason } = trouble;
    try {
      this.#put({ type: "log", event: "lost", count: lost, since: since.toISOString(), reason });
      this.#flush();
      if (this.#options.durability === "disk" && this.#appender !== undefined) fdatasyncSync(this.#appender.fd);
    } catch {
      // As before: the next try will tell.
      trouble.lost = lost;
      return false;
    }
    this.#trouble = undefined;
    this.#reports.recovered(lost, since);
    return true;
  }
}

interface Parts {
  readonly lock: Lock;
  readonly appender: Appender;
  readonly head: Head;
  readonly first: number;
  readonly begunAt: number;
  readonly torn: Torn | undefined;
  readonly key: SigningKey;
}

function isMissing(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) === undefined;
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
