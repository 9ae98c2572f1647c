import type { FileHandle, FileSystem } from "@sluice/core";
import type { Latch } from "./latch.ts";
import { Watch } from "./faulty/watch.ts";
import { wrapFileSystem } from "./faulty/wrap.ts";

/** A method of the file system, a step of a listing, or a method of a file handle. */
export type CallSite = keyof FileSystem | "list.next" | `handle.${keyof FileHandle}`;

/** What goes wrong, and where. What is absent goes right: a fault with a latch alone only delays. */
export interface Fault {
  /** The methods that it concerns. Absent: all. */
  readonly at?: CallSite | readonly CallSite[];
  /** Which of the calls at these methods, from 1, counted since the fault was planned. Absent: every one. */
  readonly nth?: number;
  /** The method throws this instead of giving back a promise. */
  readonly throws?: unknown;
  /** The call waits here before anything is done; for ever if nobody releases the latch. */
  readonly until?: Latch;
  /** The call rejects with this, and nothing is done; but a `handle.close` that fails so closes the original as `aborted`. */
  readonly rejects?: unknown;
  /** The call is done, but its answer waits here. */
  readonly answersAfter?: Latch;
  /** `handle.read` resolves to what this makes of the true count: a short one, or one longer than the buffer. */
  readonly miscounts?: (bytes: number) => number;
}

/** A file system that fails as planned, and watches how it is used. */
export interface FaultyFileSystem {
  /** To be served or mounted. Methods that the original lacks are absent here too. */
  readonly fs: FileSystem;
  /** Plans one more fault. */
  plan(fault: Fault): void;
  /** How often a method was called; without one, how often any was. */
  calls(at?: CallSite): number;
  /** Handles that were opened and not yet closed: 0 when nothing leaks. */
  readonly openHandles: number;
  /** Listings that were begun and neither finished nor given up: 0 when nothing leaks. */
  readonly openListings: number;
  /** How callers broke the contract: a handle that was closed twice, used after its close, or closed while calls were pending. */
  readonly violations: readonly string[];
}

/**
 * Wraps a file system so that calls fail, hang, lag or lie as planned, to test what stands above it. Where several faults concern one
 * call, all apply, in the order of their planning.
 *
 * @example
 * const faulty = faultyFileSystem(createMemoryFileSystem(), [
 *   { at: "handle.write", nth: 3, rejects: new SftpError("noSpace") },
 * ]);
 * server.mount("/", faulty.fs);
 */
export function faultyFileSystem(fs: FileSystem, faults: readonly Fault[] = []): FaultyFileSystem {
  const watch = new Watch();
  for (const fault of faults) watch.plan(fault);
  return {
    fs: wrapFileSystem(fs, watch),
    plan: (fault) => watch.plan(fault),
    calls: (at) => watch.calls(at),
    get openHandles() {
      return watch.openHandles;
    },
    get openListings() {
      return watch.openListings;
    },
    violations: watch.violations,
  };
}
