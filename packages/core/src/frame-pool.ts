import { maxDataBytes, maxPacketBytes } from "./protocol/packets.ts";
import { dataHeaderBytes } from "./protocol/replies.ts";

/** Below this, an allocation costs less than keeping a buffer. */
const leastPooled = 16 * 1024;
/** Room for the largest reply and for the largest request. */
const frameBytes = Math.max(dataHeaderBytes + maxDataBytes, maxPacketBytes);
/** Frames kept for reuse, in the whole process: 8 MiB. */
const kept = 32;
const free: Buffer[] = [];

/** A buffer for a frame of `length` bytes at least; its content is arbitrary. */
export function takeFrame(length: number): Buffer {
  if (length < leastPooled || length > frameBytes) return Buffer.allocUnsafe(length);
  return free.pop() ?? Buffer.allocUnsafeSlow(frameBytes);
}

/** Gives a frame back. Nobody may use it afterwards. */
export function returnFrame(frame: Buffer): void {
  if (frame.length === frameBytes && free.length < kept) free.push(frame);
}

/** Gives back the frame that a part of it lies in; a part of anything else is left alone. Nobody may use the frame afterwards. */
export function returnFrameOf(part: Uint8Array): void {
  const { buffer } = part;
  // No other buffer of this process has this size: those of ssh2 and of the socket are far smaller.
  if (buffer.byteLength === frameBytes && free.length < kept) free.push(Buffer.from(buffer));
}
