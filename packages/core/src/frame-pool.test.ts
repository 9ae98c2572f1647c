import { describe, expect, it } from "vitest";
import { returnFrame, returnFrameOf, takeFrame } from "./frame-pool.ts";
import { maxDataBytes, maxPacketBytes } from "./protocol/packets.ts";
import { dataHeaderBytes } from "./protocol/replies.ts";

const largest = maxPacketBytes;
const poolable = 64 * 1024;

describe("The pool of frames", () => {
  it("hands out frames that are long enough", () => {
    for (const length of [
      0,
      1,
      dataHeaderBytes,
      16 * 1024 - 1,
      16 * 1024,
      poolable,
      dataHeaderBytes + maxDataBytes,
      largest,
      largest + 1,
      1_000_000,
    ]) {
      expect(takeFrame(length).length).toBeGreaterThanOrEqual(length);
    }
  });

  it("never hands out a frame that is in use", () => {
    const frames = Array.from({ length: 100 }, () => takeFrame(poolable));
    expect(new Set(frames.map((frame) => frame.buffer)).size).toBe(100);
    for (const frame of frames) returnFrame(frame);
    const again = Array.from({ length: 100 }, () => takeFrame(poolable));
    expect(new Set(again.map((frame) => frame.buffer)).size).toBe(100);
    for (const frame of again) returnFrame(frame);
  });

  it("hands out again what was given back, up to 8 MiB of a size and no more", () => {
    const frames = Array.from({ length: 200 }, () => takeFrame(poolable));
    for (const frame of frames) returnFrame(frame);
    const again = Array.from({ length: 200 }, () => takeFrame(poolable));
    const reused = again.filter((frame) => frames.includes(frame));
    expect(reused.length).toBe(Math.floor((8 * 1024 * 1024) / frames[0]!.length));
    for (const frame of again) returnFrame(frame);
  });

  it("wastes no more than the frame's half and its framing on one request", () => {
    for (let length = 16 * 1024; length <= largest; length += 1000) {
      expect(takeFrame(length).length).toBeLessThanOrEqual(length * 2 + 2048);
    }
  });

  it("keeps neither small frames nor those over the largest packet", () => {
    for (const length of [100, maxPacketBytes + 1]) {
      const frame = takeFrame(length);
      expect(frame.length).toBe(length);
      returnFrame(frame);
      expect(takeFrame(length) === frame).toBe(false);
    }
  });

  it("does not take a part of a frame for a frame", () => {
    const frame = takeFrame(poolable);
    const part = frame.subarray(0, poolable);
    returnFrame(part);
    const next = takeFrame(poolable);
    expect(next.buffer === frame.buffer).toBe(false);
  });

  it("takes a frame back by a part of it, and nothing else", () => {
    const frame = takeFrame(poolable);
    returnFrameOf(frame.subarray(25, 1000));
    expect(takeFrame(poolable).buffer === frame.buffer).toBe(true);
    const stranger = Buffer.allocUnsafeSlow(1000);
    returnFrameOf(stranger.subarray(1));
    expect(takeFrame(poolable).buffer === stranger.buffer).toBe(false);
  });
});
