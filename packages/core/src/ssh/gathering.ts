/** Longer frames go by themselves: copying them costs more than their company saves. */
const smallBytes = 4 * 1024;
/** As much as most clients take in one packet of channel data. */
const packetBytes = 32 * 1024;
/** So long a reply waits for others of its turn, in milliseconds: the client works on the first while the last are served. */
const waitMs = 0.2;

/** Buffers kept for reuse, in the whole process: a channel needs one for a turn at most, since what it writes is a copy. */
const spare: Buffer[] = [];
const maxSpare = 16;

/**
 * Puts the small frames of one turn of the event loop together, so that they leave in few SSH packets: each costs both sides more than
 * serving a small request does.
 */
export class Gathering {
  readonly #write: (bytes: Buffer, sent?: () => void) => void;
  readonly #push: () => void;
  readonly #now: () => number;
  #room: Buffer | undefined;
  #used = 0;
  #since = 0;
  #sent: (() => void)[] = [];

  /**
   * @param write takes what was put together
   * @param push makes what was written leave now, and not at the end of the turn
   * @param now the time, in milliseconds
   */
  constructor(
    write: (bytes: Buffer, sent?: () => void) => void,
    push: () => void,
    now: () => number = () => performance.now(),
  ) {
    this.#write = write;
    this.#push = push;
    this.#now = now;
  }

  /** Takes a frame that is small, to be written in this turn. @returns whether it was small */
  add(frame: Uint8Array, sent?: () => void): boolean {
    if (frame.length > smallBytes) return false;
    if (this.#used + frame.length > packetBytes) this.flush();
    const now = this.#now();
    if (this.#room === undefined) {
      this.#room = spare.pop() ?? Buffer.allocUnsafeSlow(packetBytes);
      this.#since = now;
      process.nextTick(() => this.flush());
    }
    this.#room.set(frame, this.#used);
    this.#used += frame.length;
    if (sent !== undefined) this.#sent.push(sent);
    if (now - this.#since >= waitMs) {
      this.flush();
      this.#push();
    }
    return true;
  }

  /** Writes what there is: before anything else is written, and before the channel is closed. */
  flush(): void {
    const room = this.#room;
    if (room === undefined) return;
    const bytes = Buffer.from(room.subarray(0, this.#used));
    const sent = this.#sent;
    this.#room = undefined;
    this.#used = 0;
    if (spare.length < maxSpare) spare.push(room);
    if (sent.length === 0) {
      this.#write(bytes);
      return;
    }
    this.#sent = [];
    this.#write(bytes, () => {
      for (const tell of sent) tell();
    });
  }
}
