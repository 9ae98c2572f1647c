import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WireAttributes } from "./codec.ts";
import { SSH_FXP } from "./packets.ts";
import { BadPacket, OutOfRange, Reader } from "./reader.ts";
import { readRequest, type WireRequest } from "./requests.ts";
import { bytesFromText, textFromBytes } from "./text.ts";
import { v3 } from "./v3.ts";
import { Writer } from "./writer.ts";

type Part = number | string;
/** A packet as the draft draws it, one field a line: numbers are bytes, text is ASCII. */
const packet = (...parts: readonly (Part | readonly Part[])[]): Buffer =>
  Buffer.concat(parts.flat().map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part, "latin1"))));

const id = [0, 0, 0, 42] as const;
const foo = [0, 0, 0, 4, "/foo"] as const;
const bar = [0, 0, 0, 4, "/bar"] as const;
const handle = [0, 0, 0, 4, "h#1!"] as const;
const noAttributes = [0, 0, 0, 0] as const;
const permissions = [0, 0, 0, 0x04, 0, 0, 0x01, 0xa4] as const; // 0644

const noFlags = { read: false, write: false, append: false, create: false, truncate: false, exclusive: false };
const h = Buffer.from("h#1!");

/** A type of file travels in the permissions, so that it comes with the attributes. */
type Wire = WireRequest | (WireRequest & { readonly attributes: WireAttributes });
/** One packet of each type and shape, without the length in front, with what it means. */
const samples: readonly (readonly [name: string, packet: Buffer, request: Wire])[] = [
  [
    "OPEN",
    packet(3, ...id, ...foo, 0, 0, 0, 0x1a, ...permissions),
    {
      is: "open",
      path: "/foo",
      flags: { ...noFlags, write: true, create: true, truncate: true },
      attributes: { mode: 0o644 },
    },
  ],
  ["CLOSE", packet(4, ...id, ...handle), { is: "close", handle: h }],
  [
    "READ",
    packet(5, ...id, ...handle, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0x80, 0),
    { is: "read", handle: h, position: 0x1_0000_0002, length: 32768 },
  ],
  [
    "READ of the largest length",
    packet(5, ...id, ...handle, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    { is: "read", handle: h, position: Number.MAX_SAFE_INTEGER, length: 0xffff_ffff },
  ],
  [
    "WRITE",
    packet(6, ...id, ...handle, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3, 0x00, 0xff, 0x0a),
    { is: "write", handle: h, position: 7, data: Buffer.of(0x00, 0xff, 0x0a) },
  ],
  [
    "WRITE of nothing",
    packet(6, ...id, ...handle, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    { is: "write", handle: h, position: 0, data: Buffer.alloc(0) },
  ],
  ["LSTAT", packet(7, ...id, ...foo), { is: "stat", path: "/foo", follow: false }],
  ["FSTAT", packet(8, ...id, ...handle), { is: "fstat", handle: h }],
  ["SETSTAT", packet(9, ...id, ...foo, ...permissions), { is: "setstat", path: "/foo", attributes: { mode: 0o644 } }],
  [
    "SETSTAT of everything",
    packet(
      [9, ...id, ...foo, 0x80, 0, 0, 0x0f],
      [0, 0, 0, 0, 0, 0, 0x10, 0], // size
      [0, 0, 0x03, 0xe8, 0, 0, 0, 100], // uid, gid
      [0, 0, 0x81, 0xed], // permissions
      [0x65, 0, 0, 0, 0x65, 0, 0, 1], // atime, mtime
      [0, 0, 0, 1, 0, 0, 0, 3, "a@b", 0, 0, 0, 2, "xy"],
    ),
    {
      is: "setstat",
      path: "/foo",
      attributes: {
        size: 4096,
        uid: 1000,
        gid: 100,
        mode: 0o755,
        atimeMs: 0x65000000 * 1000,
        mtimeMs: 0x65000001 * 1000,
        extended: new Map([["a@b", Buffer.from("xy")]]),
      },
    },
  ],
  [
    "FSETSTAT",
    packet(10, ...id, ...handle, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    { is: "fsetstat", handle: h, attributes: { size: 0 } },
  ],
  ["OPENDIR", packet(11, ...id, ...foo), { is: "opendir", path: "/foo" }],
  ["READDIR", packet(12, ...id, ...handle), { is: "readdir", handle: h }],
  ["REMOVE", packet(13, ...id, ...foo), { is: "remove", path: "/foo" }],
  ["MKDIR", packet(14, ...id, ...foo, ...noAttributes), { is: "mkdir", path: "/foo", attributes: {} }],
  ["RMDIR", packet(15, ...id, ...foo), { is: "rmdir", path: "/foo" }],
  ["REALPATH", packet(16, ...id, 0, 0, 0, 1, "."), { is: "realpath", path: "." }],
  ["REALPATH of the empty path", packet(16, ...id, 0, 0, 0, 0), { is: "realpath", path: "" }],
  ["STAT", packet(17, ...id, ...foo), { is: "stat", path: "/foo", follow: true }],
  ["RENAME", packet(18, ...id, ...foo, ...bar), { is: "rename", from: "/foo", to: "/bar", overwrite: false }],
  ["READLINK", packet(19, ...id, ...foo), { is: "readlink", path: "/foo" }],
  ["SYMLINK", packet(20, ...id, ...foo, ...bar), { is: "symlink", first: "/foo", second: "/bar" }],
  ["a name that is not UTF-8", packet(13, ...id, 0, 0, 0, 5, "/caf", 0xe9), { is: "remove", path: "/caf\udce9" }],
  ["a name that is UTF-8", packet(13, ...id, 0, 0, 0, 3, "/", 0xc3, 0xa9), { is: "remove", path: "/é" }],
];

const statvfs = packet(200, ...id, 0, 0, 0, 19, "statvfs@openssh.com", ...foo);
const usersGroups = packet(200, ...id, 0, 0, 0, 8, "unknown@", 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0);
const everyPacket: readonly (readonly [string, Buffer])[] = [
  ...samples.map(([name, bytes]) => [name, bytes] as const),
  ["EXTENDED", statvfs],
  ["EXTENDED with fields of another shape", usersGroups],
];

/** What a session does with a packet: type, id, fields. */
function read(bytes: Uint8Array): { id: number; request: WireRequest } {
  const reader = new Reader(bytes);
  const type = reader.u8();
  return { id: reader.u32(), request: readRequest(type, reader, v3) };
}

/** Everything that a request holds, in bytes of the packet or elements of a collection. */
function held(value: unknown): number {
  if (typeof value === "string") return bytesFromText(value).length;
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof Reader) return value.remaining;
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].reduce((sum, pair) => sum + held(pair) + 8, 0);
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + held(part), 0);
}

