import type { Duplex } from "node:stream";
import type { Channel } from "../channel.ts";
import type { ServerChannel } from "./ssh2.ts";

/** Bytes waiting, in the channel or in the socket, from which a client counts as one that does not read. */
const highWater = 1024 * 1024;

type Listener = Parameters<Channel["listen"]>[0];

/** ssh2's channel as a session uses it: every buffer that was sent is given back, whatever becomes of the channel. */
export class SshChannel implements Channel {
  readonly #stream: ServerChannel;
  readonly #socket: Duplex;
  readonly #pending = new Set<() => void>();
  #listener: Listener | undefined;
  #writable = true;
  #closed = false;
  #wasCongested = false;

  readonly #rekeying: () => boolean;
  readonly #ended: (channel: SshChannel) => void;

  /**
   * @param rekeying whether keys are being exchanged: nothing can be sent meanwhile
   * @param ended called when the session has ended the channel
   */
  constructor(stream: ServerChannel, socket: Duplex, rekeying: () => boolean, ended: (channel: SshChannel) => void) {
    this.#rekeying = rekeying;
    this.#ended = ended;
    this.#stream = stream;
    this.#socket = socket;
    stream.on("error", () => this.closed());
  }

  listen(listener: Listener): void {
    this.#listener = listener;
    this.#stream.on("data", (piece: Buffer) => listener.data(piece));
    this.#stream.on("end", () => listener.eof());
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (this.#stream.isPaused()) this.#stream.resume();
  }

  send(bytes: Uint8Array, sent?: () => void): void {
    if (!this.#writable) {
      sent?.();
      return;
    }
    cork(this.#socket);
    if (sent !== undefined) this.#pending.add(sent);
    this.#stream.write(bytes, () => {
      if (sent !== undefined && this.#pending.delete(sent)) sent();
      this.drained();
    });
  }

  get congested(): boolean {
    const waiting =
      this.#stream.writableLength > highWater || this.#socket.writableLength > highWater || this.#rekeying();
    if (waiting) this.#wasCongested = true;
    return waiting;
  }

  /** Called when the channel or the socket has sent something. */
  drained(): void {
    if (!this.#wasCongested || this.congested) return;
    this.#wasCongested = false;
    this.#listener?.drained();
  }

  end(exitStatus: number): void {
    this.#ended(this);
    if (!this.#writable) return;
    // What the peer does not take must not keep the channel open.
    const stuck = this.#stream.writableLength > 0 && exitStatus !== 0;
    this.#stream.exit(exitStatus);
    this.stopWriting();
    if (stuck) this.#stream.close();
    else this.#stream.end();
  }

  /** The peer has closed the channel: it still may have sent requests, but reads no replies. */
  stopWriting(): void {
    this.#writable = false;
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const sent of pending) sent();
  }

  /** The connection is gone, and with it what was not read yet. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.stopWriting();
    this.#listener?.closed();
  }
}

const corked = new WeakSet<Duplex>();

/** Lets the packets of one turn leave in one system call: a frame becomes eight SSH packets, and each would be a write. */
function cork(socket: Duplex): void {
  if (corked.has(socket)) return;
  corked.add(socket);
  socket.cork();
  process.nextTick(() => {
    corked.delete(socket);
    socket.uncork();
  });
}
