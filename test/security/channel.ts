import { message, MSG, sftp, str, u32, u8 } from "./wire.ts";
import { within, type Peer } from "./peer.ts";

/** What a CHANNEL_OPEN says. */
export interface ChannelOptions {
  readonly type?: string;
  /** @default 2^31 - 1 */
  readonly window?: number;
  /** @default 32768 */
  readonly packetSize?: number;
}

const initialWindow = 0x7fff_ffff;
const maxReplyBytes = 64;

/** An SFTP reply: its type, its id, and the beginning of the rest. */
export interface SftpReply {
  readonly type: number;
  readonly id: number;
  readonly body: Buffer;
}

/** A channel of an attacker, and what came back on it. */
export class AttackChannel {
  readonly peer: Peer;
  readonly local: number;
  /** The server's number of it. */
  remote = 0;
  /** How much the server has allowed to be sent. */
  window = 0;
  opened = false;
  eof = false;
  closed = false;
  exitStatus: number | undefined;
  /** Bytes of data that have come. */
  received = 0;
  /** Ids of requests that have been sent and how often they were answered. */
  readonly answers = new Map<number, number>();
  /** Packets of a length that the protocol does not allow, or replies to nothing. */
  readonly odd: string[] = [];
  keepsBodies = false;
  #buffer: Buffer = Buffer.alloc(0);
  #nextId = 1;
  readonly #replies = new Map<number, SftpReply>();
  readonly #watchers = new Set<() => void>();

  constructor(peer: Peer) {
    this.peer = peer;
    this.local = peer.nextChannel();
    const before = peer.onMessage;
    peer.onMessage = (payload) => before?.(payload) === true || this.#take(payload);
  }

  /** Opens it. @throws Error when the server refuses, or leaves */
  static async open(peer: Peer, options: ChannelOptions = {}): Promise<AttackChannel> {
    const channel = new AttackChannel(peer);
    peer.send(openMessage(channel.local, options));
    const reply = await peer.expect(MSG.CHANNEL_OPEN_CONFIRMATION, MSG.CHANNEL_OPEN_FAILURE);
    if (reply[0] !== MSG.CHANNEL_OPEN_CONFIRMATION) throw new Error("The server refused the channel");
    channel.confirm(reply);
    return channel;
  }

  /** Opens one with the SFTP subsystem on it, and says INIT. */
  static async sftp(peer: Peer, options: ChannelOptions = {}): Promise<AttackChannel> {
    const channel = await AttackChannel.open(peer, options);
    await channel.subsystem();
    await channel.flow(sftp(1, u32(3)));
    await channel.until(() => channel.#replies.has(versionId));
    return channel;
  }

  confirm(reply: Buffer): void {
    this.remote = reply.readUInt32BE(5);
    this.window = reply.readUInt32BE(9);
    this.opened = true;
  }

  async subsystem(name = "sftp"): Promise<void> {
    this.request("subsystem", true, str(name));
    const reply = await this.peer.expect(MSG.CHANNEL_SUCCESS, MSG.CHANNEL_FAILURE);
    if (reply[0] !== MSG.CHANNEL_SUCCESS) throw new Error("The server refused the subsystem");
  }

  request(name: string | Uint8Array, wantReply: boolean, ...fields: readonly Uint8Array[]): void {
    this.peer.send(requestMessage(this.remote, name, wantReply, ...fields));
  }

  /** One message of data, whatever its size and the window. */
  data(bytes: Uint8Array): void {
    this.peer.send(message(MSG.CHANNEL_DATA, u32(this.remote), str(bytes)));
  }

  /** Data as a decent client sends it: within the window, in pieces of 32 KiB. */
  async flow(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      await this.until(() => this.window > 0 || this.closed);
      if (this.closed) return;
      const part = Math.min(bytes.length - at, this.window, 32_768);
      this.window -= part;
      this.data(bytes.subarray(at, at + part));
      at += part;
    }
  }

  adjust(bytes: number): void {
    this.peer.send(message(MSG.CHANNEL_WINDOW_ADJUST, u32(this.remote), u32(bytes)));
  }

  sendEof(): void {
    this.peer.send(message(MSG.CHANNEL_EOF, u32(this.remote)));
  }

  sendClose(): void {
    this.peer.send(message(MSG.CHANNEL_CLOSE, u32(this.remote)));
  }

  /** The bytes of a request with an id of its own, which has to be sent by the caller. */
  numbered(type: number, ...fields: readonly Uint8Array[]): { readonly id: number; readonly bytes: Buffer } {
    const id = this.#nextId++;
    this.answers.set(id, 0);
    return { id, bytes: sftp(type, u32(id), ...fields) };
  }

