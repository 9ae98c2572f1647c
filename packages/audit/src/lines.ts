import { open, type FileHandle } from "node:fs/promises";
import type { Readable as Stream } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { maxLineBytes } from "./line.ts";

/** One line of a file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its newline; longer ones than a record can be are cut. */
  readonly bytes: Buffer;
  /** Where the line ends in the file as it was before it was compressed, newline included. */
  readonly end: number;
  /** `false`: the file ends here, and the line is not finished. */
  readonly whole: boolean;
}

/** A file to be read, and whether a server may be writing it. */
interface Readable {
  readonly path: string;
  readonly compressed: boolean;
  readonly live?: boolean;
}

/** Reads a file line by line, compressed or not, from a byte of what was written into it. */
export async function* readLines(file: Readable, from = 0): AsyncGenerator<Line> {
  const { handle, compressed } = await opened(file);
  const raw = handle.createReadStream(compressed ? {} : { start: from });
  const stream: Stream = compressed ? raw.pipe(createGunzip()) : raw;
  if (stream !== raw) raw.once("error", (error) => stream.destroy(error));
  let skip = compressed ? from : 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  let end = from;
  let number = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      let at = Math.min(skip, piece.length);
      skip -= at;
      for (;;) {
        const newline = piece.indexOf(0x0a, at);
        const part = piece.subarray(at, newline < 0 ? piece.length : newline);
        end += part.length;
        if (restBytes <= maxLineBytes) {
          rest.push(part);
          restBytes += part.length;
        }
        if (newline < 0) break;
        end += 1;
        number += 1;
        yield { number, bytes: join(rest), end, whole: true };
        rest = [];
        restBytes = 0;
        at = newline + 1;
      }
    }
    if (restBytes > 0) yield { number: number + 1, bytes: join(rest), end, whole: false };
  } finally {
    raw.destroy();
    stream.destroy();
  }
}

/** While a log is rotated, there is no live file for a moment; if there is none for longer, somebody has taken it away. */
const absentMs = [5, 20, 75] as const;

/** A file that was just rotated may be compressed between the moment it was found and this one. */
async function opened({ path, compressed, live }: Readable): Promise<{
  readonly handle: FileHandle;
  readonly compressed: boolean;
}> {
  for (const wait of live === true ? absentMs : []) {
    const handle = await openIfThere(path);
    if (handle !== undefined) return { handle, compressed };
    await setTimeout(wait);
  }
  const plain = await openIfThere(path);
  if (plain !== undefined) return { handle: plain, compressed };
  const handle = compressed || live === true ? undefined : await openIfThere(`${path}.gz`);
  // Says what the system says.
  return handle === undefined ? { handle: await open(path), compressed } : { handle, compressed: true };
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}

function join(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
}
