import type { Duplex } from "node:stream";
import type { Channel } from "../channel.ts";
import { Gathering } from "./gathering.ts";
import type { ServerChannel, Ssh2Protocol, Ssh2Window } from "./ssh2.ts";

/** Bytes waiting, in the channel or in the socket, from which a client counts as one that does not read. */
const highWater = 1024 * 1024;

/** What a client may send before it is told that it may send more: ssh2 begins with that. */
const windowBytes = 2 * 1024 * 1024;

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

  readonly #protocol: Ssh2Protocol;
  #paused = false;
  readonly #rekeying: () => boolean;
  readonly #ended: (channel: SshChannel) => void;
  readonly #small: Gathering;

  /**
   * @param rekeying whether keys are being exchanged: nothing can be sent meanwhile
   * @param ended called when the session has ended the channel
   * @param push makes what has been written leave now, and not at the end of the turn
   */
  constructor(
    stream: ServerChannel,
    socket: Duplex,
    protocol: Ssh2Protocol,
    rekeying: () => boolean,
    ended: (channel: SshChannel) => void,
    push: () => void,
  ) {
    this.#protocol = protocol;
    this.#rekeying = rekeying;
    this.#ended = ended;
    this.#stream = stream;
    this.#socket = socket;
    this.#small = new Gathering((bytes, sent) => this.#write(bytes, sent), push);
    stream.on("error", () => this.closed());
  }

  listen(listener: Listener): void {
    this.#listener = listener;
    this.#stream.on("end", () => listener.eof());
    this.#stream.resume();
  }

  /** The channel's number on this side. */
  get id(): number {
    return this.#windows.incoming.id;
  }

  /** Takes channel data past ssh2's stream, which would keep it: it is valid until this returns. */
  receive(data: Buffer): void {
    this.#windows.incoming.window -= data.length;
    this.#listener?.data(data);
    this.#grant();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#grant();
  }

  /** Opens the window again when half of it is used (RFC 4254, section 5.2). */
  #grant(): void {
    const { incoming, outgoing } = this.#windows;
    if (this.#paused || !this.#writable || incoming.window > windowBytes / 2) return;
    const bytes = windowBytes - incoming.window;
    incoming.window += bytes;
    this.#protocol.channelWindowAdjust(outgoing.id, bytes);
  }

  get #windows(): { readonly incoming: Ssh2Window; readonly outgoing: Ssh2Window } {
    return this.#stream as unknown as { readonly incoming: Ssh2Window; readonly outgoing: Ssh2Window };
  }

  send(bytes: Uint8Array, sent?: () => void): void {
    if (this.#small.add(bytes, sent)) return;
    this.#small.flush();
    this.#write(bytes, sent);
  }

  #write(bytes: Uint8Array, sent?: () => void): void {
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
    this.#small.flush();
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
    this.#small.flush();
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
