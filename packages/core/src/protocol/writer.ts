import { bytesFromText } from "./text.ts";

/** Writes the data types of RFC 4251, section 5, into one growing buffer. */
export class Writer {
  #buffer: Buffer;
  #at = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  #room(length: number): number {
    const start = this.#at;
    const end = start + length;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, start);
      this.#buffer = larger;
    }
    this.#at = end;
    return start;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#buffer.writeUInt8(value, at);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    this.#buffer.writeUInt16BE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    this.#buffer.writeUInt32BE(value >>> 0, at);
    return this;
  }

  /** A whole number from 0 to 2^53 - 1. */
  u64(value: number): this {
    const at = this.#room(8);
    this.#buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
    this.#buffer.writeUInt32BE(value % 0x1_0000_0000, at + 4);
    return this;
  }

  i64(value: number): this {
    const at = this.#room(8);
    this.#buffer.writeBigInt64BE(BigInt(value), at);
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  /** Bytes behind their length. */
  bytes(value: Uint8Array): this {
    this.u32(value.length);
    const at = this.#room(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Text behind its length, byte-preserving. */
  text(value: string): this {
    const start = this.#at;
    this.u32(value.length).characters(value);
    const length = this.#at - start - 4;
    if (length !== value.length) this.patchU32(start, length);
    return this;
  }

  /** Text without its length, byte-preserving. */
  characters(value: string): this {
    const { length } = value;
    const at = this.#room(length);
    const buffer = this.#buffer;
    // Names are short: one by one they are written before a call into the engine's own code would have begun.
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = at;
        return this.raw(bytesFromText(value));
      }
      buffer[at + i] = code;
    }
    return this;
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Overwrites a u32 written before. */
  patchU32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value >>> 0, at);
  }

  /** What was written. The writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }
}
