import { maxPacketBytes } from "./protocol/packets.ts";

/** Below this, an allocation costs less than keeping a buffer. */
const leastPooled = 16 * 1024;
/** Sizes of frames: the data that clients move at once, with its framing. */
const sizes: readonly number[] = [33 * 1024, 65 * 1024, 129 * 1024, maxPacketBytes];
/** Frames of each size kept for reuse, in the whole process. */
const keptBytes = 8 * 1024 * 1024;
const free: ReadonlyMap<number, Buffer[]> = new Map(sizes.map((size) => [size, []]));

/** A buffer for a frame of `length` bytes at least; its content is arbitrary. */
export function takeFrame(length: number): Buffer {
  const size = length < leastPooled ? undefined : sizes.find((candidate) => candidate >= length);
  if (size === undefined) return Buffer.allocUnsafe(length);
  return free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

/** Gives a frame back. Nobody may use it afterwards. */
export function returnFrame(frame: Buffer): void {
  const frames = free.get(frame.length);
  if (
    frames !== undefined &&
    frame.length === frame.buffer.byteLength &&
    (frames.length + 1) * frame.length <= keptBytes
  ) {
    frames.push(frame);
  }
}

/** Gives back the frame that a part of it lies in; a part of anything else is left alone. Nobody may use the frame afterwards. */
export function returnFrameOf(part: Uint8Array): void {
  // No other buffer of this process that is given here has such a size: packets are put together in frames, or in far less.
  if (free.has(part.buffer.byteLength)) returnFrame(Buffer.from(part.buffer));
}
