import type { CloseOutcome, DirectoryEntry, FileHandle, FileSystem } from "@sluice/core";
import type { CallSite } from "../faulty.ts";
import type { Performance, Watch } from "./watch.ts";

type Method = (...given: unknown[]) => Promise<unknown>;

// By name, so that a method that is added to the contract and forgotten here does not compile.
const fileSystemMethods: Readonly<Record<Exclude<keyof FileSystem, "open" | "list">, true>> = {
  stat: true,
  setAttributes: true,
  remove: true,
  rename: true,
  mkdir: true,
  rmdir: true,
  readlink: true,
  symlink: true,
  link: true,
  realpath: true,
  statfs: true,
  ownerNames: true,
  close: true,
};

const handleMethods: Readonly<Record<Exclude<keyof FileHandle, "close">, true>> = {
  read: true,
  write: true,
  stat: true,
  setAttributes: true,
  sync: true,
  copyTo: true,
  lock: true,
  unlock: true,
};

/** What a wrapped handle stands for: a backend's `copyTo` must meet its own handles. */
const originals = new WeakMap<object, FileHandle>();

/** The file system with every call reported to `watch`. */
export function wrapFileSystem(fs: FileSystem, watch: Watch): FileSystem {
  const wrapped: Record<string, unknown> = {
    open: (...given: Parameters<FileSystem["open"]>) =>
      watch.enter("open")(async () => wrapHandle(await fs.open(...given), watch)),
    list: (path: Parameters<FileSystem["list"]>[0]) => listing(() => fs.list(path), watch.enter("list"), watch),
  };
  for (const name of Object.keys(fileSystemMethods) as (keyof typeof fileSystemMethods)[]) {
    const method = fs[name] as Method | undefined;
    if (method !== undefined) wrapped[name] = (...given: unknown[]) => watch.enter(name)(() => method.apply(fs, given));
  }
  return wrapped as unknown as FileSystem;
}

async function* listing(
  list: () => AsyncIterable<readonly DirectoryEntry[]>,
  begin: Performance,
  watch: Watch,
): AsyncGenerator<readonly DirectoryEntry[]> {
  const batches = await begin(async () => list()[Symbol.asyncIterator]());
  watch.openListings += 1;
  let exhausted = false;
  try {
    for (;;) {
      const step = await watch.enter("list.next")(() => batches.next());
      exhausted = step.done === true;
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    watch.openListings -= 1;
    if (!exhausted) await batches.return?.();
  }
}

function wrapHandle(handle: FileHandle, watch: Watch): FileHandle {
  let pending = 0;
  let closed = false;

  const wrapped: Record<string, unknown> = {
    close(outcome: CloseOutcome): Promise<void> {
      if (closed) watch.violations.push("handle.close was called twice");
      if (pending > 0) watch.violations.push(`handle.close was called while ${pending} calls were pending`);
      if (!closed) watch.openHandles -= 1;
      closed = true;
      return closing(handle, outcome, watch);
    },
  };
  for (const name of Object.keys(handleMethods) as (keyof typeof handleMethods)[]) {
    const method = handle[name] as Method | undefined;
    if (method === undefined) continue;
    const at: CallSite = `handle.${name}`;
    wrapped[name] = (...given: unknown[]): Promise<unknown> => {
      if (closed) watch.violations.push(`${at} was called after the close`);
      const answer = watch.enter(at)(() => method.apply(handle, given.map(original)));
      pending += 1;
      return answer.finally(() => (pending -= 1));
    };
  }
  watch.openHandles += 1;
  originals.set(wrapped, handle);
  return wrapped as unknown as FileHandle;
}

/** A close that is planned to fail still gives back what the original holds. */
function closing(handle: FileHandle, outcome: CloseOutcome, watch: Watch): Promise<void> {
  let reached = false;
  const abandon = async (): Promise<void> => {
    if (!reached) await handle.close("aborted");
  };
  let perform: Performance;
  try {
    perform = watch.enter("handle.close");
  } catch (error) {
    void abandon();
    throw error;
  }
  return perform(() => {
    reached = true;
    return handle.close(outcome);
  }).catch(async (error: unknown) => {
    await abandon();
    throw error;
  });
}

function original(value: unknown): unknown {
  return typeof value === "object" && value !== null ? (originals.get(value) ?? value) : value;
}
