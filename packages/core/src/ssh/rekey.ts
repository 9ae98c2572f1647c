import type { Ssh2Protocol } from "./ssh2.ts";

/** When keys are exchanged anew (RFC 4253, section 9; RFC 4344, section 3). */
export interface RekeyLimits {
  /** Bytes in both directions. @default 1073741824 */
  readonly bytes: number;
  /** Packets in one direction: sequence numbers wrap at 2^32, and must not be used twice with one key. @default 2147483648 */
  readonly packets: number;
  /** @default 3600000 */
  readonly ms: number;
  /** How long an exchange may take; then the connection is dropped. @default 30000 */
  readonly deadlineMs: number;
}

/** When keys are exchanged where nothing is said. */
export const defaultRekeyLimits: RekeyLimits = { bytes: 2 ** 30, packets: 2 ** 31, ms: 3_600_000, deadlineMs: 30_000 };

/**
 * Watches one connection's keys: starts an exchange when they are used up, and ends a connection whose exchange does not finish.
 *
 * No sequence number comes twice under one key, without a second bound: an exchange begins 2^31 packets after the last at the latest, give or take the 8,192 that one
 * read may hold, and is over or the connection gone `deadlineMs` later. To wrap at 2^32, the peer would have to send 2^31 packets more within the 30 seconds of the
 * default, 71 million a second; the smallest has 32 bytes, so that this is 2.3 GB a second, of which each packet is decrypted by itself. Even at a microsecond for each
 * packet, which is less than decrypting one takes, 2^31 of them are 36 minutes. Nothing new is served meanwhile, so what we send grows by less.
 */
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
    if (this.active || !this.#protocol._authenticated) return;
    const { at, bytes, sent, received } = this.#since;
    const packets = Math.max(
      (this.#protocol._cipher.outSeqno - sent) >>> 0,
      (this.#protocol._decipher.inSeqno - received) >>> 0,
    );
    const due =
      this.#bytes() - bytes >= this.#limits.bytes ||
      packets >= this.#limits.packets ||
      Date.now() - at >= this.#limits.ms;
    if (!due) return;
    this.begun();
    this.#protocol.rekey();
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
