import type { FileSystem } from "@sluice/core";
import { applicable, type Exceptions } from "./applicable.ts";
import { absence, isOf, type Absent } from "./file-system-suite/absence.ts";
import { attributes } from "./file-system-suite/attributes.ts";
import { Skipped, type Case } from "./file-system-suite/case.ts";
import { contents } from "./file-system-suite/contents.ts";
import { directories } from "./file-system-suite/directories.ts";
import { extras } from "./file-system-suite/extras.ts";
import { linking } from "./file-system-suite/linking.ts";
import { listing } from "./file-system-suite/listing.ts";
import { naming } from "./file-system-suite/names.ts";
import { opening } from "./file-system-suite/opening.ts";
import { renaming } from "./file-system-suite/renaming.ts";
import { Stage } from "./file-system-suite/stage.ts";
import { uploads } from "./file-system-suite/uploads.ts";

const all: readonly Case[] = [
  ...opening,
  ...contents,
  ...uploads,
  ...listing,
  ...naming,
  ...attributes,
  ...directories,
  ...renaming,
  ...linking,
  ...extras,
];

/** A file system under test, and how to clear up behind it. */
export interface FileSystemUnderTest {
  /** Its root must be empty and writable. Its own `close` is called after the case. */
  readonly fs: FileSystem;
  /**
   * How many files, directories, connections or the like the storage holds open for `fs` now. Where it can be told, every case ends by
   * checking that, with all handles closed, there are no more than when it began.
   */
  held?(): number | Promise<number>;
  /** Removes what `create` made, after the file system was closed. */
  close?(): Promise<void>;
}

/** Options of `fileSystemSuite`. */
export interface FileSystemSuiteOptions {
  /** Called once for each case. */
  create(): Promise<FileSystemUnderTest>;
  /**
   * Cases that this storage cannot pass, by name, each with the reason: the suite is without them. For what the storage cannot do, such
   * as names that are not UTF-8.
   * @default {}
   */
  readonly except?: Exceptions;
  /**
   * Methods, of the file system or of its handles, that are absent on purpose: instead of its cases, each has one that sees to it that
   * it is.
   * @default []
   */
  readonly absent?: readonly Absent[];
}

/** What a test runner gives to a test: `vitest` and `node:test` both do. */
export interface SuiteContext {
  skip(reason?: string): unknown;
}

/** One test. */
export interface SuiteCase {
  /** A sentence about behaviour that begins with the method's name. */
  readonly name: string;
  /** Rejects if the file system does not do what it owes. Where the case does not apply, it calls `context.skip`. */
  run(context?: SuiteContext): Promise<void>;
}

/** The functions of a test runner. */
export interface SuiteRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: (context: SuiteContext) => Promise<void>) => unknown;
}

/**
 * The tests that hold a file system to the contract of `FileSystem`: every method, every combination of open flags, positions over
 * 2^32, overlapping calls, names byte for byte, listings under change, aborted uploads, leaks, the statuses of refusals. Each case
 * makes a file system of its own.
 *
 * A method that is absent means "unsupported": what needs it is skipped and says so, unless `absent` names it. Errors of `node:fs`
 * count as what core makes of them.
 *
 * @throws TypeError if `except` names a case that does not exist.
 *
 * @example
 * import { describe, it } from "vitest"; // or "node:test"
 *
 * runSuite("my files", fileSystemSuite({ create: async () => ({ fs: new MyFileSystem() }) }), { describe, it });
 */
export function fileSystemSuite(options: FileSystemSuiteOptions): readonly SuiteCase[] {
  const absent = options.absent ?? [];
  const owed = all.filter((each) => !absent.some((method) => isOf(each, method)));
  return applicable("fileSystemSuite", [...owed, ...absent.map(absence)], options.except).map((each) => ({
    name: each.name,
    async run(context) {
      const reason = await perform(each, options);
      if (reason !== undefined) context?.skip(reason);
    },
  }));
}

/** Registers the cases with a test runner. */
export function runSuite(name: string, cases: readonly SuiteCase[], { describe, it }: SuiteRunner): void {
  describe(name, () => {
    // A rest parameter: runners that count parameters would take a single one for a callback.
    for (const each of cases) it(each.name, (...given: readonly SuiteContext[]) => each.run(given[0]));
  });
}

/** Resolves to why the case does not apply, if it does not. */
async function perform(each: Case, options: FileSystemSuiteOptions): Promise<string | undefined> {
  const subject = await options.create();
  const stage = new Stage(subject.fs);
  const before = await subject.held?.();
  const outcome = await settle(() => each.run(stage));
  const struck = await settle(async () => {
    await stage.strike();
    const after = await subject.held?.();
    if (before !== undefined && after !== undefined && after > before)
      throw new Error(`it left ${after - before} open`);
  });
  const ended = await settle(async () => subject.fs.close?.());
  const closed = await settle(async () => subject.close?.());
  if (outcome instanceof Skipped) return outcome.message;
  // The case's own failure says more than what follows from it.
  const failure = outcome ?? struck ?? ended ?? closed;
  if (failure !== undefined) throw failure;
  return undefined;
}

/** Resolves to what it failed with. */
async function settle(run: () => Promise<void>): Promise<Error | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(`it threw ${String(error)}`, { cause: error });
  }
}
