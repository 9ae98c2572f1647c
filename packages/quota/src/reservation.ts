import { SftpError, type Logger } from "@sluice/core";
import type { Ledger } from "./ledger.ts";
import { minus, none, plus, type Amount } from "./record.ts";
import type { Subject } from "./subjects.ts";

/** The message of a refusal: what is full, and what is left of it where that is known. */
function refusal({ title, limit }: Subject, least: Amount): SftpError {
  const what = least.bytes > 0 ? "bytes" : "files";
  return new SftpError("quotaExceeded", `Quota exceeded: no more ${what} for ${title}`, {
    detail: `quota: ${title}: ${limit[what]} ${what} at most`,
  });
}

/**
 * Holds an amount for every subject, or for none of them. Resolves to the bytes that are held for each.
 *
 * @throws SftpError `quotaExceeded`, or `failure` where the books cannot be read: nobody writes without them
 */
export async function reserveAll(
  ledger: Ledger,
  subjects: readonly Subject[],
  least: Amount,
  most: number,
  log: Logger,
): Promise<number> {
  const taken: (readonly [Subject, Amount])[] = [];
  let bytes = Math.max(least.bytes, most);
  try {
    for (const subject of subjects) {
      const held = await ledger.reserve(subject.key, subject.limit, least, bytes);
      if (held === undefined) throw refusal(subject, least);
      taken.push([subject, held]);
      bytes = held.bytes;
    }
  } catch (error) {
    for (const [{ key }, held] of taken) await ledger.settle(key, none, held);
    if (SftpError.is(error)) throw error;
    log.error({ err: error }, "The quota's store failed; writing is refused");
    throw new SftpError("failure", "The quota cannot be checked at the moment; try again later", { cause: error });
  }
  // One that had less room decides for all.
  for (const [{ key }, held] of taken) {
    const excess = { bytes: held.bytes - bytes, files: 0 };
    if (excess.bytes > 0) await ledger.settle(key, none, excess);
  }
  return bytes;
}

/** Puts a change into the books of every subject, and gives back what was held for it. */
export async function settleAll(
  ledger: Ledger,
  subjects: readonly Subject[],
  change: Amount,
  release: Amount,
): Promise<void> {
  // At once, so that a store may write them together.
  await Promise.all(subjects.map(({ key }) => ledger.settle(key, change, release)));
}

/** What changes for whom, where what is moved leaves one folder for another. */
export class Changes {
  readonly #bySubject = new Map<string, { readonly subject: Subject; change: Amount }>();

  add(subjects: readonly Subject[], change: Amount): void {
    for (const subject of subjects) {
      const known = this.#bySubject.get(subject.key);
      if (known === undefined) this.#bySubject.set(subject.key, { subject, change });
      else known.change = plus(known.change, change);
    }
  }

  take(subjects: readonly Subject[], change: Amount): void {
    this.add(subjects, minus(none, change));
  }

  /** Nothing has changed after all. */
  cancel(): void {
    for (const each of this.#bySubject.values()) each.change = none;
  }

  /** For whom anything changes. */
  get subjects(): readonly Subject[] {
    return [...this.#bySubject.values()].map(({ subject }) => subject);
  }

  /** Holds what grows, has the work done, and settles. */
  async around(ledger: Ledger, log: Logger, work: () => Promise<void>): Promise<void> {
    const held: (readonly [Subject, Amount])[] = [];
    let done = false;
    try {
      for (const { subject, change } of this.#bySubject.values()) {
        const growth = { bytes: Math.max(change.bytes, 0), files: Math.max(change.files, 0) };
        if (growth.bytes === 0 && growth.files === 0) continue;
        await reserveAll(ledger, [subject], growth, 0, log);
        held.push([subject, growth]);
      }
      await work();
      done = true;
    } finally {
      const released = new Map(held.map(([{ key }, growth]) => [key, growth]));
      for (const { subject, change } of this.#bySubject.values()) {
        await ledger.settle(subject.key, done ? change : none, released.get(subject.key) ?? none);
      }
    }
  }
}
