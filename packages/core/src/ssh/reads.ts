import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** More than a packet, so that few packets lie in two reads, and not so much that one peer holds up the others for long. */
const readBytes = 256 * 1024;
/** A read of small messages is served in one turn: this many bytes of them take some milliseconds, and `readBytes` of them a hundred. */
const smallReadBytes = 8 * 1024;
/** Messages longer than this on the average are data that is moved; after so many reads of them in a row, reads are long. */
const dataBytes = 2 * 1024;
const readsOfData = 4;
/** Fewer messages than this are no flood, however small: the end of a packet of data often comes by itself. */
const fewMessages = 8;
let shared: { readonly whole: Buffer; readonly small: Buffer } | undefined;

interface Borrower {
  /** Whether whoever listens is done with a piece when it returns. */
  borrows: boolean;
  /** Reads in a row that held data. */
  dataReads: number;
}

/** Sockets that read into the shared memory. */
const borrowers = new WeakMap<Duplex, Borrower>();

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
  const { whole, small } = (shared ??= allocate());
  const borrower: Borrower = { borrows: false, dataReads: 0 };
  const callback = (length: number): boolean => {
    const piece = whole.subarray(0, length);
    socket.emit("data", borrower.borrows ? piece : Buffer.from(piece));
    return true;
  };
  // Asked before the first read and after every one.
  const buffer = (): Buffer => (borrower.dataReads >= readsOfData ? whole : small);
  inner._handle = null;
  const options = { handle, pauseOnCreate: true, onread: { buffer, callback } };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  borrowers.set(socket, borrower);
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
  const borrower = borrowers.get(socket);
  if (borrower !== undefined) borrower.borrows = true;
  return borrower !== undefined;
}

/** From now on, pieces are copies again. */
export function stopBorrowing(socket: Duplex): void {
  const borrower = borrowers.get(socket);
  if (borrower !== undefined) borrower.borrows = false;
}

/** Whether bytes lie in the memory that the next read overwrites. */
export function isBorrowed(bytes: Uint8Array): boolean {
  return bytes.buffer === shared?.whole.buffer;
}

/** Told how many messages were in a read: small ones are read by less at a time, so that a flood of them does not hold up the others. */
export function adaptReads(socket: Duplex, bytes: number, messages: number): void {
  const borrower = borrowers.get(socket);
  if (borrower === undefined) return;
  if (messages >= fewMessages && bytes < messages * dataBytes) borrower.dataReads = 0;
  else if (bytes >= smallReadBytes) borrower.dataReads += 1;
}

function allocate(): { readonly whole: Buffer; readonly small: Buffer } {
  const whole = Buffer.allocUnsafeSlow(readBytes);
  return { whole, small: whole.subarray(0, smallReadBytes) };
}
