import { createHash, randomBytes, verify } from "node:crypto";
import type { Duplex } from "node:stream";
import { ctr, gcm, none, type Cipher, type Seal, type Unseal } from "./raw-cipher.ts";
import { curveKeys, hybridKeys, publicKey, type ClientKeys } from "./raw-keys.ts";
import { fields, string, u32 } from "./raw-wire.ts";

export const hybrid = "mlkem768x25519-sha256";
export const curve = "curve25519-sha256";

const DISCONNECT = 1;
const SERVICE_REQUEST = 5;
const SERVICE_ACCEPT = 6;
const KEXINIT = 20;
const NEWKEYS = 21;
const KEX_ECDH_INIT = 30;
const KEX_ECDH_REPLY = 31;
const USERAUTH_REQUEST = 50;
const USERAUTH_SUCCESS = 52;
const GLOBAL_REQUEST = 80;
const REQUEST_FAILURE = 82;

export interface ExchangeOptions {
  /** @default the hybrid method alone */
  readonly kex?: readonly string[];
  /** @default `ssh-ed25519` */
  readonly hostKeys?: readonly string[];
  /** For the method that is guessed, sent together with the KEXINIT. */
  readonly guess?: ClientKeys;
  /** The server's KEXINIT, when it has been read already. */
  readonly serverInit?: Buffer;
}

/** What the server has said it can do, its best first. */
export interface Offered {
  readonly kex: readonly string[];
  readonly hostKeys: readonly string[];
}

/**
 * The client's side of the SSH transport, written from the RFCs and the draft alone. Sends what a test tells it to, right or wrong, and
 * throws when the server does not keep to them.
 */
export class RawClient {
  readonly #socket: Duplex;
  readonly #cipher: Cipher;
  readonly #strict: boolean;
  readonly #ident = "SSH-2.0-raw";
  #serverIdent = "";
  #input: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;
  #out: Seal = none;
  #in: Unseal = none;
  #sent = 0;
  #received = 0;
  #sessionId: Buffer = Buffer.alloc(0);
  /** Of the exchange before. */
  method = "";
  offered: Offered = { kex: [], hostKeys: [] };

