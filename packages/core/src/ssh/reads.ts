import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** More than a packet, so that few packets lie in two reads, and not so much that one peer holds up the others for long. */
const readBytes = 256 * 1024;
let shared: Buffer | undefined;

/** Sockets that read into the shared memory: whether whoever listens is done with a piece when it returns. */
const borrowers = new WeakMap<Duplex, boolean>();

/**
 * Lets an accepted socket read into memory that all sockets share: Node would allocate 64 KiB for every read, and memory outside of V8's
 * heap sets its garbage collector to work. Until `borrow` is called, listeners are given copies.
 *
 * Node offers this (`onread`) to sockets that connect, and for those that are accepted by passing on the handle. Where the handle is not
 * what it is known to be, the socket stays as it is. So it does on Windows, where a read has its memory before there is data.
 *
 * @param accepted paused, and not listened to yet; it must not be used afterwards
 */
export function shareReads(accepted: Socket): Socket {
  const inner = accepted as unknown as { _handle: { useUserBuffer?: unknown } | null };
  const handle = inner._handle;
  if (process.platform === "win32" || typeof handle?.useUserBuffer !== "function") return accepted;
  const buffer = (shared ??= Buffer.allocUnsafeSlow(readBytes));
  const callback = (length: number): boolean => {
    const piece = buffer.subarray(0, length);
    socket.emit("data", borrowers.get(socket) === true ? piece : Buffer.from(piece));
    return true;
  };
  inner._handle = null;
  const options = { handle, pauseOnCreate: true, onread: { buffer, callback } };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  borrowers.set(socket, false);
  // The server counts the sockets that it has accepted.
  accepted.destroy();
  return socket;
}

/**
 * From now on, pieces are valid only until the listeners return.
 *
 * @returns whether this socket's pieces are
 */
export function borrow(socket: Duplex): boolean {
  if (!borrowers.has(socket)) return false;
  borrowers.set(socket, true);
  return true;
}

/** From now on, pieces are copies again. */
export function stopBorrowing(socket: Duplex): void {
  if (borrowers.has(socket)) borrowers.set(socket, false);
}

/** Whether bytes lie in the memory that the next read overwrites. */
export function isBorrowed(bytes: Uint8Array): boolean {
  return bytes.buffer === shared?.buffer;
}
