import { randomBytes } from "node:crypto";
import { fromNodeError, SftpError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { BadPacket, OutOfRange } from "./protocol/reader.ts";

/** The refusal that an error stands for, or nothing where it is a fault of ours. */
export function asRefusal(error: unknown): SftpError | undefined {
  if (error instanceof BadPacket) return new SftpError("badMessage", error.message);
  if (error instanceof OutOfRange) return new SftpError("invalidParameter", error.message);
  const known = fromNodeError(error);
  return SftpError.is(known) ? known : undefined;
}

/**
 * What the client is told of an error. A refusal is told as it is; anything else is logged whole under an id, and the client reads
 * the id alone.
 */
export function refusalOf(error: unknown, log: Logger): SftpError {
  const known = asRefusal(error);
  if (known !== undefined) {
    log.debug({ status: known.status, detail: known.detail }, known.message);
    return known;
  }
  const id = randomBytes(6).toString("hex");
  log.error({ err: error, errorId: id }, "A request failed");
  return new SftpError("failure", `Internal error ${id}`, { cause: error });
}
