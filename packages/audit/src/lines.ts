import { open, type FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
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

/** Reads a file line by line, compressed or not, from a byte of what was written into it. */
export async function* readLines(
  file: { readonly path: string; readonly compressed: boolean },
  from = 0,
): AsyncGenerator<Line> {
  const { handle, compressed } = await opened(file);
  const raw = handle.createReadStream(compressed ? {} : { start: from });
  const stream: Readable = compressed ? raw.pipe(createGunzip()) : raw;
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

/** A file that was just rotated may be compressed between the moment it was found and this one. */
async function opened(file: {
  readonly path: string;
  readonly compressed: boolean;
}): Promise<{ readonly handle: FileHandle; readonly compressed: boolean }> {
  try {
    return { handle: await open(file.path), compressed: file.compressed };
  } catch (error) {
    if (file.compressed || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const handle = await open(`${file.path}.gz`).catch(() => undefined);
    if (handle === undefined) throw error;
    return { handle, compressed: true };
  }
}

function join(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
}
