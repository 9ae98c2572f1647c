import type { Duplex } from "node:stream";

/** Unsent bytes from which nothing more is read from a peer. */
const highWater = 1024 * 1024;

/**
 * Stops reading from a peer that does not read: ssh2 answers whatever arrives and never asks whether the answers leave, so a flood of
 * requests would fill the memory. A peer that takes nothing for `stallMs` is given up.
 */
export function watchStall(socket: Duplex, stallMs: number, stalled: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  let left = 0;
  const check = (): void => {
    if (timer !== undefined || socket.writableLength <= highWater) return;
    socket.pause();
    left = socket.writableLength;
    timer = setTimeout(expired, stallMs);
  };
  const expired = (): void => {
    // Some of it has left meanwhile: slow is not stalled.
    if (socket.writableLength < left) {
      left = socket.writableLength;
      timer = setTimeout(expired, stallMs);
    } else stalled();
  };
  socket.on("data", check);
  socket.on("drain", () => {
    clearTimeout(timer);
    if (timer !== undefined) socket.resume();
    timer = undefined;
  });
  socket.once("close", () => clearTimeout(timer));
}
