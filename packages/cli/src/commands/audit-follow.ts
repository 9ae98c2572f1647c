import { filesOf, readRecords, readRecordsFrom, type Found } from "@sluice/audit";
import { statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Failure, reasonOf } from "../failure.ts";

/** How often a file that is followed is looked at. */
const followMs = 250;

/** Where in the live file the reader stands, and which file that was. */
interface Place {
  /** An inode is given to another file once its own is compressed and removed: when it was made belongs to it. */
  readonly identity: string;
  readonly offset: number;
}

/** Prints what is written after a record until the process is ended, through rotations. */
export async function follow(name: string, after: number, print: (found: Found) => void): Promise<never> {
  let seq = after;
  let place: Place | undefined;
  for (;;) {
    const now = lookAt(name);
    if (now !== undefined && place?.identity === now.identity && place.offset <= now.size) {
      if (now.size > place.offset) {
        const end = await goOn(place.offset);
        place = end === undefined ? undefined : { ...place, offset: end };
        if (place === undefined) continue;
      }
    } else if (now !== undefined) {
      // All that was there a moment ago has been read, whether or not it was new.
      place = { identity: now.identity, offset: Math.max(await catchUp(), now.size) };
    }
    await setTimeout(followMs);
  }

  /** Reads what has come to the file. @returns where it ends, or nothing where it has become another file since it was looked at */
  async function goOn(offset: number): Promise<number | undefined> {
    let end = offset;
    for await (const found of saying(readRecordsFrom({ path: name, compressed: false, live: true }, offset))) {
      if (found.record.seq !== seq + 1) return undefined;
      ({ seq } = found.record);
      ({ end } = found);
      print(found);
    }
    return end;
  }

  /** Reads what is in any of the log's files. @returns where the live one ends; it may have been rotated meanwhile, which its identity tells */
  async function catchUp(): Promise<number> {
    let end = 0;
    for await (const found of saying(readRecords(filesOf(name), { after: seq }))) {
      ({ seq } = found.record);
      ({ end } = found);
      print(found);
    }
    return end;
  }

  async function* saying(records: AsyncGenerator<Found>): AsyncGenerator<Found> {
    try {
      yield* records;
    } catch (error) {
      throw new Failure(`${name}: ${reasonOf(error)}`, error);
    }
  }
}

function lookAt(name: string): { readonly identity: string; readonly size: number } | undefined {
  const stats = statSync(name, { throwIfNoEntry: false });
  return stats && { identity: `${stats.ino} ${stats.birthtimeMs}`, size: stats.size };
}