/** A mutated packet is read or refused; nothing else happens, and nothing larger than the packet comes out of it. */
function survives(bytes: Uint8Array): void {
  try {
    const { request } = read(bytes);
    // The name of the operation and the Latin-1 to U+FFFD of an extension's name are ours, not the packet's.
    const { is, ...fields } = request;
    expect(typeof is).toBe("string");
    if (request.is !== "extended") expect(held(fields)).toBeLessThanOrEqual(bytes.length);
  } catch (error) {
    if (!(error instanceof BadPacket) && !(error instanceof OutOfRange)) throw error;
  }
}

describe("readRequest", () => {
  it.each(samples)("reads %s", (_, bytes, request) => {
    expect(read(bytes)).toEqual({ id: 42, request });
  });

  it("reads the name of an EXTENDED and leaves its fields to the extension", () => {
    const { request } = read(statvfs);
    expect(request).toMatchObject({ is: "extended", name: "statvfs@openssh.com" });
    expect(request.is === "extended" && request.fields.text()).toBe("/foo");
  });

  it("has a sample of every request type of v3", () => {
    const replies: readonly number[] = [SSH_FXP.VERSION, SSH_FXP.STATUS, SSH_FXP.HANDLE, SSH_FXP.DATA, SSH_FXP.NAME];
    const others: readonly number[] = [...replies, SSH_FXP.ATTRS, SSH_FXP.EXTENDED_REPLY, SSH_FXP.INIT];
    const requests = Object.values(SSH_FXP).filter((type) => !others.includes(type));
    expect(new Set(everyPacket.map(([, bytes]) => bytes[0]))).toEqual(new Set(requests));
  });

  it("tells every other type as unknown, a reply's too, without reading its fields", () => {
    const known = new Set(everyPacket.map(([, bytes]) => bytes[0]));
    for (let type = 0; type < 256; type++) {
      if (known.has(type)) continue;
      expect(read(packet(type, ...id))).toEqual({ id: 42, request: { is: "unknown", type } });
    }
  });

  it.each(samples)("ignores bytes behind the last field of %s, as OpenSSH does", (_, bytes, request) => {
    expect(read(Buffer.concat([bytes, Buffer.of(0, 0, 0, 9, 1)]))).toEqual({ id: 42, request });
  });

  it("hands out handles and data as views of the packet", () => {
    const bytes = packet(6, ...id, ...handle, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7);
    const { request } = read(bytes);
    if (request.is !== "write") expect.fail(request.is);
    expect(request.data.buffer).toBe(bytes.buffer);
    expect(request.handle.buffer).toBe(bytes.buffer);
  });

  it.each([
    ["READ", packet(5, ...id, ...handle, 0, 0x20, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)],
    ["WRITE", packet(6, ...id, ...handle, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)],
    ["FSETSTAT", packet(10, ...id, ...handle, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0)],
  ])("refuses a %s whose 64 bits cannot be held exactly", (_, bytes) => {
    expect(() => read(bytes)).toThrow(OutOfRange);
  });

  it.each([0x0000_0005, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])(
    "refuses a path whose length is said to be %i where 4 bytes follow",
    (length) => {
      const bytes = packet(13, ...id, ...foo);
      bytes.writeUInt32BE(length, 5);
      expect(() => read(bytes)).toThrow(BadPacket);
    },
  );
});

