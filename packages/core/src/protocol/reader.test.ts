import { describe, expect, it } from "vitest";
import { BadPacket, OutOfRange, Reader } from "./reader.ts";

const reader = (...bytes: number[]): Reader => new Reader(Buffer.from(bytes));

describe("Reader", () => {
  it("reads numbers in network order", () => {
    const fields = reader(0xfe, 0x12, 0x34, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x00);
    expect(fields.u8()).toBe(0xfe);
    expect(fields.u16()).toBe(0x1234);
    expect(fields.u32()).toBe(0x89abcdef);
    expect(fields.bool()).toBe(true);
    expect(fields.bool()).toBe(false);
    expect(fields.remaining).toBe(0);
  });

  it("takes any byte but 0 for true (RFC 4251, section 5)", () => {
    expect(reader(0x80).bool()).toBe(true);
  });

  it("reads 64 bits exactly up to 2^53 - 1", () => {
    expect(reader(0, 0, 0, 0, 0, 0, 0, 0).u64()).toBe(0);
    expect(reader(0, 0, 0, 1, 0, 0, 0, 2).u64()).toBe(0x1_0000_0002);
    expect(reader(0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).u64()).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ["2^53", [0x00, 0x20, 0, 0, 0, 0, 0, 0]],
    ["2^53 + 1, which would round", [0x00, 0x20, 0, 0, 0, 0, 0, 1]],
    ["2^63", [0x80, 0, 0, 0, 0, 0, 0, 0]],
    ["2^64 - 1", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])("refuses %s instead of rounding it", (_, bytes) => {
    expect(() => reader(...bytes).u64()).toThrow(OutOfRange);
  });

  it("reads signed 64 bits exactly from -(2^53 - 1) to 2^53 - 1", () => {
    expect(reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).i64()).toBe(-1);
    expect(reader(0xff, 0xe0, 0, 0, 0, 0, 0, 1).i64()).toBe(Number.MIN_SAFE_INTEGER);
    expect(reader(0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).i64()).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => reader(0xff, 0xe0, 0, 0, 0, 0, 0, 0).i64()).toThrow(OutOfRange);
    expect(() => reader(0x00, 0x20, 0, 0, 0, 0, 0, 0).i64()).toThrow(OutOfRange);
    expect(() => reader(0x80, 0, 0, 0, 0, 0, 0, 0).i64()).toThrow(OutOfRange);
  });

  it("reads strings behind their length", () => {
    const fields = reader(0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0, 1, 0xff);
    expect(fields.text()).toBe("é");
    expect(fields.text()).toBe("");
    expect(fields.text()).toBe("\udcff");
    expect(fields.name()).toBe("\ufffd");
  });

  it("hands out views of the packet, not copies", () => {
    const packet = Buffer.from([0, 0, 0, 2, 1, 2, 3, 4]);
    const fields = new Reader(packet);
    const bytes = fields.bytes();
    const rest = fields.rest();
    packet.fill(9);
    expect([...bytes]).toEqual([9, 9]);
    expect([...rest]).toEqual([9, 9]);
    expect(fields.remaining).toBe(0);
    expect(fields.rest()).toHaveLength(0);
  });

  it("reads only inside the view that it was given", () => {
    const whole = Uint8Array.of(9, 9, 0, 0, 0, 1, 0x41, 9);
    const fields = new Reader(whole.subarray(2, 7));
    expect(fields.text()).toBe("A");
    expect(() => fields.u8()).toThrow(BadPacket);
  });

  it("begins where it is told", () => {
    expect(new Reader(Buffer.from([1, 2, 3]), 2).u8()).toBe(3);
  });

  it.each([
    ["u8", 1, (fields: Reader) => fields.u8()],
    ["u16", 2, (fields: Reader) => fields.u16()],
    ["u32", 4, (fields: Reader) => fields.u32()],
    ["u64", 8, (fields: Reader) => fields.u64()],
    ["i64", 8, (fields: Reader) => fields.i64()],
    ["bool", 1, (fields: Reader) => fields.bool()],
    ["bytes", 4, (fields: Reader) => fields.bytes()],
    ["text", 4, (fields: Reader) => fields.text()],
    ["name", 4, (fields: Reader) => fields.name()],
  ])("refuses a packet that ends inside a %s", (_, length, read) => {
    for (let short = 0; short < length; short++) {
      expect(() => read(new Reader(Buffer.alloc(short)))).toThrow(BadPacket);
    }
    expect(() => read(new Reader(Buffer.alloc(length)))).not.toThrow();
  });

  it.each([[[0, 0, 0, 3]], [[0x7f, 0xff, 0xff, 0xff]], [[0x80, 0, 0, 0]], [[0xff, 0xff, 0xff, 0xff]]])(
    "refuses a string whose length %j is beyond the packet",
    (length) => {
      expect(() => reader(...length, 1, 2).bytes()).toThrow(BadPacket);
      expect(() => reader(...length, 1, 2).text()).toThrow(BadPacket);
    },
  );
});
