import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statusCodes, type ErrorStatus } from "../errors.ts";
import { BadPacket, OutOfRange, Reader } from "./reader.ts";
import { dataHeaderBytes, ReplyMaker, versionFrame } from "./replies.ts";
import { textFromBytes } from "./text.ts";
import { v3 } from "./v3.ts";

type Part = number | string;
const packet = (...parts: readonly (Part | readonly Part[])[]): Buffer =>
  Buffer.concat(parts.flat().map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part, "latin1"))));

const id = [0x89, 0xab, 0xcd, 0xef] as const;
const reply = new ReplyMaker(v3, 0x89ab_cdef);

describe("ReplyMaker", () => {
  it("makes STATUS OK", () => {
    expect(reply.ok()).toEqual(packet(0, 0, 0, 24, 101, ...id, 0, 0, 0, 0, 0, 0, 0, 7, "Success", 0, 0, 0, 0));
  });

  it("makes STATUS EOF", () => {
    expect(reply.eof()).toEqual(packet(0, 0, 0, 28, 101, ...id, 0, 0, 0, 1, 0, 0, 0, 11, "End of file", 0, 0, 0, 0));
  });

  it("makes STATUS with an error, its message and the language that it is in", () => {
    expect(reply.error("permissionDenied", "Not é")).toEqual(
      packet(0, 0, 0, 25, 101, ...id, 0, 0, 0, 3, 0, 0, 0, 6, "Not ", 0xc3, 0xa9, 0, 0, 0, 2, "en"),
    );
  });

  it("tells every error in a code of the version, with the message as it is", () => {
    for (const status of Object.keys(statusCodes) as ErrorStatus[]) {
      const reader = new Reader(reply.error(status, `It is ${status}`));
      expect([reader.u32(), reader.u8(), reader.u32()]).toEqual([reader.remaining + 5, 101, 0x89ab_cdef]);
      expect(reader.u32()).toBe(v3.statusCode(status));
      expect(reader.text()).toBe(`It is ${status}`);
    }
  });

  it("makes HANDLE", () => {
    expect(reply.handle(Buffer.from("h#1"))).toEqual(packet(0, 0, 0, 12, 102, ...id, 0, 0, 0, 3, "h#1"));
  });

  it("makes DATA with one copy of bytes that lie elsewhere", () => {
    const bytes = Buffer.of(1, 2, 3);
    const frame = reply.data(bytes);
    bytes.fill(9);
    expect(frame).toEqual(packet(0, 0, 0, 12, 103, ...id, 0, 0, 0, 3, 1, 2, 3));
  });

  it("makes DATA around bytes that were read behind room for the header, without a copy", () => {
    const frame = Buffer.alloc(dataHeaderBytes + 8, 0xee);
    frame.set([1, 2, 3], dataHeaderBytes);
    const made = reply.dataInPlace(frame, 3);
    expect(made).toEqual(packet(0, 0, 0, 12, 103, ...id, 0, 0, 0, 3, 1, 2, 3));
    expect(made.buffer).toBe(frame.buffer);
    expect(made.byteOffset).toBe(frame.byteOffset);
  });

  it("makes NAME with a bare path", () => {
    expect(reply.names([{ name: "/a", stats: {} }])).toEqual(
      packet(0, 0, 0, 25, 104, ...id, 0, 0, 0, 1, 0, 0, 0, 2, "/a", 0, 0, 0, 2, "/a", 0, 0, 0, 0),
    );
  });

  it("makes NAME with several names", () => {
    const long = "drwxr-xr-x   1 0        0               0 Jan  1  1970 d";
    expect(
      reply.names([
        { name: "d", stats: { type: "directory", size: 0, mtimeMs: 0 } },
        { name: "?", stats: {} },
      ]),
    ).toEqual(
      packet(
        [0, 0, 0, 9 + 5 + 4 + long.length + 24 + 5 + 5 + 4, 104, ...id, 0, 0, 0, 2],
        [0, 0, 0, 1, "d", 0, 0, 0, long.length, long],
        [0, 0, 0, 0x0d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xed, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, "?", 0, 0, 0, 1, "?", 0, 0, 0, 0],
      ),
    );
  });

  it("makes ATTRS", () => {
    expect(reply.attributes({ type: "file", size: 5, mode: 0o600, mtimeMs: 2000, atimeMs: 1000 })).toEqual(
      packet(
        [0, 0, 0, 29, 105, ...id, 0, 0, 0, 0x0d],
        [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 2],
      ),
    );
  });

  it("makes EXTENDED_REPLY with whatever is written into it", () => {
    expect(reply.extended((writer) => writer.u64(7).text("x"))).toEqual(
      packet(0, 0, 0, 18, 201, ...id, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, "x"),
    );
    expect(reply.extended(() => undefined)).toEqual(packet(0, 0, 0, 5, 201, ...id));
  });

  it("says its length in front of every frame, however large", () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 255 }).map(textFromBytes);
    const size = fc.maxSafeNat();
    const entries = fc.array(
      fc.record({ name, stats: fc.record({ type: fc.constantFrom("file", "directory"), size, mtimeMs: size }) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(entries, (names) => {
        const reader = new Reader(reply.names(names));
        expect(reader.u32()).toBe(reader.remaining);
        expect([reader.u8(), reader.u32(), reader.u32()]).toEqual([104, 0x89ab_cdef, names.length]);
        for (const expected of names) expect(v3.readName(reader).name).toBe(expected.name);
        expect(reader.remaining).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe("What a client reads from a damaged reply", () => {
  const stats = { type: "file", size: 5, uid: 1, gid: 2, mode: 0o600, mtimeMs: 2000, atimeMs: 1000 } as const;
  const extended = new Map([["a@b", Buffer.of(1, 2)]]);
  const names = (reader: Reader): unknown => {
    const count = reader.u32();
    const read: unknown[] = [];
    for (let i = 0; i < count; i++) read.push(v3.readName(reader));
    return read;
  };
  const samples: readonly (readonly [name: string, frame: Buffer, read: (reader: Reader) => unknown])[] = [
    ["STATUS", reply.error("noSpace", "Full"), (reader) => [reader.u32(), reader.text(), reader.name()]],
    ["HANDLE", reply.handle(Buffer.from("h#1")), (reader) => reader.bytes()],
    ["DATA", reply.data(Buffer.from("data")), (reader) => reader.bytes()],
    ["ATTRS", reply.attributes({ ...stats, extended }), (reader) => v3.readAttributes(reader)],
    [
      "NAME",
      reply.names([
        { name: "a", stats },
        { name: "\udcff", stats: { ...stats, extended } },
      ]),
      names,
    ],
    ["EXTENDED_REPLY", reply.extended((writer) => writer.u64(7).text("x")), (reader) => [reader.u64(), reader.text()]],
  ];

  const survives = (frame: Uint8Array, read: (reader: Reader) => unknown): void => {
    try {
      const reader = new Reader(frame);
      reader.u32();
      reader.u8();
      reader.u32();
      read(reader);
    } catch (error) {
      if (!(error instanceof BadPacket) && !(error instanceof OutOfRange)) throw error;
    }
  };

  it.each(samples)("is a value or a refusal for every prefix of %s", (_, frame, read) => {
    for (let length = 0; length < frame.length; length++) survives(frame.subarray(0, length), read);
  });

  it.each(samples)("is a value or a refusal for %s with any one bit flipped", (_, frame, read) => {
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const mutant = Buffer.from(frame);
      mutant.writeUInt8((mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      survives(mutant, read);
    }
  });
});

describe("versionFrame", () => {
  it("makes VERSION, with the extensions as pairs of name and data", () => {
    expect(
      versionFrame(3, [
        ["a@b", "1"],
        ["c", ""],
      ]),
    ).toEqual(packet(0, 0, 0, 26, 2, 0, 0, 0, 3, [0, 0, 0, 3, "a@b", 0, 0, 0, 1, "1"], [0, 0, 0, 1, "c", 0, 0, 0, 0]));
    expect(versionFrame(3, [])).toEqual(packet(0, 0, 0, 5, 2, 0, 0, 0, 3));
  });
});
