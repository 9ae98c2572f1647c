/** A gate that calls wait at until a test opens it, so that tests order what runs at once instead of sleeping. */
export interface Latch {
  /** Lets those through who wait, and all who come later. */
  release(): void;
  /** Calls that wait now. */
  readonly waiting: number;
  /** Resolves when the first call has come, at once if it has. */
  readonly reached: Promise<void>;
  /** Waits until the latch is released. */
  wait(): Promise<void>;
}

/**
 * A latch, shut.
 *
 * @example
 * const disk = latch();
 * const slow = faultyFileSystem(fs, [{ at: "handle.write", until: disk }]);
 * const writing = client.put("/file", data);
 * await disk.reached; // the write is in the backend now
 * disk.release();
 * await writing;
 */
export function latch(): Latch {
  let waiting = 0;
  let open = (): void => {};
  let arrive = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (arrive = resolve));
  return {
    release: () => open(),
    get waiting() {
      return waiting;
    },
    reached,
    async wait() {
      waiting += 1;
      arrive();
      await opened;
      waiting -= 1;
    },
  };
}