  /** Sends a request and resolves to its reply. */
  async ask(type: number, ...fields: readonly Uint8Array[]): Promise<SftpReply> {
    const { id, bytes } = this.numbered(type, ...fields);
    await this.flow(bytes);
    return this.reply(id);
  }

  async reply(id: number): Promise<SftpReply> {
    await this.until(() => this.#replies.has(id) || this.closed);
    const reply = this.#replies.get(id);
    if (reply === undefined) throw new Error(`Request ${id} was not answered: the channel was closed`);
    return reply;
  }

  /** Opens a file and answers its handle. */
  async openFile(path: string, flags: number): Promise<Buffer> {
    const { type, body } = await this.ask(3, str(path), u32(flags), u32(0));
    if (type !== 102) throw new Error(`OPEN of ${path} was refused`);
    return body.subarray(4);
  }

  /** Resolves when every request has its answer. @throws Error when it takes too long */
  async allAnswered(): Promise<void> {
    await this.until(() => this.closed || [...this.answers.values()].every((count) => count > 0));
  }

  /** Requests that were answered more than once; without an end of the connection, also those that were not. */
  get misanswered(): number[] {
    const ended = this.closed || this.peer.ending !== undefined;
    return [...this.answers].filter(([, count]) => count > 1 || (count === 0 && !ended)).map(([id]) => id);
  }

  /** Resolves when the condition holds, or the connection has ended. */
  async until(condition: () => boolean, limitMs = 15_000): Promise<void> {
    if (condition() || this.peer.ending !== undefined) return;
    let watch: () => void = () => {};
    const holds = new Promise<void>((resolve) => {
      watch = () => {
        if (condition()) resolve();
      };
      this.#watchers.add(watch);
    });
    try {
      await within(Promise.race([holds, this.peer.ended]), limitMs, "The channel did not come so far");
    } finally {
      this.#watchers.delete(watch);
    }
  }

  #take(payload: Buffer): boolean {
    const type = payload[0]!;
    if (!this.opened || payload.length < 5 || payload.readUInt32BE(1) !== this.local) return false;
    if (type === MSG.CHANNEL_WINDOW_ADJUST) this.window += payload.readUInt32BE(5);
    else if (type === MSG.CHANNEL_DATA) this.#takeData(payload.subarray(9));
    else if (type === MSG.CHANNEL_EOF) this.eof = true;
    else if (type === MSG.CHANNEL_CLOSE) this.closed = true;
    else if (type === MSG.CHANNEL_REQUEST && payload.includes("exit-status")) {
      this.exitStatus = payload.readUInt32BE(payload.length - 4);
    } else return false;
    for (const watch of this.#watchers) watch();
    return true;
  }

  #takeData(piece: Buffer): void {
    this.received += piece.length;
    this.#buffer = this.#buffer.length === 0 ? piece : Buffer.concat([this.#buffer, piece]);
    let at = 0;
    while (this.#buffer.length - at >= 4) {
      const length = this.#buffer.readUInt32BE(at);
      if (this.#buffer.length - at < 4 + length) break;
      this.#takeReply(this.#buffer.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.#buffer = this.#buffer.subarray(at);
  }

  #takeReply(packet: Buffer): void {
    const type = packet[0] ?? -1;
    const isVersion = type === 2;
    if (![2, 101, 102, 103, 104, 105, 201].includes(type) || packet.length < 5) this.odd.push(packet.toString("hex"));
    const id = isVersion ? versionId : packet.readUInt32BE(1);
    const known = this.answers.get(id);
    if (known !== undefined) this.answers.set(id, known + 1);
    else if (!isVersion) this.odd.push(`a reply to ${id}`);
    const body = packet.subarray(5, this.keepsBodies ? packet.length : Math.min(packet.length, 5 + maxReplyBytes));
    this.#replies.set(id, { type, id, body: Buffer.from(body) });
  }
}

/** Under which VERSION is kept; requests are numbered from 1. */
const versionId = -1;

export function openMessage(local: number, options: ChannelOptions = {}, ...rest: readonly Uint8Array[]): Buffer {
  const { type = "session", window = initialWindow, packetSize = 32_768 } = options;
  return message(MSG.CHANNEL_OPEN, str(type), u32(local), u32(window), u32(packetSize), ...rest);
}

export function requestMessage(
  remote: number,
  name: string | Uint8Array,
  wantReply: boolean,
  ...fields: readonly Uint8Array[]
): Buffer {
  return message(MSG.CHANNEL_REQUEST, u32(remote), str(name), u8(wantReply ? 1 : 0), ...fields);
}
