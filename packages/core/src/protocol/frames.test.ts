import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FrameReader } from "./frames.ts";
import { maxPacketBytes } from "./packets.ts";
import { BadPacket } from "./reader.ts";

afterEach(() => void vi.restoreAllMocks());

const frame = (packet: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(packet.length);
  return Buffer.concat([length, packet]);
};

/** All packets of a stream that arrives in these pieces. */
function packetsOf(pieces: readonly Buffer[], limit = 1000): Buffer[] {
  const frames = new FrameReader(limit);
  const packets: Buffer[] = [];
  for (const piece of pieces) {
    frames.push(piece);
    for (let packet = frames.next(); packet !== undefined; packet = frames.next()) packets.push(packet);
  }
  return packets;
}

function cut(stream: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at.map((place) => place % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
  return ends.map((end, i) => stream.subarray(ends[i - 1] ?? 0, end));
}

describe("FrameReader", () => {
  it("hands out the packets of a stream in order", () => {
    const stream = Buffer.from([
      0,
      0,
      0,
      5,
      1,
      0,
      0,
      0,
      3, // INIT
      0,
      0,
      0,
      1,
      200,
    ]);
    expect(packetsOf([stream])).toEqual([Buffer.from([1, 0, 0, 0, 3]), Buffer.from([200])]);
  });

  it("hands out the same packets however the stream is cut", () => {
    const packets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(packets, fc.array(fc.nat(), { maxLength: 40 }), (sent, at) => {
        const received = packetsOf(cut(Buffer.concat(sent.map(frame)), at));
        expect(received.map((packet) => [...packet])).toEqual(sent.map((packet) => [...packet]));
      }),
      { numRuns: 1000 },
    );
  });

  it("hands out the same packets however large they and the pieces are, and none changes afterwards", () => {
    const packets = fc.array(fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 12,
    });
    const steps = fc.array(fc.oneof(fc.nat(20), fc.nat(600), fc.nat(5000)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(packets, steps, (sizes, lengths) => {
        const sent = sizes.map(([size, seed]) => Buffer.from(Array.from({ length: size }, (_, i) => seed + i * 7)));
        const stream = Buffer.concat(sent.map(frame));
        const ends: number[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) ends.push((at += (lengths[i % lengths.length] ?? 0) + 1));
        const received = packetsOf(
          cut(
            stream,
            ends.map((end) => Math.min(end, stream.length)),
          ),
          20_000,
        );
        expect(received.length).toBe(sent.length);
        for (const [i, packet] of received.entries()) expect(packet.equals(sent[i]!)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("hands out the same packets when all pieces are there before anybody asks", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.array(fc.nat(), { maxLength: 40 }), (sent, at) => {
        const frames = new FrameReader(1000);
        for (const piece of cut(Buffer.concat([frame(sent), frame(Buffer.of(7))]), at)) frames.push(piece);
        expect([...(frames.next() ?? [])]).toEqual([...sent]);
        expect([...(frames.next() ?? [])]).toEqual([7]);
        expect(frames.next()).toBeUndefined();
      }),
    );
  });

  it("hands out the same packets for each place where one cut can fall, and in single bytes", () => {
    const stream = Buffer.concat([frame(Buffer.of(1, 2, 3)), frame(Buffer.of(4)), frame(Buffer.of(5, 6))]);
    const expected = [Buffer.of(1, 2, 3), Buffer.of(4), Buffer.of(5, 6)];
    for (let at = 0; at <= stream.length; at++) expect(packetsOf(cut(stream, [at]))).toEqual(expected);
    expect(packetsOf([...stream].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  // The limit is no measurement: taking the pieces one by one off the front of an array needs from seconds to minutes each time.
  it("takes packets of the largest size in single bytes without holding up the process", { timeout: 5000 }, () => {
    const packet = Buffer.alloc(maxPacketBytes, 7);
    const frames = new FrameReader(packet.length);
    for (let i = 0; i < 4; i++) {
      for (const byte of frame(packet)) frames.push(Buffer.of(byte));
      expect(frames.next()?.equals(packet)).toBe(true);
    }
  });

  it("holds what has arrived in single bytes as bytes, not as a buffer for each", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const held = (): number => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const frames = new FrameReader(maxPacketBytes);
    const stream = frame(Buffer.alloc(maxPacketBytes, 7));
    const before = held();
    for (const byte of stream.subarray(1)) frames.push(Buffer.of(byte));
    // A quarter of a mebibyte; with a buffer for each byte it would be about thirty.
    expect(held() - before).toBeLessThan(4 * 1024 * 1024);
  });

  it("waits for a packet that is not whole, however often it is asked", () => {
    const frames = new FrameReader(10);
    expect(frames.next()).toBeUndefined();
    frames.push(Buffer.of(0, 0, 0));
    expect(frames.next()).toBeUndefined();
    frames.push(Buffer.of(2, 8));
    expect(frames.next()).toBeUndefined();
    expect(frames.next()).toBeUndefined();
    frames.push(Buffer.alloc(0));
    expect(frames.next()).toBeUndefined();
    frames.push(Buffer.of(9, 0));
    expect(frames.next()).toEqual(Buffer.of(8, 9));
  });

  it("keeps nothing of the pieces: whoever pushed them may use the memory again", () => {
    const packets = Array.from({ length: 200 }, (_, i) => Buffer.alloc((i * 37) % 900 || 1, i));
    const stream = Buffer.concat(packets.map(frame));
    const frames = new FrameReader(1000);
    const memory = Buffer.alloc(700);
    for (let at = 0; at < stream.length; at += memory.length) {
      const piece = memory.subarray(0, stream.copy(memory, 0, at));
      frames.push(piece);
      memory.fill(0xee);
    }
    for (const packet of packets) expect(frames.next()?.equals(packet)).toBe(true);
    expect(frames.next()).toBeUndefined();
  });

  it("takes no more room for a packet than a small part of it gives reason to", () => {
    const rooms: number[] = [];
    const frames = new FrameReader(maxPacketBytes, (length) => (rooms.push(length), Buffer.alloc(length)));
    const stream = frame(Buffer.alloc(maxPacketBytes, 7));
    frames.push(stream.subarray(0, 16_000));
    expect(rooms).toEqual([]);
    frames.push(stream.subarray(16_000, 33_000));
    expect(rooms).toEqual([maxPacketBytes]);
    frames.push(stream.subarray(33_000));
    expect(frames.next()?.equals(stream.subarray(4))).toBe(true);
  });

  it("puts each packet together once, in the room that it was given for it", () => {
    const rooms: Buffer[] = [];
    const frames = new FrameReader(100_000, (length) => {
      const room = Buffer.alloc(length + 5);
      rooms.push(room);
      return room;
    });
    const stream = frame(Buffer.alloc(100_000, 5));
    for (let at = 0; at < stream.length; at += 1000) {
      expect(frames.next()).toBeUndefined();
      frames.push(stream.subarray(at, at + 1000));
    }
    const packet = frames.next();
    expect(packet?.equals(stream.subarray(4))).toBe(true);
    expect(rooms.length).toBe(1);
    expect(packet?.buffer).toBe(rooms[0]?.buffer);
  });

  it("makes no packets ahead without end: a flood of small ones is held as bytes", () => {
    let made = 0;
    const frames = new FrameReader(10, (length) => {
      made += 1;
      return Buffer.alloc(length);
    });
    const flood = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => frame(Buffer.of(i & 0xff))));
    frames.push(flood);
    expect(made).toBeLessThanOrEqual(65);
    for (let i = 0; i < 10_000; i++) expect(frames.next()?.[0]).toBe(i & 0xff);
    expect(frames.next()).toBeUndefined();
  });

  it("accepts a packet of the limit", () => {
    expect(packetsOf([frame(Buffer.alloc(16, 1))], 16)).toEqual([Buffer.alloc(16, 1)]);
  });

  it.each([
    ["0", [0, 0, 0, 0]],
    ["one over the limit", [0, 0, 0, 17]],
    ["2^31 - 1", [0x7f, 0xff, 0xff, 0xff]],
    ["2^31", [0x80, 0, 0, 0]],
    ["2^32 - 1", [0xff, 0xff, 0xff, 0xff]],
  ])("refuses a length of %s as soon as it is there, before any of the packet", (_, length) => {
    const allocate = vi.spyOn(Buffer, "allocUnsafeSlow");
    const whole = new FrameReader(16);
    whole.push(Buffer.from(length));
    expect(() => whole.next()).toThrow(BadPacket);
    expect(() => whole.next()).toThrow(BadPacket);
    const bytewise = new FrameReader(16);
    for (const [i, byte] of length.entries()) {
      bytewise.push(Buffer.of(byte));
      if (i < 3) expect(bytewise.next()).toBeUndefined();
    }
    expect(() => bytewise.next()).toThrow(BadPacket);
    expect(allocate).not.toHaveBeenCalled();
  });

  it("refuses a bad length behind good packets after having handed those out", () => {
    const frames = new FrameReader(16);
    frames.push(Buffer.concat([frame(Buffer.of(1)), Buffer.from([0, 0, 1, 0])]));
    expect(frames.next()).toEqual(Buffer.of(1));
    expect(() => frames.next()).toThrow(BadPacket);
  });
});
