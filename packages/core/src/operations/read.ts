import type { Run } from "../pipeline.ts";
import { takeFrame } from "../frame-pool.ts";
import { dataHeaderBytes } from "../protocol/replies.ts";

/** Reads behind room for the reply's header, so that the frame goes out as it is. */
export const read: Run<"read"> = async (ctx) => {
  const { file, position, length } = ctx.request;
  const frame = (ctx.frame = takeFrame(dataHeaderBytes + length));
  const bytes = await file.handle.read(frame.subarray(dataHeaderBytes, dataHeaderBytes + length), position);
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > length) {
    throw new Error(`The file system read ${String(bytes)} bytes where ${length} were asked for`);
  }
  file.bytesRead += bytes;
  ctx.result = frame.subarray(dataHeaderBytes, dataHeaderBytes + bytes);
};
