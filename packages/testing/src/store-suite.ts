import { applicable, type Exceptions } from "./applicable.ts";
import type { SuiteCase } from "./file-system-suite.ts";
import { basics } from "./store-suite/basics.ts";
import type { Case, StoreUnderTest } from "./store-suite/case.ts";
import { closing } from "./store-suite/closing.ts";
import { expiring } from "./store-suite/expiry.ts";
import { listing } from "./store-suite/listing.ts";
import { racing } from "./store-suite/racing.ts";

export type { StoreUnderTest } from "./store-suite/case.ts";

const all: readonly Case[] = [...basics, ...expiring, ...listing, ...racing, ...closing];

/** Options of `storeSuite`. */
export interface StoreSuiteOptions {
  /** Called once for each case. */
  create(): Promise<StoreUnderTest>;
  /** Cases that do not apply to this store, by name, each with the reason: the suite is without them. @default {} */
  readonly except?: Exceptions;
}

/**
 * The tests that hold a store to the contract of `Store`: every method, its bounds, expiry, listing in the order of bytes, thousands
 * that meet at one entry, what survives. Each case makes a store of its own.
 *
 * @throws TypeError if `except` names a case that does not exist.
 *
 * @example
 * runSuite("my store", storeSuite({ create: async () => ({ store: new MyStore() }) }), { describe, it });
 */
export function storeSuite(options: StoreSuiteOptions): readonly SuiteCase[] {
  return applicable("storeSuite", all, options.except).map(({ name, check }) => ({
    name,
    async run(context) {
      const reason = await perform(check, options);
      if (reason !== undefined) context?.skip(reason);
    },
  }));
}

async function perform(check: Case["check"], options: StoreSuiteOptions): Promise<string | undefined> {
  const subject = await options.create();
  try {
    return (await check(subject)) ?? undefined;
  } finally {
    try {
      await subject.store.close?.();
      await subject.other?.close?.();
    } finally {
      await subject.close?.();
    }
  }
}