describe("readRequest, given any path, handle and data", () => {
  const text = fc.uint8Array({ maxLength: 40 }).map(textFromBytes);
  const blob = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const back = (type: number, write: (writer: Writer) => Writer): WireRequest =>
    readRequest(type, new Reader(write(new Writer()).finish()), v3);

  it("reads what was written", () => {
    fc.assert(
      fc.property(
        text,
        text,
        blob,
        blob,
        fc.maxSafeNat(),
        fc.nat(0xffff_ffff),
        (path, other, handle, data, position, length) => {
          expect(back(SSH_FXP.REMOVE, (writer) => writer.text(path))).toEqual({ is: "remove", path });
          expect(back(SSH_FXP.RENAME, (writer) => writer.text(path).text(other))).toEqual({
            is: "rename",
            from: path,
            to: other,
            overwrite: false,
          });
          expect(back(SSH_FXP.SYMLINK, (writer) => writer.text(path).text(other))).toEqual({
            is: "symlink",
            first: path,
            second: other,
          });
          expect(back(SSH_FXP.READ, (writer) => writer.bytes(handle).u64(position).u32(length))).toEqual({
            is: "read",
            handle,
            position,
            length,
          });
          expect(back(SSH_FXP.WRITE, (writer) => writer.bytes(handle).u64(position).bytes(data))).toEqual({
            is: "write",
            handle,
            position,
            data,
          });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("readRequest, given a damaged packet", () => {
  it.each(everyPacket)("reads or refuses every prefix of %s", (_, bytes) => {
    for (let length = 0; length < bytes.length; length++) survives(bytes.subarray(0, length));
  });

  it.each(samples)("refuses every prefix of %s that lacks a part of its fields", (_, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length))).toThrow(BadPacket);
    }
  });

  it.each(everyPacket)("reads or refuses %s with any one bit flipped", (_, bytes) => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const mutant = Buffer.from(bytes);
      mutant.writeUInt8((mutant[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      survives(mutant);
    }
  });

  it.each(everyPacket)("reads or refuses %s with any four bytes set to any length", (_, bytes) => {
    for (let at = 1; at + 4 <= bytes.length; at++) {
      for (const length of [0, 1, bytes.length, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
        const mutant = Buffer.from(bytes);
        mutant.writeUInt32BE(length, at);
        survives(mutant);
      }
    }
  });

  it("reads or refuses any bytes behind any type", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.uint8Array({ maxLength: 80 }), (type, rest) => {
        survives(Buffer.concat([Buffer.of(type, 0, 0, 0, 1), rest]));
      }),
      { numRuns: 5000 },
    );
  });
});
