import { maxDataBytes } from "./protocol/packets.ts";
import { dataHeaderBytes } from "./protocol/replies.ts";

/** Below this, an allocation costs less than keeping a buffer. */
const leastPooled = 16 * 1024;
const frameBytes = dataHeaderBytes + maxDataBytes;
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
