import type { SftpPath } from "./path.ts";
import type { OpenDirectory, OpenFile } from "./session.ts";

/** What a request touches; it decides what the request waits for. */
export type Footprint =
  /** Reads and writes run beside each other, but overlapping ones on one file keep their order. */
  | {
      readonly kind: "range";
      readonly file: OpenFile;
      readonly start: number;
      readonly end: number;
      readonly writes: boolean;
    }
  /**
   * Everything else runs in order of arrival, and waits for what is under way on the files that it names, by handle or by path: a client that
   * sends a WRITE and then sets the file's times by path means them in this order.
   */
  | {
      readonly kind: "ordered";
      readonly files: readonly (OpenFile | OpenDirectory)[];
      readonly paths?: readonly SftpPath[];
    };

/** One request, to be run when its turn comes. */
export interface Task {
  readonly footprint: Footprint;
  /** Data that it holds, in bytes: counted against the session's budget until it has finished. */
  readonly bytes: number;
  /** Must not reject. */
  run(): Promise<void>;
  /** Called instead of `run` when the session ended first. */
  drop(): void;
}

interface Entry {
  readonly task: Task;
  /** Every file that it keeps others waiting on. */
  readonly files: Set<OpenFile | OpenDirectory>;
  readonly dependents: Entry[];
  waitingFor: number;
}

/**
 * Decides when each request of a session runs. Requests are never reordered where a client could tell: that is what a
 * draft-conforming server owes (draft-ietf-secsh-filexfer-13, section 3.1).
 */
export class Scheduler {
  readonly #limits: { readonly requestsInFlight: number; readonly sessionBytes: number };
  readonly #onFinish: () => void;
  readonly #onFile = new Map<OpenFile | OpenDirectory, Set<Entry>>();
  /** Unfinished requests that name files by path. */
  readonly #naming = new Set<Entry>();
  #lastOrdered: Entry | undefined;
  #count = 0;
  #bytes = 0;
  #stopped = false;
  #idle: (() => void)[] = [];

  /** @param onFinish called after each request, when there may be room again */
  constructor(limits: { readonly requestsInFlight: number; readonly sessionBytes: number }, onFinish: () => void) {
    this.#limits = limits;
    this.#onFinish = onFinish;
  }

  /** Whether the next request has to wait outside: it stays in the channel, and the client's window closes. */
  get full(): boolean {
    return this.#count >= this.#limits.requestsInFlight || this.#bytes >= this.#limits.sessionBytes;
  }

  /** Requests taken and not finished. */
  get inFlight(): number {
    return this.#count;
  }

  submit(task: Task): void {
    const entry: Entry = { task, files: new Set(), dependents: [], waitingFor: 0 };
    this.#count += 1;
    this.#bytes += task.bytes;
    const { footprint } = task;
    if (footprint.kind === "range") {
      this.#waitForConflicts(entry, footprint.file, footprint);
      for (const other of this.#naming) {
        if (!other.files.has(footprint.file) && names(other.task.footprint, footprint.file)) depend(entry, other);
      }
    } else {
      if (this.#lastOrdered !== undefined) depend(entry, this.#lastOrdered);
      this.#lastOrdered = entry;
      for (const file of footprint.files) this.#waitForConflicts(entry, file, footprint);
      if (footprint.paths !== undefined) {
        this.#naming.add(entry);
        for (const file of this.#onFile.keys()) {
          if (!entry.files.has(file) && names(footprint, file)) this.#waitForConflicts(entry, file, footprint);
        }
      }
    }
    if (entry.waitingFor === 0) this.#start(entry);
  }

  /** Drops what has not started. What runs is left to finish; `settled` tells when. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when no request is under way. */
  settled(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #waitForConflicts(entry: Entry, file: OpenFile | OpenDirectory, footprint: Footprint): void {
    let entries = this.#onFile.get(file);
    if (entries === undefined) this.#onFile.set(file, (entries = new Set()));
    for (const other of entries) {
      if (other !== entry && conflicts(other.task.footprint, footprint)) depend(entry, other);
    }
    entries.add(entry);
    entry.files.add(file);
  }

  #start(entry: Entry): void {
    if (this.#stopped) {
      entry.task.drop();
      this.#finish(entry);
    } else {
      void entry.task.run().then(() => this.#finish(entry));
    }
  }

  #finish(entry: Entry): void {
    this.#count -= 1;
    this.#bytes -= entry.task.bytes;
    if (this.#lastOrdered === entry) this.#lastOrdered = undefined;
    this.#naming.delete(entry);
    for (const file of entry.files) {
      const entries = this.#onFile.get(file);
      entries?.delete(entry);
      if (entries?.size === 0) this.#onFile.delete(file);
    }
    for (const dependent of entry.dependents) {
      dependent.waitingFor -= 1;
      if (dependent.waitingFor === 0) this.#start(dependent);
    }
    this.#onFinish();
    if (this.#count === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/**
 * Whether a request names a file by its path. What names a directory above it does not: an open file is where it is, and a slow listing should
 * hold no transfer up.
 */
function names(footprint: Footprint, file: OpenFile | OpenDirectory): boolean {
  return footprint.kind === "ordered" && footprint.paths?.includes(file.path) === true;
}

function depend(entry: Entry, on: Entry): void {
  entry.waitingFor += 1;
  on.dependents.push(entry);
}

function conflicts(earlier: Footprint, later: Footprint): boolean {
  if (earlier.kind === "ordered" || later.kind === "ordered") return true;
  if (!earlier.writes && !later.writes) return false;
  return earlier.start < later.end && later.start < earlier.end;
}
