import { BadPacket } from "./reader.ts";

/** Packets put together before anybody asks for them: as many as a window holds of the size that clients write in. */
const packetsAhead = 64;
const holdBytes = 32 * 1024;
/** Room for the beginning of a packet: four bytes of length must not take as much as they promise. */
const firstBytes = 2 * 1024;
const secondBytes = 16 * 1024;

/**
 * Cuts a stream of channel data into packets, each behind its length (draft-ietf-secsh-filexfer-02, section 3).
 *
 * What is pushed is copied to where it is put together: whoever pushed it may use the memory again.
 */
export class FrameReader {
  readonly #limit: number;
  readonly #allocate: (length: number) => Buffer;
  readonly #ready: Buffer[] = [];
  /** The bytes of the next packet's length that have come, and the length so far. */
  #lengthBytes = 0;
  #packetLength = 0;
  #packet: Buffer | undefined;
  #filled = 0;
  /** What comes when enough packets are ready, as it came. */
  readonly #held: Buffer[] = [];
  #heldFrom = 0;
  #heldTo = 0;

  /**
   * @param limit the largest packet accepted, in bytes, without its length field
   * @param allocate makes room for a packet: so many bytes, or more
   */
  constructor(limit: number, allocate: (length: number) => Buffer = (length) => Buffer.allocUnsafe(length)) {
    this.#limit = limit;
    this.#allocate = allocate;
  }

  /** Takes the next piece of the stream. */
  push(piece: Buffer): void {
    const taken = this.#held.length > 0 ? 0 : this.#assemble(piece, 0, piece.length);
    if (taken < piece.length) this.#hold(piece, taken);
  }

  /**
   * The next whole packet, or `undefined` until more is pushed.
   *
   * @throws BadPacket for a length of 0 or over the limit, as soon as the length is there.
   */
  next(): Buffer | undefined {
    const packet = this.#ready.shift();
    this.#takeHeld();
    if (packet !== undefined) return packet;
    if (this.#lengthBytes < 4) return undefined;
    if (this.#packetLength === 0) throw new BadPacket("Packet without a type");
    if (this.#packetLength > this.#limit) throw new BadPacket("Packet too long");
    return undefined;
  }

  /** Makes packets of the bytes from `at` to `end`; returns how far it came: not beyond a bad length, nor beyond enough packets. */
  #assemble(piece: Buffer, at: number, end: number): number {
    while (at < end && this.#ready.length < packetsAhead) {
      if (this.#packet === undefined) {
        if (this.#lengthBytes === 4) break;
        this.#packetLength = this.#packetLength * 256 + (piece[at++] ?? 0);
        this.#lengthBytes += 1;
        const good = this.#packetLength > 0 && this.#packetLength <= this.#limit;
        if (this.#lengthBytes === 4 && good) this.#makeRoom(end - at);
      } else {
        const part = Math.min(end - at, this.#packet.length - this.#filled);
        piece.copy(this.#packet, this.#filled, at, at + part);
        at += part;
        this.#filled += part;
        if (this.#filled === this.#packetLength) this.#finish(this.#packet);
        else if (this.#filled === this.#packet.length) this.#makeRoom(end - at);
      }
    }
    return at;
  }

  /** Room for the packet where much of it has come, as is so at once when data is moved; else for its beginning. */
  #makeRoom(coming: number): void {
    const here = this.#filled + coming;
    const length = this.#packetLength;
    const size = here >= secondBytes ? length : Math.min(here >= firstBytes ? secondBytes : firstBytes, length);
    const room = size === length ? this.#allocate(length) : Buffer.allocUnsafeSlow(size);
    this.#packet?.copy(room);
    this.#packet = room.length === size ? room : room.subarray(0, size);
  }

  #finish(packet: Buffer): void {
    this.#ready.push(packet);
    this.#packet = undefined;
    this.#filled = 0;
    this.#packetLength = 0;
    this.#lengthBytes = 0;
  }

  #hold(piece: Buffer, from: number): void {
    for (let at = from; at < piece.length;) {
      let last = this.#held.at(-1);
      if (last === undefined || this.#heldTo === last.length) {
        this.#held.push((last = Buffer.allocUnsafeSlow(holdBytes)));
        this.#heldTo = 0;
      }
      const part = Math.min(piece.length - at, last.length - this.#heldTo);
      piece.copy(last, this.#heldTo, at, at + part);
      this.#heldTo += part;
      at += part;
    }
  }

  #takeHeld(): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const end = this.#held.length === 1 ? this.#heldTo : first.length;
      this.#heldFrom = this.#assemble(first, this.#heldFrom, end);
      if (this.#heldFrom < end) return;
      this.#held.shift();
      this.#heldFrom = 0;
    }
  }
}
