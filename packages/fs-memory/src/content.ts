import { SftpError } from "@sluice/core";
import type { Space } from "./space.ts";

/** Bytes in one page. Small enough that a hole costs little, large enough that a big file has few pages. */
const pageBytes = 65_536;

/** Least that a page past the first is charged for: else scattered single bytes would cost far more than they count. */
const leastCharge = 512;

/**
 * The bytes of a file, in pages that exist only where something was written. Everything else below `size` is a hole and
 * reads as zeros, so a byte written at 2^40 costs one page.
 */
export class Content {
  readonly #space: Space;
  readonly #pages = new Map<number, Page>();
  #size = 0;

  constructor(space: Space) {
    this.#space = space;
  }

  get size(): number {
    return this.#size;
  }

  /** Fills `buffer` from `position` as far as there is content; returns how far. */
  read(buffer: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(buffer.length, this.#size - position));
    for (const { index, start, end, offset } of piecesOf(position, length)) {
      const held = this.#pages.get(index)?.from(start, end);
      if (held !== undefined) buffer.set(held, offset);
      buffer.fill(0, offset + (held?.length ?? 0), offset + end - start);
    }
    return length;
  }

  /**
   * Copies all of `data` to `position`, or nothing.
   *
   * @throws SftpError `noSpace`; `invalidParameter` where the file would become larger than 2^53 − 1 bytes.
   */
  write(data: Uint8Array, position: number): void {
    if (data.length === 0) return;
    checkSize(position + data.length);
    const pieces = [...piecesOf(position, data.length)];
    this.#space.takeBytes(pieces.reduce((sum, { index, end }) => sum + this.#growth(index, end), 0));
    for (const { index, start, end, offset } of pieces) {
      let page = this.#pages.get(index);
      if (page === undefined) this.#pages.set(index, (page = new Page()));
      page.write(data.subarray(offset, offset + end - start), start);
    }
    this.#size = Math.max(this.#size, position + data.length);
  }

  /**
   * Cuts the end off, or adds a hole.
   *
   * @throws SftpError `invalidParameter` for a size over 2^53 − 1.
   */
  resize(size: number): void {
    checkSize(size);
    if (size < this.#size) {
      for (const [index, page] of this.#pages) {
        const left = size - index * pageBytes;
        const before = charge(index, page.used);
        if (left <= 0) this.#pages.delete(index);
        else page.cut(left);
        this.#space.giveBytes(before - (left <= 0 ? 0 : charge(index, page.used)));
      }
    }
    this.#size = size;
  }

  /** How much more a page will be charged for when it is written up to `end`. */
  #growth(index: number, end: number): number {
    const page = this.#pages.get(index);
    if (page === undefined) return charge(index, end);
    return charge(index, Math.max(page.used, end)) - charge(index, page.used);
  }
}

/** One page: its bytes up to the last one written. */
class Page {
  used = 0;
  // Beyond `used` all bytes are zero, so that a gap between two writes needs no filling.
  #bytes = new Uint8Array(0);

  from(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(Math.min(start, this.used), Math.min(end, this.used));
  }

  write(data: Uint8Array, start: number): void {
    const end = start + data.length;
    if (end > this.#bytes.length) {
      // Never more than twice what is counted; and a page that is half full is not copied again.
      const larger = new Uint8Array(2 * end >= pageBytes ? pageBytes : Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(data, start);
    this.used = Math.max(this.used, end);
  }

  cut(length: number): void {
    if (length >= this.used) return;
    this.#bytes = this.#bytes.slice(0, length);
    this.used = length;
  }
}

function charge(index: number, used: number): number {
  return index === 0 ? used : Math.max(used, leastCharge);
}

function checkSize(size: number): void {
  if (size > Number.MAX_SAFE_INTEGER) throw new SftpError("invalidParameter", "File too large");
}

/** A stretch of bytes within one page, and where it lies in the caller's buffer. */
interface Piece {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly offset: number;
}

/** Cuts a range of the file at the page boundaries. Positions can exceed 2^32, so there are no bit operations here. */
function* piecesOf(position: number, length: number): Generator<Piece> {
  for (let offset = 0; offset < length;) {
    const index = Math.floor((position + offset) / pageBytes);
    const start = position + offset - index * pageBytes;
    const end = Math.min(pageBytes, start + length - offset);
    yield { index, start, end, offset };
    offset += end - start;
  }
}
