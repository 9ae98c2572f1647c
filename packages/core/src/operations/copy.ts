import { SftpError } from "../errors.ts";
import type { FileHandle } from "../filesystem.ts";
import type { Run } from "../pipeline.ts";
import { maxDataBytes } from "../protocol/packets.ts";
import type { OpenFile } from "../session.ts";

/** Copies on the storage's side where it can, and through this process otherwise. */
export const copy: Run<"copy"> = async (ctx) => {
  const { from, position, length, to, toPosition } = ctx.request;
  const { signal } = ctx;
  if (from.handle === to.handle) throw new SftpError("invalidParameter", "A file cannot be copied onto its own handle");
  try {
    if (from.handle.copyTo === undefined) throw new SftpError("unsupported");
    to.bytesWritten += await from.handle.copyTo(to.handle, position, length, toPosition, signal);
  } catch (error) {
    // Two file systems can each copy, and yet not to each other.
    if (!SftpError.is(error) || error.status !== "unsupported") throw error;
    await copyThrough(from.handle, position, length, to, toPosition, signal);
  }
};

async function copyThrough(
  from: FileHandle,
  position: number,
  length: number,
  to: OpenFile,
  toPosition: number,
  signal: AbortSignal,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(maxDataBytes);
  const total = length === 0 ? Infinity : length;
  let copied = 0;
  while (copied < total) {
    if (signal.aborted) throw new SftpError("connectionLost");
    const bytes = await from.read(buffer.subarray(0, Math.min(buffer.length, total - copied)), position + copied);
    if (bytes === 0) return;
    await to.handle.write(buffer.subarray(0, bytes), toPosition + copied);
    copied += bytes;
    to.bytesWritten += bytes;
  }
}
