import { connect, type Socket } from "node:net";
import { KeyExchange, kexInit, PacketCipher, type Offer } from "./keys.ts";
import { message, MSG, str, u32, u8 } from "./wire.ts";

/** How far a peer goes by itself before the attack begins. */
export type Stage = "tcp" | "ident" | "kexinit" | "keys" | "service" | "login";
const stages: readonly Stage[] = ["tcp", "ident", "kexinit", "keys", "service", "login"];

export interface PeerOptions {
  readonly port: number;
  /** @default "login" */
  readonly stage?: Stage;
  /** The source address; any of 127.0.0.0/8. */
  readonly from?: string;
  readonly username?: string;
  readonly password?: string;
  /** Keeps our side open when the server has closed its own. */
  readonly halfOpen?: boolean;
  readonly ident?: string;
  readonly offer?: Offer;
  /** Whether key exchanges that the server begins are answered. @default true */
  readonly answerRekey?: boolean;
}

/** How the server ended a connection. */
export interface Ending {
  /** The reason of SSH_MSG_DISCONNECT, if there was one. */
  readonly disconnect: number | undefined;
  readonly reset: boolean;
}

/** Who can log in. */
export const account = { username: "tester", password: "correct horse battery staple" } as const;

/** Messages kept that nobody has asked for: a flood must not fill our own memory. */
const maxInbox = 20_000;
/** How long the server may take for what it owes at once; the machine may be busy. */
const patienceMs = 15_000;

interface Waiter {
  readonly types: readonly number[];
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A client of SSH that sends whatever it is told: any bytes before the keys, any payload behind them. It shares no code with the server, and
 * nothing that the server sends makes it stop.
 */
export class Peer {
  readonly socket: Socket;
  readonly options: PeerOptions;
  /** How many messages of each type have come. */
  readonly counts = new Map<number, number>();
  /** Called for each message, before it is kept. */
  onMessage: ((payload: Buffer) => boolean | void) | undefined;
  /** Our port, by which the server's log can be searched. */
  localPort = 0;
  serverIdent = "";
  sessionId: Buffer | undefined;
  exchanges = 0;
  ending: Ending | undefined;
  readonly ended: Promise<Ending>;
  readonly #inbox: Buffer[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #clientIdent: string;
  #buffer: Buffer = Buffer.alloc(0);
  #out: PacketCipher | undefined;
  #in: PacketCipher | undefined;
  #nextIn: PacketCipher | undefined;
  #exchange: KeyExchange | undefined;
  #clientInit: Buffer | undefined;
  #serverInit: Buffer | undefined;
  #held: Buffer[] | undefined;
  #disconnect: number | undefined;
  #channels = 0;

  private constructor(options: PeerOptions) {
    this.options = options;
    this.#clientIdent = `SSH-2.0-${options.ident ?? "attack"}`;
    this.socket = connect({
      port: options.port,
      host: "127.0.0.1",
      allowHalfOpen: options.halfOpen ?? false,
      noDelay: true,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
    });
    let reset = false;
    this.socket.on("error", () => (reset = true));
    this.socket.on("data", (piece: Buffer) => this.#take(piece));
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.ending ??= { disconnect: this.#disconnect, reset };
        for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#gone());
        resolve(this.ending);
      };
      this.socket.on("end", end);
      this.socket.on("close", end);
    });
  }

  /** Connects, and goes as far as the options say. */
  static async connect(options: PeerOptions): Promise<Peer> {
    const peer = new Peer(options);
    await new Promise<void>((resolve, reject) => {
      peer.socket.once("connect", resolve);
      peer.socket.once("error", reject);
    });
    peer.localPort = peer.socket.localPort ?? 0;
    try {
      await peer.advance(options.stage ?? "login");
    } catch (error) {
      peer.close();
      throw error;
    }
    return peer;
  }

  /** Goes through the stages up to this one. */
  async advance(stage: Stage): Promise<void> {
    const last = stages.indexOf(stage);
    if (last >= 1) {
      this.write(`${this.#clientIdent}\r\n`);
      if (last === 1) return;
    }
    if (last >= 2) this.#beginExchange();
    if (last >= 3) await this.expect(MSG.NEWKEYS);
    if (last >= 4) {
      this.send(message(MSG.SERVICE_REQUEST, str("ssh-userauth")));
      await this.expect(MSG.SERVICE_ACCEPT);
    }
    if (last >= 5) await this.login();
  }

