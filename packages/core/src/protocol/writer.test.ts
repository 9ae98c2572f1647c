import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Reader } from "./reader.ts";
import { textFromBytes } from "./text.ts";
import { Writer } from "./writer.ts";

const written = (write: (writer: Writer) => unknown): number[] => {
  const writer = new Writer();
  write(writer);
  return [...writer.finish()];
};

describe("Writer", () => {
  it("writes numbers in network order", () => {
    expect(written((writer) => writer.u8(0xfe))).toEqual([0xfe]);
    expect(written((writer) => writer.u16(0x1234))).toEqual([0x12, 0x34]);
    expect(written((writer) => writer.u32(0x89abcdef))).toEqual([0x89, 0xab, 0xcd, 0xef]);
    expect(written((writer) => writer.u32(0x8000_0000 | 1))).toEqual([0x80, 0, 0, 1]);
    expect(written((writer) => writer.u64(0x1_0000_0002))).toEqual([0, 0, 0, 1, 0, 0, 0, 2]);
    expect(written((writer) => writer.u64(Number.MAX_SAFE_INTEGER))).toEqual([0, 0x1f, ...Array<number>(6).fill(0xff)]);
    expect(written((writer) => writer.i64(-1))).toEqual(Array(8).fill(0xff));
    expect(written((writer) => writer.bool(true).bool(false))).toEqual([1, 0]);
  });

  it("writes strings behind their length, and raw bytes as they are", () => {
    expect(written((writer) => writer.bytes(Uint8Array.of(1, 2)))).toEqual([0, 0, 0, 2, 1, 2]);
    expect(written((writer) => writer.text("é\udcff"))).toEqual([0, 0, 0, 3, 0xc3, 0xa9, 0xff]);
    expect(written((writer) => writer.text("a\udcffb"))).toEqual([0, 0, 0, 3, 0x61, 0xff, 0x62]);
    expect(written((writer) => writer.text(""))).toEqual([0, 0, 0, 0]);
    expect(written((writer) => writer.characters("aé").characters("b"))).toEqual([0x61, 0xc3, 0xa9, 0x62]);
    expect(written((writer) => writer.raw(Uint8Array.of(1, 2)))).toEqual([1, 2]);
  });

  it("overwrites a number written before and nothing else", () => {
    expect(written((writer) => writer.u32(0).u8(7).patchU32(0, 0xffff_fffe))).toEqual([0xff, 0xff, 0xff, 0xfe, 7]);
  });

  it.each([0, 1, 3, 256])("grows as far as it must from a capacity of %i", (capacity) => {
    const writer = new Writer(capacity);
    const large = Buffer.alloc(100_000, 7);
    writer.u8(1).bytes(large).u32(2);
    expect(writer.length).toBe(1 + 4 + 100_000 + 4);
    const reader = new Reader(writer.finish());
    expect(reader.u8()).toBe(1);
    expect(reader.bytes().equals(large)).toBe(true);
    expect(reader.u32()).toBe(2);
    expect(reader.remaining).toBe(0);
  });

  it("writes what a reader reads back, in any sequence", () => {
    type Field = readonly [write: (writer: Writer) => void, check: (reader: Reader) => void];
    const field = <T>(
      values: fc.Arbitrary<T>,
      write: (writer: Writer, value: T) => void,
      read: (reader: Reader) => T,
    ): fc.Arbitrary<Field> =>
      values.map((value) => [(writer) => write(writer, value), (reader) => expect(read(reader)).toEqual(value)]);
    const bytes = fc.uint8Array({ maxLength: 40 }).map((value): Buffer => Buffer.from(value));
    const fields = fc.array(
      fc.oneof(
        field(
          fc.nat(0xff),
          (writer, value) => writer.u8(value),
          (reader) => reader.u8(),
        ),
        field(
          fc.nat(0xffff),
          (writer, value) => writer.u16(value),
          (reader) => reader.u16(),
        ),
        field(
          fc.nat(0xffff_ffff),
          (writer, value) => writer.u32(value),
          (reader) => reader.u32(),
        ),
        field(
          fc.maxSafeNat(),
          (writer, value) => writer.u64(value),
          (reader) => reader.u64(),
        ),
        field(
          fc.maxSafeInteger(),
          (writer, value) => writer.i64(value),
          (reader) => reader.i64(),
        ),
        field(
          fc.boolean(),
          (writer, value) => writer.bool(value),
          (reader) => reader.bool(),
        ),
        field(
          bytes,
          (writer, value) => writer.bytes(value),
          (reader) => reader.bytes(),
        ),
        field(
          bytes.map(textFromBytes),
          (writer, value) => writer.text(value),
          (reader) => reader.text(),
        ),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(fields, fc.nat(16), (sequence, capacity) => {
        const writer = new Writer(capacity);
        for (const [write] of sequence) write(writer);
        const reader = new Reader(writer.finish());
        for (const [, check] of sequence) check(reader);
        expect(reader.remaining).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
