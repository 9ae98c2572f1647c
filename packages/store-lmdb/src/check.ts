import { execFile } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { SetupError, type Logger } from "@sluice/core";

const magic = 0xbeefc0de;
/** Where LMDB's meta page has its stamp: behind the page's header, whose size depends on the data version. */
const stampOffsets = [16, 24];
const damaged = "is damaged: stop every process that uses it, move it away, and start with an empty store or a copy";

/**
 * Reads every entry in turn and by its key, compares their number with the one that the file has, and writes one: in a process of its own. LMDB trusts
 * its file, and a damaged one ends the process that reads it, or seems to have less in it.
 */
const reader = `
const { open } = require(process.argv[1]);
const env = open({ path: process.argv[2], noSubdir: true, overlappingSync: false, encoding: "binary", keyEncoding: "binary" });
env.transactionSync(() => {
  let entries = 0;
  for (const key of env.getKeys({ start: Buffer.from([0]) })) {
    if (env.getBinary(key) === undefined) throw new Error("An entry is not where it should be");
    entries += 1;
  }
  if (entries !== env.getStats().entryCount) throw new Error("Entries are missing");
  if (process.argv[3] === "write") {
    env.put(Buffer.from([1, 0]), Buffer.from([1]));
    env.remove(Buffer.from([1, 0]));
  }
});
env.close().then(() => process.exit(0));
`;

/** @throws SetupError where the file is not LMDB's at all */
export function checkStamp(file: string): void {
  const head = Buffer.alloc(64);
  const descriptor = openSync(file, "r");
  let bytes: number;
  try {
    bytes = readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (
    bytes === head.length &&
    stampOffsets.some((offset) => head.readUInt32LE(offset) === magic || head.readUInt32BE(offset) === magic)
  )
    return;
  throw new SetupError("ERR_SLUICE_STORE", `${file} is no store: name another folder, or move the file away`);
}

/** What is checked. */
interface Checked {
  readonly file: string;
  /** How long that may take, in milliseconds. */
  readonly waitMs: number;
  /** Whether it is tried to write as well. */
  readonly write: boolean;
}

/**
 * Lets another process read the whole file first.
 *
 * @throws SetupError where it ends that process, or nobody lets go of the file for `waitMs`
 */
export async function checkReadable({ file, waitMs, write }: Checked, log: Logger): Promise<void> {
  const lmdb = createRequire(import.meta.url).resolve("lmdb");
  await new Promise<void>((resolve, reject) => {
    const env = { PATH: process.env["PATH"] ?? "" };
    execFile(
      process.execPath,
      ["-e", reader, lmdb, file, ...(write ? ["write"] : [])],
      { timeout: waitMs, killSignal: "SIGKILL", env },
      (error, _, stderr) => {
        if (error === null) {
          resolve();
        } else if (error.killed === true) {
          const advice = "end a process that hangs while it holds it, or allow more with waitMs";
          reject(
            new SetupError("ERR_SLUICE_STORE", `${file} could not be read and written within ${waitMs} ms: ${advice}`),
          );
        } else if (typeof error.code === "string") {
          log.warn({ err: error }, "The store's file was not checked: no other process could be started");
          resolve();
        } else {
          const told = /^\w*Error: .*$/m.exec(stderr)?.[0];
          const cause = new Error(error.signal ?? told ?? "The process that read it ended");
          reject(new SetupError("ERR_SLUICE_STORE", `${file} ${damaged}`, { cause }));
        }
      },
    );
  });
}
