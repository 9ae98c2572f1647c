import { token, type Logger, type Token } from "@sluice/core";
import type { OpenEntry } from "./files.ts";
import type { Ledger } from "./ledger.ts";
import { plus, type Amount } from "./record.ts";
import { reserveAll } from "./reservation.ts";
import type { Subject } from "./subjects.ts";

/** An open file that is written to, and what is reserved for it. */
export class Upload {
  readonly entry: OpenEntry;
  readonly subjects: readonly Subject[];
  readonly #ledger: Ledger;
  readonly #chunk: number;
  readonly #log: Logger;
  /** The file may grow to here without asking. */
  #granted: number;
  /** The end of the file, as far as is known: where an append goes. */
  #end: number;
  #held: Amount;
  #growing: Promise<void> = Promise.resolve();

  constructor(
    { ledger, chunk, log }: { readonly ledger: Ledger; readonly chunk: number; readonly log: Logger },
    file: {
      readonly entry: OpenEntry;
      readonly subjects: readonly Subject[];
      readonly size: number;
      readonly held: Amount;
    },
  ) {
    this.#ledger = ledger;
    this.#chunk = chunk;
    this.#log = log;
    this.entry = file.entry;
    this.subjects = file.subjects;
    this.#held = file.held;
    this.#end = file.size;
    this.#granted = file.size + file.held.bytes;
  }

  /** What is held for this file. */
  get held(): Amount {
    return this.#held;
  }

  /** Where data that is appended will end. */
  append(bytes: number): number {
    this.#end += bytes;
    return this.#end;
  }

  /** Nothing where the file may grow to `end`; else what to wait for. */
  room(end: number): Promise<void> | undefined {
    if (end > this.#end) this.#end = end;
    if (end <= this.#granted) return undefined;
    const growing = this.#growing.then(() => this.#grow(end));
    this.#growing = growing.catch(() => undefined);
    return growing;
  }

  async #grow(end: number): Promise<void> {
    if (end <= this.#granted) return;
    const least = { bytes: end - this.#granted, files: 0 };
    const bytes = await reserveAll(this.#ledger, this.subjects, least, this.#chunk, this.#log);
    this.#held = plus(this.#held, { bytes, files: 0 });
    this.#granted += bytes;
  }
}

/** The upload of an open file. */
export const UploadOf: Token<Upload> = token("quota.upload");
