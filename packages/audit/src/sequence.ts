import { createHash, type Hash } from "node:crypto";

/** Why a transfer has no hash. */
export type NoHash =
  | "off"
  | "empty"
  | "resumed"
  | "gaps"
  | "overlap"
  | "random"
  | "append"
  | "both"
  | "failed"
  | "copied"
  | "resized";

/** Requests of one file are served beside each other and end in any order; a client that goes in sequence is never further ahead than this. */
const maxHeld = 512;
const maxHeldBytes = 8 * 1024 * 1024;
const maxHeldOfAll = 64 * 1024 * 1024;

/** What all transfers of a server together may hold back: many open files are no way around the bound of each. */
export class Budget {
  #left = maxHeldOfAll;

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** What is known of the bytes that passed in one direction. */
export interface Passed {
  readonly sequential: boolean;
  readonly from: number;
  readonly sha256: string | null;
  readonly reason?: NoHash;
}

/** Follows the pieces of a file as they are read or written, and hashes them where each comes once and without a gap. */
export class Sequence {
  /** Made when there is something to hash: most files are only read, or only written. */
  #hash: Hash | undefined;
  readonly #held = new Map<number, { readonly length: number; readonly data: Uint8Array | undefined }>();
  readonly #budget: Budget;
  #heldBytes = 0;
  #next: number | undefined;
  #from = Infinity;
  #broken: NoHash | undefined;
  #unhashed: NoHash | undefined;
  #finished: Passed | undefined;

  /** @param hashing whether to hash, which costs 0.5 ms for each MiB */
  constructor(hashing: boolean, budget: Budget) {
    this.#budget = budget;
    if (!hashing) this.#unhashed = "off";
  }

  /** Where the pieces have come to without a gap. */
  get end(): number {
    return this.#next ?? 0;
  }

  /** A piece that has passed. `data` is read before this returns, or copied. */
  add(position: number, data: Uint8Array): void {
    const { length } = data;
    if (length === 0) return;
    if (position < this.#from) this.#from = position;
    if (this.#broken !== undefined) return;
    if (this.#next === undefined && position === 0) this.#next = 0;
    if (position === this.#next) {
      this.#take(length, data);
      if (this.#held.size > 0) this.#drain();
      return;
    }
    if ((this.#next !== undefined && position < this.#next) || this.#held.has(position)) {
      this.#break("overlap");
      return;
    }
    this.#hold(position, data);
  }

  /** There will be no hash, whatever the order was. */
  spoil(reason: NoHash): void {
    this.#unhashed ??= reason;
  }

  /** Says how it was; what comes later does not count. */
  finish(): Passed {
    return (this.#finished ??= this.#sum());
  }

  #sum(): Passed {
    if (this.#next === undefined && this.#held.size > 0) this.#settle();
    if (this.#held.size > 0) this.#break(this.#heldBefore() ? "overlap" : "gaps");
    if (this.#from === Infinity) return { sequential: true, from: 0, sha256: null, reason: this.#unhashed ?? "empty" };
    const reason = this.#broken ?? this.#unhashed;
    const sequential = this.#broken === undefined;
    if (reason !== undefined) return { sequential, from: this.#from, sha256: null, reason };
    return { sequential, from: this.#from, sha256: this.#hash?.digest("hex") ?? null };
  }

  #take(length: number, data: Uint8Array | undefined): void {
    this.#next = (this.#next ?? 0) + length;
    if (data !== undefined && this.#unhashed === undefined) (this.#hash ??= createHash("sha256")).update(data);
  }

  #hold(position: number, data: Uint8Array): void {
    const hashing = this.#unhashed === undefined;
    if (hashing && !this.#budget.take(data.length)) {
      this.#break("random");
      return;
    }
    const keep = hashing ? Uint8Array.prototype.slice.call(data) : undefined;
    this.#held.set(position, { length: data.length, data: keep });
    this.#heldBytes += data.length;
    if (this.#held.size <= maxHeld && this.#heldBytes <= maxHeldBytes) return;
    if (this.#next === undefined) this.#settle();
    if (this.#held.size > maxHeld || this.#heldBytes > maxHeldBytes) this.#break("random");
  }

  /** Nothing came for the file's beginning: it goes on where it was left before. */
  #settle(): void {
    this.#next = Math.min(...this.#held.keys());
    this.#unhashed ??= "resumed";
    this.#drain();
  }

  #drain(): void {
    for (;;) {
      const piece = this.#next === undefined ? undefined : this.#held.get(this.#next);
      if (piece === undefined) return;
      this.#held.delete(this.#next ?? 0);
      this.#heldBytes -= piece.length;
      if (piece.data !== undefined) this.#budget.give(piece.length);
      this.#take(piece.length, piece.data);
    }
  }

  #heldBefore(): boolean {
    return [...this.#held.keys()].some((position) => position < (this.#next ?? 0));
  }

  #break(reason: NoHash): void {
    this.#broken ??= reason;
    for (const { length, data } of this.#held.values()) if (data !== undefined) this.#budget.give(length);
    this.#held.clear();
    this.#heldBytes = 0;
  }
}
