import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { message, MSG, mpint, str, u32, u8 } from "./wire.ts";

/** What a KEXINIT offers, in its ten lists; each may be replaced by an attack. */
export interface Offer {
  readonly kex?: string;
  readonly hostKey?: string;
  readonly cipher?: string;
  readonly mac?: string;
  readonly compression?: string;
  readonly strict?: boolean;
}

/** A KEXINIT payload (RFC 4253, section 7.1). */
export function kexInit(offer: Offer = {}): Buffer {
  const strict = offer.strict === false ? "" : ",kex-strict-c-v00@openssh.com";
  const kex = (offer.kex ?? "curve25519-sha256") + strict;
  const cipher = offer.cipher ?? "aes128-gcm@openssh.com";
  const mac = offer.mac ?? "hmac-sha2-256";
  const compression = offer.compression ?? "none";
  const lists = [kex, offer.hostKey ?? "ssh-ed25519", cipher, cipher, mac, mac, compression, compression, "", ""];
  return message(MSG.KEXINIT, randomBytes(16), ...lists.map((list) => str(list)), u8(0), u32(0));
}

/** One run of curve25519-sha256 (RFC 8731), from the client's side. */
export class KeyExchange {
  readonly init: Buffer;
  readonly #privateKey: KeyObject;
  readonly #public: Buffer;

  constructor() {
    const pair = generateKeyPairSync("x25519");
    this.#privateKey = pair.privateKey;
    this.#public = Buffer.from(pair.publicKey.export({ format: "jwk" }).x!, "base64url");
    this.init = message(MSG.KEX_ECDH_INIT, str(this.#public));
  }

  /** The shared secret as an mpint, and the exchange hash. The host key's signature is not the attacker's concern. */
  finish(
    reply: Buffer,
    said: { clientIdent: string; serverIdent: string; clientInit: Buffer; serverInit: Buffer },
  ): { readonly secret: Buffer; readonly hash: Buffer } {
    const [hostKey, theirs] = strings(reply, 1, 2);
    const publicKey = createPublicKey({
      format: "jwk",
      key: { kty: "OKP", crv: "X25519", x: theirs!.toString("base64url") },
    });
    const secret = mpint(diffieHellman({ privateKey: this.#privateKey, publicKey }));
    const { clientIdent, serverIdent, clientInit, serverInit } = said;
    const parts = [clientIdent, serverIdent, clientInit, serverInit, hostKey!, this.#public, theirs!];
    const hash = createHash("sha256");
    for (const part of parts) hash.update(str(part));
    return { secret, hash: hash.update(secret).digest() };
  }
}

/** Strings that stand one after the other. */
export function strings(payload: Buffer, start: number, count: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = start; found.length < count;) {
    const length = payload.readUInt32BE(at);
    found.push(payload.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}

/** aes128-gcm@openssh.com in one direction (RFC 5647). */
export class PacketCipher {
  readonly #key: Buffer;
  readonly #nonce: Buffer;

  constructor(shared: { readonly secret: Buffer; readonly hash: Buffer }, sessionId: Buffer, toServer: boolean) {
    const derive = (letter: string): Buffer =>
      createHash("sha256").update(shared.secret).update(shared.hash).update(letter).update(sessionId).digest();
    this.#key = derive(toServer ? "C" : "D").subarray(0, 16);
    this.#nonce = derive(toServer ? "A" : "B").subarray(0, 12);
  }

  seal(payload: Uint8Array): Buffer {
    const padding = 16 - ((payload.length + 1) % 16);
    const fill = padding < 4 ? padding + 16 : padding;
    return this.sealPlain(Buffer.concat([u8(fill), payload, Buffer.alloc(fill)]));
  }

  /** Seals what stands behind the length field, whatever it is. */
  sealPlain(plain: Uint8Array, length: number = plain.length): Buffer {
    const header = u32(length);
    const cipher = createCipheriv("aes-128-gcm", this.#key, this.#nonce);
    cipher.setAAD(header);
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    this.#step();
    return Buffer.concat([header, body, cipher.getAuthTag()]);
  }

  /** Opens one packet, of which all is there: length, body, tag. */
  open(packet: Buffer): Buffer {
    const decipher = createDecipheriv("aes-128-gcm", this.#key, this.#nonce);
    decipher.setAAD(packet.subarray(0, 4));
    decipher.setAuthTag(packet.subarray(packet.length - 16));
    const plain = Buffer.concat([decipher.update(packet.subarray(4, packet.length - 16)), decipher.final()]);
    this.#step();
    return plain.subarray(1, plain.length - plain[0]!);
  }

  #step(): void {
    this.#nonce.writeBigUInt64BE(BigInt.asUintN(64, this.#nonce.readBigUInt64BE(4) + 1n), 4);
  }
}
