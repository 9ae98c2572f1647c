import { randomFillSync } from "node:crypto";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { SSH_MSG } from "./messages.ts";
import { hasNativeCrypto, type Ssh2Protocol } from "./ssh2.ts";

/** What a packet without its length field is a multiple of, for the ciphers that ssh2 applies in place. */
const blockBytes: Readonly<Record<string, number>> = {
  "aes128-gcm@openssh.com": 16,
  "aes256-gcm@openssh.com": 16,
  "chacha20-poly1305@openssh.com": 8,
};
const tagBytes = 16;
const leastPadding = 4;
/** Packet length, padding length, message number, channel, data length. */
const headBytes = 4 + 1 + 1 + 4 + 4;

/** Room for the largest reply, in packets of 32 KiB. */
const batchBytes = 272 * 1024;
/** Less than this leaves in a copy of its size: small replies to a client that does not read must not hold so large a buffer. */
const leastBatched = 16 * 1024;
/** Buffers kept for reuse, in the whole process: 4 MiB. */
const kept = 16;
const free: Buffer[] = [];

/**
 * Encrypts channel data into large buffers that are used again, and sends each by one write.
 *
 * ssh2 allocates a buffer for every packet, and memory outside of V8's heap sets its garbage collector to work: every 25 MiB or so it
 * would mark the whole heap, on all cores, which costs more than the encryption.
 */
export class Outbound {
  readonly #protocol: Ssh2Protocol;
  readonly #socket: Duplex;
  /** Only a network socket has copied what it has written. */
  readonly #copies: boolean;
  #block: number | undefined;
  #batch: Buffer | undefined;
  #used = 0;
  #packing: Buffer | undefined;
  #scheduled = false;

  /** Has to be made before the first key exchange: ciphers are given `_onWrite` when they are made. */
  constructor(protocol: Ssh2Protocol, socket: Duplex) {
    this.#protocol = protocol;
    this.#socket = socket;
    this.#copies = socket instanceof Socket;
    const write = protocol._onWrite;
    protocol._onWrite = (packet) => {
      if (packet === this.#packing) {
        this.#packing = undefined;
        this.#used += packet.length;
        return;
      }
      this.#flush();
      write(packet);
    };
    const channelData = protocol.channelData.bind(protocol);
    protocol.channelData = (channel, data) => {
      const block = protocol._kexinit === undefined ? this.#block : undefined;
      if (block === undefined) channelData(channel, data);
      else this.#pack(block, channel, data);
    };
  }

  /** Called when new keys are in use, with what was agreed on. What is to be compressed is left to ssh2. */
  renewed({ cipher, compress }: { readonly cipher: string; readonly compress: string }): void {
    this.#block = hasNativeCrypto && compress === "none" ? blockBytes[cipher] : undefined;
  }

  /** Makes a packet (RFC 4253, section 6) of CHANNEL_DATA (RFC 4254, section 5.2) behind those that wait. */
  #pack(block: number, channel: number, data: Buffer): void {
    const plain = headBytes - 4 + data.length;
    const short = block - (plain % block);
    const padding = short < leastPadding ? short + block : short;
    const length = 4 + plain + padding + tagBytes;
    const packet = this.#room(length);
    packet.writeUInt32BE(plain + padding, 0);
    packet[4] = padding;
    packet[5] = SSH_MSG.CHANNEL_DATA;
    packet.writeUInt32BE(channel, 6);
    packet.writeUInt32BE(data.length, 10);
    packet.set(data, headBytes);
    fillRandom(packet, headBytes + data.length, padding);
    this.#protocol._cipher.encrypt(packet);
    // A cipher that is not in use any more encrypts nothing, and says so by writing nothing: then the packet does not count.
    this.#packing = undefined;
  }

  /** Where a packet is made: behind those that wait. */
  #room(length: number): Buffer {
    if (this.#used + length > batchBytes) this.#flush();
    this.#batch ??= free.pop() ?? Buffer.allocUnsafeSlow(batchBytes);
    this.#schedule();
    return (this.#packing = this.#batch.subarray(this.#used, this.#used + length));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Makes what waits for the end of the turn leave now. */
  push(): void {
    this.#flush();
    this.#socket.uncork();
  }

  #flush(): void {
    const batch = this.#batch;
    const used = this.#used;
    this.#batch = undefined;
    this.#used = 0;
    if (batch === undefined) return;
    if (used === 0 || !this.#socket.writable || this.#socket.readableEnded) {
      giveBack(batch);
    } else if (this.#copies && used >= (this.#socket.writableLength === 0 ? leastBatched : batchBytes / 2)) {
      this.#socket.write(batch.subarray(0, used), () => giveBack(batch));
    } else {
      this.#socket.write(Buffer.from(batch.subarray(0, used)));
      giveBack(batch);
    }
  }
}

function giveBack(batch: Buffer): void {
  if (free.length < kept) free.push(batch);
}

const random = Buffer.allocUnsafeSlow(8192);
let randomUsed = random.length;

/** A call for each packet's few bytes would cost as much as encrypting it. */
function fillRandom(packet: Buffer, at: number, length: number): void {
  if (randomUsed + length > random.length) {
    randomFillSync(random);
    randomUsed = 0;
  }
  random.copy(packet, at, randomUsed, randomUsed + length);
  randomUsed += length;
}
