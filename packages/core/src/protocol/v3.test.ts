import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statusCodes, type ErrorStatus } from "../errors.ts";
import type { Attributes, FileType, OpenFlags } from "../filesystem.ts";
import type { WireAttributes } from "./codec.ts";
import { BadPacket, OutOfRange, Reader } from "./reader.ts";
import { textFromBytes } from "./text.ts";
import { v3 } from "./v3.ts";
import { Writer } from "./writer.ts";

type Part = number | string;
const packet = (...parts: readonly (Part | readonly Part[])[]): Buffer =>
  Buffer.concat(parts.flat().map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part, "latin1"))));

function write(attributes: WireAttributes): Buffer {
  const writer = new Writer(0);
  v3.writeAttributes(writer, attributes);
  return writer.finish();
}

function read(bytes: Uint8Array): WireAttributes {
  const reader = new Reader(bytes);
  const attributes = v3.readAttributes(reader);
  expect(reader.remaining).toBe(0);
  return attributes;
}

const extended = new Map([
  ["__proto__", Buffer.of(1)],
  ["a@b.c", Buffer.alloc(0)],
]);
/** ATTRS in both directions. */
const samples: readonly (readonly [name: string, bytes: Buffer, attributes: WireAttributes])[] = [
  ["nothing", packet(0, 0, 0, 0), {}],
  ["a size", packet(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2), { size: 0x1_0000_0002 }],
  [
    "the largest size",
    packet(0, 0, 0, 1, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    { size: Number.MAX_SAFE_INTEGER },
  ],
  ["owners", packet(0, 0, 0, 2, 0, 0, 0x03, 0xe8, 0xff, 0xff, 0xff, 0xfe), { uid: 1000, gid: 0xffff_fffe }],
  ["permissions", packet(0, 0, 0, 4, 0, 0, 0x0f, 0xff), { mode: 0o7777 }],
  ["a type with permissions", packet(0, 0, 0, 4, 0, 0, 0x41, 0xed), { mode: 0o755, type: "directory" }],
  [
    "times",
    packet(0, 0, 0, 8, 0x65, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
    { atimeMs: 0x65000000 * 1000, mtimeMs: 0xffff_ffff * 1000 },
  ],
  [
    "extended pairs",
    packet(0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 9, "__proto__", 0, 0, 0, 1, 1, 0, 0, 0, 5, "a@b.c", 0, 0, 0, 0),
    { extended },
  ],
  [
    "everything, in the draft's order",
    packet(
      [0x80, 0, 0, 0x0f],
      [0, 0, 0, 0, 0, 0, 0, 5], // size
      [0, 0, 0, 1, 0, 0, 0, 2], // uid, gid
      [0, 0, 0x81, 0xa4], // permissions
      [0, 0, 0, 3, 0, 0, 0, 4], // atime, mtime
      [0, 0, 0, 1, 0, 0, 0, 1, "x", 0, 0, 0, 1, "y"],
    ),
    {
      size: 5,
      uid: 1,
      gid: 2,
      mode: 0o644,
      type: "file",
      atimeMs: 3000,
      mtimeMs: 4000,
      extended: new Map([["x", Buffer.from("y")]]),
    },
  ],
];

const typeBits: readonly (readonly [FileType, number])[] = [
  ["fifo", 0x10],
  ["characterDevice", 0x20],
  ["directory", 0x40],
  ["blockDevice", 0x60],
  ["file", 0x80],
  ["symlink", 0xa0],
  ["socket", 0xc0],
];

describe("attributes of v3", () => {
  it.each(samples)("are read as %s", (_, bytes, attributes) => expect(read(bytes)).toEqual(attributes));

  it.each(samples)("are written as %s", (_, bytes, attributes) => expect(write(attributes)).toEqual(bytes));

  it.each(typeBits)("carry the type %s in the permissions", (type, high) => {
    const bytes = packet(0, 0, 0, 4, 0, 0, high | 0x01, 0xff);
    expect(read(bytes)).toEqual({ type, mode: 0o777 });
    expect(write({ type, mode: 0o777 })).toEqual(bytes);
  });

  it.each([0x30, 0x50, 0x70, 0x90, 0xb0, 0xd0, 0xe0, 0xf0])("have no type where the bits %i mean none", (high) => {
    expect(read(packet(0, 0, 0, 4, 0, 0, high | 0x01, 0xff))).toEqual({ mode: 0o777 });
  });

  it("keep only permission bits of a mode, whatever stands above them", () => {
    expect(read(packet(0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff))).toEqual({ mode: 0o7777 });
  });

  it.each<[FileType, number[]]>([
    ["file", [0, 0, 0x81, 0xa4]],
    ["directory", [0, 0, 0x41, 0xed]],
    ["symlink", [0, 0, 0xa1, 0xa4]],
  ])("invent usual permissions for a %s that has none, so that its type can travel", (type, bits) => {
    expect(write({ type })).toEqual(packet(0, 0, 0, 4, ...bits));
  });

  it.each<FileType>(["special", "unknown"])("have no bits for the type %s", (type) => {
    expect(write({ type })).toEqual(packet(0, 0, 0, 0));
    expect(write({ type, mode: 0o600 })).toEqual(packet(0, 0, 0, 4, 0, 0, 0x01, 0x80));
  });

  it("carry both times or none: one stands in for the other", () => {
    const both = packet(0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 9);
    expect(write({ mtimeMs: 9999 })).toEqual(both);
    expect(write({ atimeMs: 9000 })).toEqual(both);
  });

  it.each([
    [-1, [0, 0, 0, 0]],
    [-1e15, [0, 0, 0, 0]],
    [Number.NaN, [0, 0, 0, 0]],
    [1999.9, [0, 0, 0, 1]],
    [2 ** 31 * 1000, [0x80, 0, 0, 0]],
    [2 ** 32 * 1000 - 1, [0xff, 0xff, 0xff, 0xff]],
    [2 ** 32 * 1000, [0xff, 0xff, 0xff, 0xff]],
    [Infinity, [0xff, 0xff, 0xff, 0xff]],
  ])("write %d ms as whole unsigned seconds, the nearest that there are", (ms, seconds) => {
    expect(write({ mtimeMs: ms })).toEqual(packet(0, 0, 0, 8, ...seconds, ...seconds));
  });

  it.each<[string, WireAttributes]>([
    ["a lone uid", { uid: 1 }],
    ["a lone gid", { gid: 1 }],
    ["names of owners", { owner: "alice", group: "staff" }],
    ["a time of birth", { birthtimeMs: 1000 }],
    ["an access control list", { acl: { entries: [] } }],
    ["a link count", { linkCount: 2 }],
    ["no extended pairs", { extended: new Map() }],
  ])("leave out %s, which v3 cannot carry", (_, attributes) => {
    expect(write(attributes)).toEqual(packet(0, 0, 0, 0));
  });

  it("ignore flags that v3 does not know", () => {
    expect(read(packet(0x7f, 0xff, 0xff, 0xf0))).toEqual({});
    expect(read(packet(0x7f, 0xff, 0xff, 0xf4, 0, 0, 0x01, 0xa4))).toEqual({ mode: 0o644 });
  });

  it("refuse a size that cannot be held exactly", () => {
    expect(() => read(packet(0, 0, 0, 1, 0, 0x20, 0, 0, 0, 0, 0, 0))).toThrow(OutOfRange);
  });

  it.each([
    ["one pair too many", [0, 0, 0, 2]],
    ["2^31 pairs", [0x80, 0, 0, 0]],
    ["2^32 - 1 pairs", [0xff, 0xff, 0xff, 0xff]],
  ])("refuse %s before any pair is read", (_, count) => {
    const pair = [0, 0, 0, 1, "x", 0, 0, 0, 1, "y"];
    const reader = new Reader(packet([0x80, 0, 0, 0], count, pair));
    expect(() => v3.readAttributes(reader)).toThrow(BadPacket);
    expect(reader.remaining).toBe(packet(pair).length);
  });

  it("keep the last of two extended pairs of one name", () => {
    const bytes = packet(
      0x80,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      [0, 0, 0, 1, "x", 0, 0, 0, 1, "1"],
      [0, 0, 0, 1, "x", 0, 0, 0, 1, "2"],
    );
    expect(read(bytes).extended).toEqual(new Map([["x", Buffer.from("2")]]));
  });

  it("come back as they were written", () => {
    const u32 = fc.nat(0xffff_ffff);
    const text = fc.uint8Array({ maxLength: 12 }).map(textFromBytes);
    const blob = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
    const ids = fc.option(fc.record({ uid: u32, gid: u32 }), { nil: {} });
    const times = fc.option(fc.record({ atimeMs: u32.map((s) => s * 1000), mtimeMs: u32.map((s) => s * 1000) }), {
      nil: {},
    });
    const modes = fc.oneof(
      fc.constant({}),
      fc.record({ mode: fc.nat(0o7777) }),
      fc.record({ mode: fc.nat(0o7777), type: fc.constantFrom(...typeBits.map(([type]) => type)) }),
    );
    const rest = fc.record(
      {
        size: fc.maxSafeNat(),
        extended: fc
          .uniqueArray(fc.tuple(text, blob), { minLength: 1, maxLength: 4, selector: ([name]) => name })
          .map((pairs) => new Map(pairs)),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(ids, times, modes, rest, (...parts) => {
        const attributes = Object.assign({}, ...parts) as WireAttributes;
        expect(read(write(attributes))).toEqual(attributes);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("flags of OPEN in v3", () => {
  const none = { read: false, write: false, append: false, create: false, truncate: false, exclusive: false };
  const readOpen = (bits: number): OpenFlags => v3.readOpen(new Reader(packet(0, 0, 0, bits, 0, 0, 0, 0))).flags;

  it.each<[string, number, Partial<OpenFlags>]>([
    ["reading", 0x01, { read: true }],
    ["writing", 0x02, { write: true }],
    ["both", 0x03, { read: true, write: true }],
    ["an upload, as OpenSSH's sftp opens one", 0x1a, { write: true, create: true, truncate: true }],
    ["an exclusive upload", 0x2a, { write: true, create: true, exclusive: true }],
    ["appending, as OpenSSH's sftp opens one", 0x0e, { write: true, append: true, create: true }],
  ])("are read as %s", (_, bits, flags) => {
    expect(readOpen(bits)).toEqual({ ...none, ...flags });
  });

  it("mean reading where no access is asked for", () => {
    expect(readOpen(0)).toEqual({ ...none, read: true });
    expect(readOpen(0x18)).toEqual({ ...none, read: true, create: true, truncate: true });
  });

  it("mean writing where appending is asked for", () => {
    expect(readOpen(0x04)).toEqual({ ...none, write: true, append: true });
    expect(readOpen(0x05)).toEqual({ ...none, read: true, write: true, append: true });
  });

  it("ignore bits that v3 does not know", () => {
    expect(v3.readOpen(new Reader(packet(0xff, 0xff, 0xff, 0xc1, 0, 0, 0, 0))).flags).toEqual({ ...none, read: true });
  });

  it("are written bit by bit, in front of the attributes", () => {
    const all: readonly (keyof OpenFlags)[] = ["read", "write", "append", "create", "truncate", "exclusive"];
    for (const [i, flag] of all.entries()) {
      const writer = new Writer();
      v3.writeOpen(writer, { ...none, [flag]: true }, { mode: 0o600 });
      expect(writer.finish()).toEqual(packet(0, 0, 0, 1 << i, 0, 0, 0, 4, 0, 0, 0x01, 0x80));
    }
  });

  it("come back as they were written, but for access that each implies", () => {
    for (let bits = 0; bits < 64; bits++) {
      const flags = readOpen(bits);
      expect(flags.read || flags.write).toBe(true);
      expect(flags.write || !flags.append).toBe(true);
      const writer = new Writer();
      v3.writeOpen(writer, flags, {});
      expect(v3.readOpen(new Reader(writer.finish()))).toEqual({ flags, attributes: {} });
    }
  });

  it("come with attributes of the file to make", () => {
    const attributes: Attributes = v3.readOpen(new Reader(packet(0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0x01, 0xa4))).attributes;
    expect(attributes).toEqual({ mode: 0o644 });
  });
});

describe("names of v3", () => {
  const entry = { name: "a\udcff", stats: { type: "file", size: 3, mode: 0o644, mtimeMs: 0 } } as const;
  const longname = "-rw-r--r--   1 0        0               3 Jan  1  1970 a\\xff";
  const bytes = packet(
    [0, 0, 0, 2, "a", 0xff],
    [0, 0, 0, longname.length, longname],
    [0, 0, 0, 0x0d, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0x81, 0xa4, 0, 0, 0, 0, 0, 0, 0, 0],
  );

  it("are written as name, line of a listing, attributes", () => {
    const writer = new Writer();
    v3.writeName(writer, entry);
    expect(writer.finish()).toEqual(bytes);
  });

  it("are read without the line, which is for people", () => {
    const reader = new Reader(bytes);
    expect(v3.readName(reader)).toEqual({ name: entry.name, stats: { ...entry.stats, atimeMs: 0 } });
    expect(reader.remaining).toBe(0);
  });

  it("are a bare path with empty attributes in the answer to REALPATH", () => {
    const writer = new Writer();
    v3.writeName(writer, { name: "/a b", stats: {} });
    expect(writer.finish()).toEqual(packet(0, 0, 0, 4, "/a b", 0, 0, 0, 4, "/a b", 0, 0, 0, 0));
  });

  it("come back byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (name) => {
        const writer = new Writer(0);
        v3.writeName(writer, { name: textFromBytes(name), stats: {} });
        expect(v3.readName(new Reader(writer.finish()))).toEqual({ name: textFromBytes(name), stats: {} });
      }),
    );
  });
});

describe("status codes of v3", () => {
  it.each<[ErrorStatus, number]>([
    ["noSuchFile", 2],
    ["permissionDenied", 3],
    ["failure", 4],
    ["badMessage", 5],
    ["noConnection", 6],
    ["connectionLost", 7],
    ["unsupported", 8],
    ["noSuchPath", 2],
    ["notADirectory", 2],
    ["writeProtect", 3],
    ["invalidHandle", 4],
    ["alreadyExists", 4],
    ["quotaExceeded", 4],
    ["noMatchingRangeLock", 4],
  ])("tell %s as %i", (status, code) => {
    expect(v3.statusCode(status)).toBe(code);
  });

  it("tell every status as an error that v3 knows, never as OK or EOF", () => {
    for (const status of Object.keys(statusCodes) as ErrorStatus[]) {
      expect(v3.statusCode(status)).toBeGreaterThanOrEqual(2);
      expect(v3.statusCode(status)).toBeLessThanOrEqual(8);
    }
  });
});

describe("RENAME in v3", () => {
  it("never replaces, whatever stands behind its paths (draft-ietf-secsh-filexfer-02, section 6.5)", () => {
    expect(v3.readRenameOverwrite(new Reader(packet(0, 0, 0, 1)))).toBe(false);
    expect(v3.version).toBe(3);
  });
});
