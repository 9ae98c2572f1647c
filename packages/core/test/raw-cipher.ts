import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { u32 } from "./raw-wire.ts";

export type Cipher = "aes256-ctr" | "aes256-gcm@openssh.com";

/** What protects one direction's packets. */
export interface Seal {
  seal(packet: Buffer, sequence: number): Buffer;
}
export interface Unseal {
  /** The packet without its MAC and how much of the input it took, or nothing when there is not enough of it. */
  open(input: Buffer, sequence: number): { readonly packet: Buffer; readonly took: number } | undefined;
}

export const none: Seal & Unseal = {
  seal: (packet) => packet,
  open: (input) => {
    if (input.length < 4) return undefined;
    const took = 4 + input.readUInt32BE(0);
    return input.length < took ? undefined : { packet: input.subarray(0, took), took };
  },
};

/** With `hmac-sha2-256`. */
export function ctr(key: Buffer, iv: Buffer, macKey: Buffer): Seal & Unseal {
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const decipher = createDecipheriv("aes-256-ctr", key, iv);
  /** The first block of a packet that has not come whole. */
  let head = Buffer.alloc(0);
  const mac = (packet: Buffer, sequence: number): Buffer =>
    createHmac("sha256", macKey).update(u32(sequence)).update(packet).digest();
  return {
    seal: (packet, sequence) => Buffer.concat([cipher.update(packet), mac(packet, sequence)]),
    open: (input, sequence) => {
      if (input.length < 16) return undefined;
      if (head.length === 0) head = decipher.update(input.subarray(0, 16));
      const end = 4 + head.readUInt32BE(0);
      if (input.length < end + 32) return undefined;
      const packet = Buffer.concat([head, decipher.update(input.subarray(16, end))]);
      head = Buffer.alloc(0);
      if (!timingSafeEqual(mac(packet, sequence), input.subarray(end, end + 32))) throw new Error("A wrong MAC");
      return { packet, took: end + 32 };
    },
  };
}

/** RFC 5647, as OpenSSH has it. */
export function gcm(key: Buffer, iv: Buffer): Seal & Unseal {
  let invocation = iv.readBigUInt64BE(4);
  const nonce = (): Buffer => {
    const bytes = Buffer.from(iv);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, invocation++), 4);
    return bytes;
  };
  return {
    seal: (packet) => {
      const cipher = createCipheriv("aes-256-gcm", key, nonce());
      cipher.setAAD(packet.subarray(0, 4));
      const body = Buffer.concat([cipher.update(packet.subarray(4)), cipher.final()]);
      return Buffer.concat([packet.subarray(0, 4), body, cipher.getAuthTag()]);
    },
    open: (input) => {
      if (input.length < 4) return undefined;
      const end = 4 + input.readUInt32BE(0);
      if (input.length < end + 16) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, nonce());
      decipher.setAAD(input.subarray(0, 4));
      decipher.setAuthTag(input.subarray(end, end + 16));
      const body = Buffer.concat([decipher.update(input.subarray(4, end)), decipher.final()]);
      return { packet: Buffer.concat([input.subarray(0, 4), body]), took: end + 16 };
    },
  };
}
