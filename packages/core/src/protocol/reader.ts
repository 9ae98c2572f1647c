import { textFromBytes } from "./text.ts";

/** A packet that is shorter than its fields say, or whose fields are out of range. */
export class BadPacket extends Error {
  constructor(message: string) {
    super(message);
    this.name = "BadPacket";
  }
}

/** A number beyond 2^53 - 1, which no offset or size here may have: nothing is ever rounded. */
export class OutOfRange extends Error {
  constructor() {
    super("Number too large");
    this.name = "OutOfRange";
  }
}

/** Reads the data types of RFC 4251, section 5, from one packet. Every read checks its bounds. */
export class Reader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(bytes: Uint8Array, start = 0) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#buffer.length - start) throw new BadPacket("Packet too short");
    this.#at = start + length;
    return start;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  /** @throws OutOfRange above 2^53 - 1. */
  u64(): number {
    const start = this.#take(8);
    const high = this.#buffer.readUInt32BE(start);
    if (high > 0x1fffff) throw new OutOfRange();
    return high * 0x1_0000_0000 + this.#buffer.readUInt32BE(start + 4);
  }

  /** @throws OutOfRange beyond ±(2^53 - 1). */
  i64(): number {
    const value = this.#buffer.readBigInt64BE(this.#take(8));
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new OutOfRange();
    return number;
  }

  bool(): boolean {
    return this.u8() !== 0;
  }

  /** A view, not a copy: valid as long as the packet is. */
  bytes(): Buffer {
    const length = this.u32();
    const start = this.#take(length);
    return this.#buffer.subarray(start, start + length);
  }

  /** A string as text, byte-preserving. */
  text(): string {
    return textFromBytes(this.bytes());
  }

  /** A string of ASCII, such as a name that the protocol defines. Other bytes become U+FFFD. */
  name(): string {
    return this.bytes().toString("utf8");
  }

  /** All that is left. A view, not a copy. */
  rest(): Buffer {
    return this.#buffer.subarray(this.#take(this.remaining));
  }
}
