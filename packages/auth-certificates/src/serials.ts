const largest = 0xffff_ffff_ffff_ffffn;

/** Serial numbers as revocation lists hold them: one by one, in ranges, in bitmaps. None is 0, which stands for no number. */
export class Serials {
  /** Each sorted. */
  readonly #lists: BigUint64Array[] = [];
  readonly #ranges: { readonly first: bigint; readonly last: bigint }[] = [];
  readonly #bitmaps: { readonly first: bigint; readonly bits: Buffer }[] = [];

  /** @throws Error for 0 */
  addList(serials: BigUint64Array): void {
    const sorted = serials.toSorted();
    if (sorted[0] === 0n) throw new Error("revokes the serial 0, which certificates have that are not numbered");
    this.#lists.push(sorted);
  }

  /** Both ends are in it. @throws Error for a range from 0, or one that is turned around */
  addRange(first: bigint, last: bigint): void {
    if (first === 0n || first > last || last > largest) throw new Error("revokes a range of serials that is none");
    this.#ranges.push({ first, last });
  }

  /** Bit N of a number, most significant byte first, stands for the serial `first` + N. @throws Error where one is 0 or has over 64 bits */
  addBitmap(first: bigint, number: Buffer): void {
    const start = number.findIndex((byte) => byte !== 0);
    if (start < 0) return;
    const bits = number.subarray(start);
    const last = first + BigInt(bits.length * 8 - Math.clz32(bits[0] ?? 0) + 23);
    const lowest = (bits.at(-1) ?? 0) & 1;
    if (last > largest || (first === 0n && lowest === 1))
      throw new Error("revokes serials by a bitmap that none can have");
    this.#bitmaps.push({ first, bits });
  }

  has(serial: bigint): boolean {
    return (
      this.#ranges.some(({ first, last }) => first <= serial && serial <= last) ||
      this.#bitmaps.some(({ first, bits }) => isSet(bits, serial - first)) ||
      this.#lists.some((list) => isIn(list, serial))
    );
  }
}

function isSet(bits: Buffer, index: bigint): boolean {
  if (index < 0n || index >= BigInt(bits.length * 8)) return false;
  const at = Number(index);
  return (((bits[bits.length - 1 - (at >> 3)] ?? 0) >> (at & 7)) & 1) === 1;
}

function isIn(sorted: BigUint64Array, serial: bigint): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0n) < serial) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === serial;
}
