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
   * sends a WRITE and then sets the file's times by path means them in this order. What names a directory above a file does not wait: an open
   * file is where it is, and a slow listing should hold no transfer up.
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

type Open = OpenFile | OpenDirectory;

interface Entry {
  readonly task: Task;
  /** Every file that it keeps others waiting on. */
  readonly files: Open[];
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
  /** Unfinished requests by the files that they keep others waiting on. */
  readonly #onFile = new Map<Open, Set<Entry>>();
  /** Those files by their paths. */
  readonly #atPath = new Groups<SftpPath, Open>();
  /** Unfinished requests by the paths that they name. */
  readonly #naming = new Groups<SftpPath, Entry>();
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
    const entry: Entry = { task, files: [], dependents: [], waitingFor: 0 };
    this.#count += 1;
    this.#bytes += task.bytes;
    const { footprint } = task;
    if (footprint.kind === "range") {
      const { file } = footprint;
      this.#waitForConflicts(entry, file, footprint);
      for (const other of this.#naming.of(file.path)) if (!other.files.includes(file)) depend(entry, other);
    } else {
      if (this.#lastOrdered !== undefined) depend(entry, this.#lastOrdered);
      this.#lastOrdered = entry;
      for (const file of footprint.files) this.#waitForConflicts(entry, file, footprint);
      for (const path of footprint.paths ?? []) {
        for (const file of this.#atPath.of(path)) {
          if (!entry.files.includes(file)) this.#waitForConflicts(entry, file, footprint);
        }
        this.#naming.add(path, entry);
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

  #waitForConflicts(entry: Entry, file: Open, footprint: Footprint): void {
    let entries = this.#onFile.get(file);
    if (entries === undefined) {
      this.#onFile.set(file, (entries = new Set()));
      this.#atPath.add(file.path, file);
    }
    for (const other of entries) {
      if (other !== entry && conflicts(other.task.footprint, footprint)) depend(entry, other);
    }
    entries.add(entry);
    entry.files.push(file);
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
    const { footprint } = entry.task;
    if (footprint.kind === "ordered") for (const path of footprint.paths ?? []) this.#naming.delete(path, entry);
    for (const file of entry.files) {
      const entries = this.#onFile.get(file);
      if (entries?.delete(entry) !== true || entries.size > 0) continue;
      this.#onFile.delete(file);
      this.#atPath.delete(file.path, file);
    }
    for (const dependent of entry.dependents) {
      dependent.waitingFor -= 1;
      if (dependent.waitingFor === 0) this.#start(dependent);
    }
    this.#onFinish();
    if (this.#count === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Values by a key that several may have. */
class Groups<K, V> {
  readonly #groups = new Map<K, V[]>();

  of(key: K): readonly V[] {
    return this.#groups.get(key) ?? [];
  }

  add(key: K, value: V): void {
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, [value]);
    else group.push(value);
  }

  delete(key: K, value: V): void {
    const group = this.#groups.get(key);
    const at = group?.indexOf(value) ?? -1;
    if (group === undefined || at < 0) return;
    if (group.length === 1) this.#groups.delete(key);
    else group.splice(at, 1);
  }
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
