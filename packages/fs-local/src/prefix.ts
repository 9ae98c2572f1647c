/** Ranges remembered that begin behind the prefix. Requests in flight are fewer; who leaves more holes gets less of the file back. */
const mostAhead = 1024;

/**
 * How far a file has been written without a hole from its beginning on: what of an upload that was cut off can be gone on from.
 *
 * A size alone does not tell: a client may have set it in advance, or a middleware may have refused a part in the middle.
 */
export class Prefix {
  #end = 0;
  /** Ranges behind the end, start → end. */
  readonly #ahead = new Map<number, number>();

  get end(): number {
    return this.#end;
  }

  add(start: number, length: number): void {
    if (start > this.#end) {
      if (this.#ahead.size < mostAhead) this.#ahead.set(start, Math.max(start + length, this.#ahead.get(start) ?? 0));
      return;
    }
    this.#end = Math.max(this.#end, start + length);
    for (let reached = true; reached && this.#ahead.size > 0;) {
      reached = false;
      for (const [from, to] of this.#ahead) {
        if (from > this.#end) continue;
        this.#end = Math.max(this.#end, to);
        this.#ahead.delete(from);
        reached = true;
      }
    }
  }

  /** The file has been given a size. What is behind it is gone, or a hole. */
  cut(size: number): void {
    this.#end = Math.min(this.#end, size);
    for (const [from, to] of this.#ahead) {
      if (from >= size) this.#ahead.delete(from);
      else if (to > size) this.#ahead.set(from, size);
    }
  }
}
