import { BadPacket } from "./reader.ts";

/** Pieces below this size are put together, in buffers of `collectBytes`. */
const smallBytes = 512;
const collectBytes = 8192;

/**
 * Cuts a stream of channel data into packets, each behind its length (draft-ietf-secsh-filexfer-02, section 3).
 *
 * A packet that lies in one piece is handed out as a view; one that spans several is put together with a single copy. No more than
 * one packet and the pieces given are ever held.
 */
export class FrameReader {
  readonly #limit: number;
  readonly #allocate: (length: number) => Buffer;
  readonly #pieces: Buffer[] = [];
  /** The first piece that still has bytes, and how many of its bytes are taken. */
  #first = 0;
  #offset = 0;
  #length = 0;
  /** Where small pieces are put together, and how much of it is used. */
  #small: Buffer | undefined;
  #smallUsed = 0;

  /**
   * @param limit the largest packet accepted, in bytes, without its length field
   * @param allocate makes room, of so many bytes at least, for a packet that has to be put together
   */
  constructor(limit: number, allocate: (length: number) => Buffer = (length) => Buffer.allocUnsafeSlow(length)) {
    this.#limit = limit;
    this.#allocate = allocate;
  }

  /** Bytes given that no packet has taken yet. */
  get buffered(): number {
    return this.#length;
  }

  /** Takes the next piece of the stream. It must not be changed afterwards. */
  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    const last = this.#pieces.at(-1);
    const joins = piece.length < smallBytes && last !== undefined && last.length < smallBytes;
    this.#pieces.push(joins ? this.#join(last, piece) : piece);
  }

  /** Puts small pieces together: a packet in pieces of one byte must not cost a buffer for each byte. */
  #join(last: Buffer, piece: Buffer): Buffer {
    this.#pieces.pop();
    const follows = last.buffer === this.#small?.buffer;
    const start = follows ? this.#smallUsed - last.length : this.#smallUsed;
    if (this.#small !== undefined && start + last.length + piece.length <= collectBytes) {
      if (!follows) this.#small.set(last, start);
      this.#small.set(piece, start + last.length);
      this.#smallUsed = start + last.length + piece.length;
      return this.#small.subarray(start, this.#smallUsed);
    }
    this.#small = Buffer.allocUnsafe(collectBytes);
    this.#small.set(last, 0);
    this.#small.set(piece, last.length);
    this.#smallUsed = last.length + piece.length;
    return this.#small.subarray(0, this.#smallUsed);
  }

  /**
   * The next whole packet, or `undefined` until more is pushed.
   *
   * @throws BadPacket for a length of 0 or over the limit, as soon as the length is there.
   */
  next(): Buffer | undefined {
    if (this.#length < 4) return undefined;
    const length = this.#peekLength();
    if (length === 0) throw new BadPacket("Packet without a type");
    if (length > this.#limit) throw new BadPacket("Packet too long");
    if (this.#length < 4 + length) return undefined;
    this.#take(4);
    return this.#take(length);
  }

  #peekLength(): number {
    const first = this.#pieces[this.#first];
    if (first !== undefined && first.length - this.#offset >= 4) return first.readUInt32BE(this.#offset);
    let value = 0;
    let needed = 4;
    let offset = this.#offset;
    for (let i = this.#first; needed > 0 && i < this.#pieces.length; i++) {
      const piece = this.#pieces[i] ?? Buffer.alloc(0);
      for (; offset < piece.length && needed > 0; offset++, needed--) value = value * 256 + (piece[offset] ?? 0);
      offset = 0;
    }
    return value;
  }

  #take(length: number): Buffer {
    const first = this.#pieces[this.#first];
    this.#length -= length;
    if (first !== undefined && first.length - this.#offset >= length) {
      const view = first.subarray(this.#offset, this.#offset + length);
      this.#advance(first, length);
      return view;
    }
    const whole = this.#allocate(length).subarray(0, length);
    let filled = 0;
    while (filled < length) {
      const piece = this.#pieces[this.#first];
      if (piece === undefined) break;
      const part = Math.min(piece.length - this.#offset, length - filled);
      piece.copy(whole, filled, this.#offset, this.#offset + part);
      filled += part;
      this.#advance(piece, part);
    }
    return whole;
  }

  #advance(piece: Buffer, length: number): void {
    this.#offset += length;
    if (this.#offset < piece.length) return;
    this.#offset = 0;
    this.#first += 1;
    // Taking them from the front one by one would move the whole list each time.
    if (this.#first === this.#pieces.length || this.#first >= 64) this.#pieces.splice(0, this.#first);
    else return;
    this.#first = 0;
  }
}
