import { BadPacket } from "./reader.ts";

/**
 * Cuts a stream of channel data into packets, each behind its length (draft-ietf-secsh-filexfer-02, section 3).
 *
 * A packet that lies in one piece is handed out as a view; one that spans several is put together with a single copy. No more than
 * one packet and the pieces given are ever held.
 */
export class FrameReader {
  readonly #limit: number;
  readonly #pieces: Buffer[] = [];
  #offset = 0;
  #length = 0;

  /** @param limit the largest packet accepted, in bytes, without its length field */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes given that no packet has taken yet. */
  get buffered(): number {
    return this.#length;
  }

  /** Takes the next piece of the stream. It must not be changed afterwards. */
  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
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
    const first = this.#pieces[0];
    if (first !== undefined && first.length - this.#offset >= 4) return first.readUInt32BE(this.#offset);
    let value = 0;
    let needed = 4;
    let offset = this.#offset;
    for (const piece of this.#pieces) {
      for (; offset < piece.length && needed > 0; offset++, needed--) value = value * 256 + (piece[offset] ?? 0);
      offset = 0;
    }
    return value;
  }

  #take(length: number): Buffer {
    const first = this.#pieces[0];
    this.#length -= length;
    if (first !== undefined && first.length - this.#offset >= length) {
      const view = first.subarray(this.#offset, this.#offset + length);
      this.#advance(first, length);
      return view;
    }
    const whole = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const piece = this.#pieces[0];
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
    if (this.#offset === piece.length) {
      this.#pieces.shift();
      this.#offset = 0;
    }
  }
}