  constructor(socket: Duplex, options: { readonly cipher?: Cipher; readonly strict?: boolean } = {}) {
    this.#socket = socket;
    this.#cipher = options.cipher ?? "aes256-gcm@openssh.com";
    this.#strict = options.strict ?? true;
    socket.on("data", (piece: Buffer) => {
      this.#input = Buffer.concat([this.#input, piece]);
      this.#wake?.();
    });
    for (const event of ["end", "close", "error"]) {
      socket.on(event, () => {
        this.#ended = true;
        this.#wake?.();
      });
    }
    socket.write(`${this.#ident}\r\n`);
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error("The server has closed the connection");
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** The next packet's payload. */
  async next(): Promise<Buffer> {
    while (this.#serverIdent === "") {
      const end = this.#input.indexOf("\r\n");
      if (end === -1) await this.#more();
      else {
        this.#serverIdent = this.#input.subarray(0, end).toString();
        this.#input = this.#input.subarray(end + 2);
      }
    }
    for (;;) {
      const opened = this.#in.open(this.#input, this.#received);
      if (opened === undefined) {
        await this.#more();
        continue;
      }
      this.#input = this.#input.subarray(opened.took);
      this.#received = (this.#received + 1) >>> 0;
      return opened.packet.subarray(5, opened.packet.length - opened.packet.readUInt8(4));
    }
  }

  async expect(type: number): Promise<Buffer> {
    const payload = await this.next();
    if (payload[0] !== type)
      throw new Error(`Message ${payload[0]} in place of ${type}: ${payload.toString("latin1")}`);
    return payload;
  }

  /** The bytes of a packet, which count as sent. */
  seal(payload: Uint8Array): Buffer {
    const head = this.#out === none || this.#cipher === "aes256-ctr" ? 5 : 1;
    const padding = 32 - ((head + payload.length) % 16);
    const body = [Buffer.of(padding), payload, randomBytes(padding)];
    const packet = Buffer.concat([u32(1 + payload.length + padding), ...body]);
    return this.#out.seal(packet, this.#sent++);
  }

  /** Sends packets in one piece. */
  send(...payloads: Uint8Array[]): void {
    this.#socket.write(Buffer.concat(payloads.map((payload) => this.seal(payload))));
  }

  /** Sends a KEXINIT and, behind it, what else is given; resolves with both sides' KEXINITs. */
  async begin(
    options: ExchangeOptions,
    ...behind: Uint8Array[]
  ): Promise<{ readonly ours: Buffer; readonly theirs: Buffer }> {
    const first = this.#sessionId.length === 0;
    const kex = [...(options.kex ?? [hybrid]), ...(first && this.#strict ? ["kex-strict-c-v00@openssh.com"] : [])];
    const cipher = [this.#cipher, this.#cipher];
    const lists = [...cipher, "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""];
    const ours = Buffer.concat([
      Buffer.of(KEXINIT),
      randomBytes(16),
      string(kex.join(",")),
      string((options.hostKeys ?? ["ssh-ed25519"]).join(",")),
      ...lists.map((list) => string(list)),
      Buffer.of(options.guess === undefined ? 0 : 1),
      u32(0),
    ]);
    this.send(ours, ...behind);
    const theirs = options.serverInit ?? (await this.expect(KEXINIT));
    const list = fields(theirs, 17);
    this.offered = { kex: list().toString().split(","), hostKeys: list().toString().split(",") };
    return { ours, theirs };
  }

  /** Exchanges keys, and checks everything that the server says. */
  async exchange(options: ExchangeOptions = {}): Promise<void> {
    const { kex: wanted = [hybrid], hostKeys = ["ssh-ed25519"], guess } = options;
    const { ours, theirs } = await this.begin(options, ...(guess === undefined ? [] : [initPacket(guess.init)]));
    this.method = wanted.find((method) => this.offered.kex.includes(method)) ?? "";
    const rightGuess = wanted[0] === this.offered.kex[0] && hostKeys[0] === this.offered.hostKeys[0];
    const keys = guess !== undefined && rightGuess ? guess : this.method === hybrid ? hybridKeys() : curveKeys();
    if (keys !== guess) this.send(initPacket(keys.init));

    const replied = fields(await this.expect(KEX_ECDH_REPLY), 1);
    const [hostKey, reply, signature] = [replied(), replied(), replied()];
    const secret = keys.secret(reply);
    const hash = createHash("sha256");
    for (const part of [this.#ident, this.#serverIdent, ours, theirs, hostKey, keys.init, reply])
      hash.update(string(part));
    const exchangeHash = hash.update(secret).digest();
    verifySignature(exchangeHash, hostKey, signature);
    if (this.#sessionId.length === 0) this.#sessionId = exchangeHash;
    const derive = (letter: string, length: number): Buffer => {
      const once = (rest: readonly Uint8Array[]): Buffer => {
        const sum = createHash("sha256").update(secret).update(exchangeHash);
        for (const part of rest) sum.update(part);
        return sum.digest();
      };
      let key = once([Buffer.from(letter), this.#sessionId]);
      while (key.length < length) key = Buffer.concat([key, once([key])]);
      return key.subarray(0, length);
    };
    const protection = (iv: string, key: string, mac: string): Seal & Unseal =>
      this.#cipher === "aes256-ctr"
        ? ctr(derive(key, 32), derive(iv, 16), derive(mac, 32))
        : gcm(derive(key, 32), derive(iv, 12));
    this.send(Buffer.of(NEWKEYS));
    this.#out = protection("A", "C", "E");
    if (this.#strict) this.#sent = 0;
    await this.expect(NEWKEYS);
    this.#in = protection("B", "D", "F");
    if (this.#strict) this.#received = 0;
  }

  /** Asks for the login service, which the server accepts by a packet under the new keys. */
  async service(): Promise<void> {
    this.send(Buffer.concat([Buffer.of(SERVICE_REQUEST), string("ssh-userauth")]));
    await this.expect(SERVICE_ACCEPT);
  }

  async login(username: string, password: string): Promise<void> {
    await this.service();
    const fields = [username, "ssh-connection", "password"].map((field) => string(field));
    this.send(Buffer.concat([Buffer.of(USERAUTH_REQUEST), ...fields, Buffer.of(0), string(password)]));
    await this.expect(USERAUTH_SUCCESS);
  }

  /** Logs in by a key, or only asks about it where nothing signs; resolves with the number of the server's answer. */
  async authenticate(
    username: string,
    algorithm: string,
    blob: Uint8Array,
    sign?: (data: Buffer) => Uint8Array,
  ): Promise<number | undefined> {
    const head = [username, "ssh-connection", "publickey"].map((field) => string(field));
    const signs = Buffer.of(sign === undefined ? 0 : 1);
    const request = Buffer.concat([Buffer.of(USERAUTH_REQUEST), ...head, signs, string(algorithm), string(blob)]);
    const signature = sign?.(Buffer.concat([string(this.#sessionId), request]));
    this.send(signature === undefined ? request : Buffer.concat([request, string(signature)]));
    return (await this.next())[0];
  }

  /** Asks something that the server has to refuse, there and back under the keys of now. */
  async ping(): Promise<void> {
    this.send(Buffer.concat([Buffer.of(GLOBAL_REQUEST), string("ping@raw"), Buffer.of(1)]));
    await this.expect(REQUEST_FAILURE);
  }

  /** Reads until the server has closed the connection; resolves with the reason of its goodbye. */
  async goodbye(): Promise<number | undefined> {
    let reason: number | undefined;
    for (;;) {
      const payload = await this.next().catch(() => undefined);
      if (payload === undefined) return reason;
      if (payload[0] === DISCONNECT) reason ??= payload.readUInt32BE(1);
    }
  }
}

function verifySignature(exchangeHash: Buffer, hostKey: Buffer, signature: Buffer): void {
  const key = fields(hostKey, 0);
  const signed = fields(signature, 0);
  for (const algorithm of [key(), signed()]) {
    if (algorithm.toString() !== "ssh-ed25519") throw new Error(`A host key's algorithm ${algorithm.toString()}`);
  }
  if (!verify(null, exchangeHash, publicKey("Ed25519", key()), signed())) {
    throw new Error("The host key's signature is wrong");
  }
}

export function initPacket(init: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(KEX_ECDH_INIT), string(init)]);
}

export const newKeysPacket: Buffer = Buffer.of(NEWKEYS);
