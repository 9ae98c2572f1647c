import type { Duplex } from "node:stream";
import { SSH_MSG } from "./messages.ts";
import { borrow, isBorrowed, stopBorrowing } from "./reads.ts";
import { hasNativeCrypto, type Ssh2Protocol } from "./ssh2.ts";

/**
 * Lets channel data be used where it was read and decrypted, without a copy in between; ssh2 keeps parts of other messages, and is given
 * copies of those.
 */
export class Inbound {
  readonly #protocol: Ssh2Protocol;
  readonly #socket: Duplex;
  #borrowing = false;

  /** @param take called with channel data that is valid until it returns; the channel by ssh2's number */
  constructor(protocol: Ssh2Protocol, socket: Duplex, take: (channel: number, data: Buffer) => void) {
    this.#protocol = protocol;
    this.#socket = socket;
    protocol._handlers.CHANNEL_DATA = (_protocol, channel, data) => take(channel, data);
  }

  /** Called when new keys are in use, with what was agreed on: ssh2 has made a new reader of packets with them. */
  renewed({ compress }: { readonly compress: string }): void {
    // Without its addon, ssh2 decrypts to buffers of its own, and its parts keep pieces of what was read; so does what decompresses.
    this.#borrowing = hasNativeCrypto && compress === "none" && borrow(this.#socket);
    if (!this.#borrowing) return stopBorrowing(this.#socket);
    const { read } = this.#protocol._packetRW;
    read.read = (payload) => (payload[0] === SSH_MSG.CHANNEL_DATA ? payload : Buffer.from(payload));
  }

  /** Called when ssh2 has seen a piece of what arrived: a packet whose tag is still to come must outlive it. */
  settle(): void {
    if (!this.#borrowing) return;
    const decipher = this.#protocol._decipher;
    if (decipher._packet && isBorrowed(decipher._packet)) decipher._packet = Buffer.from(decipher._packet);
  }
}