  async login(username?: string, password?: string): Promise<void> {
    this.send(passwordRequest(username ?? this.options.username, password ?? this.options.password));
    const reply = await this.expect(MSG.USERAUTH_SUCCESS, MSG.USERAUTH_FAILURE);
    if (reply[0] !== MSG.USERAUTH_SUCCESS) throw new Error("The login failed");
  }

  /** Bytes as they are. */
  write(bytes: string | Uint8Array): void {
    if (!this.socket.destroyed && this.socket.writable) this.socket.write(bytes);
  }

  /** A message in a packet, encrypted once there are keys. Waits while keys are exchanged. */
  send(...payloads: readonly Uint8Array[]): void {
    if (this.#held !== undefined) this.#held.push(...payloads.map((payload) => Buffer.from(payload)));
    else this.sendNow(...payloads);
  }

  /** As `send`, but even in the middle of a key exchange. Several leave in one piece. */
  sendNow(...payloads: readonly Uint8Array[]): void {
    this.write(Buffer.concat(payloads.map((payload) => this.seal(payload))));
  }

  /** The packet of a message, of which our side counts that it was sent. */
  seal(payload: Uint8Array): Buffer {
    return this.#out?.seal(payload) ?? plainPacket(payload);
  }

  /** A packet with lengths of the attacker's choice. */
  sealPlain(plain: Uint8Array, length?: number): Buffer {
    return this.#out?.sealPlain(plain, length) ?? Buffer.concat([u32(length ?? plain.length), plain]);
  }

  /** Resolves when what has been written has left, or never will. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.writableLength === 0 || !this.socket.writable) resolve();
      // Called when everything before it has left, or the socket is gone; "drain" comes only where the buffer was full.
      else this.socket.write("", () => resolve());
    });
  }

  /** The next message of one of these types; others that came before it are kept. */
  expect(...types: readonly number[]): Promise<Buffer> {
    const at = this.#inbox.findIndex((payload) => types.includes(payload[0]!));
    if (at !== -1) return Promise.resolve(this.#inbox.splice(at, 1)[0]!);
    if (this.ending !== undefined) return Promise.reject(this.#gone());
    const waiting = new Promise<Buffer>((resolve, reject) => this.#waiters.push({ types, resolve, reject }));
    return within(waiting, patienceMs, `The server sent none of the messages ${types.join(", ")}`);
  }

  /** How the server ended the connection. @throws Error when it keeps it */
  dropped(withinMs: number = patienceMs): Promise<Ending> {
    return within(this.ended, withinMs, "The server kept the connection");
  }

  /** Resolves when the server has answered everything sent so far: it answers what it does not know, in order. */
  async roundTrip(): Promise<void> {
    this.send(globalRequest("sync@attack", true));
    await this.expect(MSG.REQUEST_FAILURE, MSG.REQUEST_SUCCESS);
  }

  /** Starts a key exchange; resolves when it is complete. */
  async rekey(): Promise<void> {
    if (this.#clientInit === undefined) this.#beginExchange();
    await this.expect(MSG.NEWKEYS);
  }

  /** Begins a key exchange and leaves it at that. */
  beginRekey(offer?: Offer): void {
    this.sendNow(kexInit(offer ?? this.options.offer));
  }

  close(): void {
    this.socket.destroy();
  }

  /** A number for a channel of ours. */
  nextChannel(): number {
    return this.#channels++;
  }

  #gone(): Error {
    const { disconnect } = this.ending ?? {};
    return new Error(`The server closed the connection${disconnect === undefined ? "" : `, reason ${disconnect}`}`);
  }

  #beginExchange(): void {
    this.#clientInit = kexInit(this.options.offer);
    this.sendNow(this.#clientInit);
    this.#held = [];
    this.#continueExchange();
  }

  #continueExchange(): void {
    if (this.#serverInit === undefined) return;
    if (this.#clientInit === undefined) {
      if (this.options.answerRekey === false || this.sessionId === undefined) return;
      this.#beginExchange();
      return;
    }
    this.#exchange = new KeyExchange();
    this.sendNow(this.#exchange.init);
  }

  #finishExchange(reply: Buffer): void {
    if (this.#exchange === undefined) return;
    const shared = this.#exchange.finish(reply, {
      clientIdent: this.#clientIdent,
      serverIdent: this.serverIdent,
      clientInit: this.#clientInit!,
      serverInit: this.#serverInit!,
    });
    this.sessionId ??= shared.hash;
    this.sendNow(message(MSG.NEWKEYS));
    this.#out = new PacketCipher(shared, this.sessionId, true);
    this.#nextIn = new PacketCipher(shared, this.sessionId, false);
    this.#exchange = this.#clientInit = this.#serverInit = undefined;
    this.exchanges += 1;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const payload of held) this.sendNow(payload);
  }

  #take(piece: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? piece : Buffer.concat([this.#buffer, piece]);
    if (this.serverIdent === "" && !this.#takeIdent()) return;
    let at = 0;
    for (;;) {
      const packet = this.#packetAt(at);
      if (packet === undefined) break;
      at += packet.length;
      let payload: Buffer;
      try {
        payload = this.#in?.open(packet) ?? packet.subarray(5, packet.length - packet[4]!);
      } catch {
        // Once its keys are gone, what the server says is of no use.
        this.socket.destroy();
        return;
      }
      this.#deliver(payload);
    }
    this.#buffer = this.#buffer.subarray(at);
  }

  #takeIdent(): boolean {
    const end = this.#buffer.indexOf("\n");
    if (end === -1) return false;
    this.serverIdent = this.#buffer.subarray(0, end).toString("latin1").replace(/\r$/, "");
    this.#buffer = this.#buffer.subarray(end + 1);
    return true;
  }

  #packetAt(at: number): Buffer | undefined {
    if (this.#buffer.length - at < 4) return undefined;
    const length = this.#buffer.readUInt32BE(at) + 4 + (this.#in === undefined ? 0 : 16);
    return this.#buffer.length - at < length ? undefined : this.#buffer.subarray(at, at + length);
  }

  #deliver(payload: Buffer): void {
    const type = payload[0] ?? -1;
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
    if (type === MSG.KEXINIT) {
      this.#serverInit = Buffer.from(payload);
      this.#continueExchange();
    } else if (type === MSG.KEX_ECDH_REPLY) this.#finishExchange(payload);
    else if (type === MSG.NEWKEYS) this.#in = this.#nextIn;
    else if (type === MSG.DISCONNECT) this.#disconnect = payload.readUInt32BE(1);
    if (this.onMessage?.(payload) === true) return;
    const waiter = this.#waiters.findIndex(({ types }) => types.includes(type));
    if (waiter !== -1) this.#waiters.splice(waiter, 1)[0]!.resolve(payload);
    else if (this.#inbox.length < maxInbox) this.#inbox.push(payload);
  }
}

/** A packet before there are keys (RFC 4253, section 6). */
export function plainPacket(payload: Uint8Array): Buffer {
  const rest = 8 - ((payload.length + 5) % 8);
  const padding = rest < 4 ? rest + 8 : rest;
  return Buffer.concat([u32(payload.length + padding + 1), u8(padding), payload, Buffer.alloc(padding)]);
}

export function passwordRequest(
  username: string | Uint8Array = account.username,
  password: string | Uint8Array = account.password,
): Buffer {
  return authRequest(username, "password", u8(0), str(password));
}

export function authRequest(
  username: string | Uint8Array,
  method: string | Uint8Array,
  ...fields: readonly Uint8Array[]
): Buffer {
  return message(MSG.USERAUTH_REQUEST, str(username), str("ssh-connection"), str(method), ...fields);
}

export function globalRequest(name: string, wantReply: boolean, ...fields: readonly Uint8Array[]): Buffer {
  return message(MSG.GLOBAL_REQUEST, str(name), u8(wantReply ? 1 : 0), ...fields);
}

/** @throws Error when it takes longer */
export async function within<T>(promise: Promise<T>, limitMs: number, problem: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${problem} within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
