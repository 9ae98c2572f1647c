import { token, type OpenFile, type Token } from "@sluice/core";
import type { Ending } from "./refusal.ts";
import { Sequence, type Budget, type NoHash, type Passed } from "./sequence.ts";
import { flagsOf } from "./subject.ts";

/** Which transfers are hashed. */
export type Hashing = "uploads" | "all" | "none";

/** What passes through one open file, from its open to its close. */
export class Transfer {
  readonly #file: OpenFile;
  readonly #original: string | undefined;
  readonly #reads: Sequence;
  readonly #writes: Sequence;
  readonly #startedAt = performance.now();
  /** `seq` of the intent, in strict mode. */
  readonly intent: number | undefined;
  #failures = 0;
  #firstFailure: { readonly op: string; readonly ending: Ending } | undefined;

  constructor(
    file: OpenFile,
    original: string | undefined,
    hashing: Hashing,
    budget: Budget,
    intent: number | undefined,
  ) {
    this.#file = file;
    this.#original = original;
    this.intent = intent;
    this.#reads = new Sequence(hashing === "all", budget);
    this.#writes = new Sequence(hashing !== "none", budget);
    if (file.flags.append) this.#writes.spoil("append");
  }

  read(position: number, data: Uint8Array): void {
    this.#reads.add(position, data);
  }

  written(position: number, data: Uint8Array): void {
    this.#writes.add(position, data);
  }

  /** A request on the open file was refused or failed. */
  failed(op: string, ending: Ending): void {
    this.#failures += 1;
    this.#firstFailure ??= { op, ending };
    if (op === "write") this.#writes.spoil("failed");
  }

  /** Something else changed what the file holds. */
  spoil(reason: NoHash): void {
    this.#writes.spoil(reason);
  }

  /** The file's size was set, to what has been written or to something else. */
  resized(size: number): void {
    if (size !== this.#writes.end) this.#writes.spoil("resized");
  }

  /** The transfer as a record's fields. */
  describe(): Record<string, unknown> {
    const { path, flags, bytesRead, bytesWritten, openedAt } = this.#file;
    const durationMs = Math.round((performance.now() - this.#startedAt) * 1000) / 1000;
    const passed = this.#passed();
    const first = this.#firstFailure;
    return {
      direction: this.#direction(),
      path,
      ...(this.#original === undefined ? {} : { original: { path: this.#original } }),
      flags: flagsOf(flags),
      openedAt: openedAt.toISOString(),
      durationMs,
      bytesRead,
      bytesWritten,
      bytesPerSecond: durationMs > 0 ? Math.round(((bytesRead + bytesWritten) / durationMs) * 1000) : 0,
      sequential: passed.sequential,
      from: passed.from,
      sha256: passed.sha256,
      ...(passed.reason === undefined ? {} : { sha256Reason: passed.reason }),
      ...(first === undefined
        ? {}
        : { failures: { count: this.#failures, op: first.op, ...withoutOutcome(first.ending) } }),
    };
  }

  #direction(): "download" | "upload" | "both" | "none" {
    const { flags, bytesRead, bytesWritten } = this.#file;
    if (bytesRead > 0 || bytesWritten > 0) {
      if (bytesWritten === 0) return "download";
      return bytesRead === 0 ? "upload" : "both";
    }
    if (flags.write) return "upload";
    return flags.read ? "download" : "none";
  }

  #passed(): Passed {
    switch (this.#direction()) {
      case "upload":
        return this.#writes.finish();
      case "both": {
        const [reads, writes] = [this.#reads.finish(), this.#writes.finish()];
        const from = Math.min(reads.from, writes.from);
        return { sequential: reads.sequential && writes.sequential, from, sha256: null, reason: "both" };
      }
      default:
        return this.#reads.finish();
    }
  }
}

/** Where a file's transfer is kept while it is open. */
export const TransferState: Token<Transfer> = token("audit.transfer");

/** An ending as fields beside the record's own outcome. */
export function withoutOutcome(ending: Ending): Omit<Ending, "outcome"> {
  const { status, message, rule } = ending;
  return { status, ...(message === undefined ? {} : { message }), ...(rule === undefined ? {} : { rule }) };
}
