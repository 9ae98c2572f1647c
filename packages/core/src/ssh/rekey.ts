import type { RekeyLimits } from "./rekey-limits.ts";
import type { Ssh2Protocol } from "./ssh2.ts";

/**
 * Packets under one key from which a connection is ended rather than served, whatever the limits say: sequence numbers wrap at 2^32, and none may come twice under one key
 * (RFC 4344, section 3.1). Far more than an exchange that is due at 2^31 leaves time for: a peer that sends so many meanwhile does not want new keys.
 */
const mostPackets = 2 ** 31 + 2 ** 28;

/** Watches one connection's keys: starts an exchange when they are used up, and ends a connection whose exchange does not finish, in time or before its numbers are. */
export class RekeyWatch {
  readonly #protocol: Ssh2Protocol;
  readonly #limits: RekeyLimits;
  readonly #bytes: () => number;
  readonly #overdue: () => void;
  #since = { at: Date.now(), bytes: 0, sent: 0, received: 0 };
  #deadline: NodeJS.Timeout | undefined;

  /** @param bytes bytes moved so far, in both directions */
  constructor(protocol: Ssh2Protocol, limits: RekeyLimits, bytes: () => number, overdue: () => void) {
    this.#protocol = protocol;
    this.#limits = limits;
    this.#bytes = bytes;
    this.#overdue = overdue;
    this.begun();
  }

  /** Whether keys are being exchanged: nothing new is served meanwhile, since ssh2 would queue the replies without bound. */
  get active(): boolean {
    return this.#deadline !== undefined;
  }

  /** Called on every piece of data: starts an exchange when one is due. */
  check(): void {
    const { at, bytes } = this.#since;
    const packets = this.#packets();
    if (packets >= mostPackets) {
      this.#overdue();
      return;
    }
    if (this.active || !this.#protocol._authenticated) return;
    const due =
      this.#bytes() - bytes >= this.#limits.bytes ||
      packets >= this.#limits.packets ||
      Date.now() - at >= this.#limits.ms;
    if (!due) return;
    this.begun();
    this.#protocol.rekey();
  }

  /** Packets under the keys of now, in the direction that has more. */
  #packets(): number {
    const { outSeqno } = this.#protocol._cipher;
    const { inSeqno } = this.#protocol._decipher;
    // With strict key exchange, numbers begin anew with each key: in the middle of an exchange, when one direction has its own already.
    if (this.#protocol._strictMode === true) return Math.max(outSeqno, inSeqno);
    return Math.max((outSeqno - this.#since.sent) >>> 0, (inSeqno - this.#since.received) >>> 0);
  }

  /** An exchange has begun, on either side. */
  begun(): void {
    this.#deadline ??= setTimeout(() => this.#overdue(), this.#limits.deadlineMs);
  }

  /** The new keys are in use. */
  done(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    this.#since = {
      at: Date.now(),
      bytes: this.#bytes(),
      sent: this.#protocol._cipher.outSeqno,
      received: this.#protocol._decipher.inSeqno,
    };
  }

  /** The connection is gone. */
  stop(): void {
    clearTimeout(this.#deadline);
  }
}
