import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { mpint, string } from "./raw-wire.ts";

/** The client's part of one exchange. */
export interface ClientKeys {
  /** C_INIT. */
  readonly init: Buffer;
  /** K as it is hashed, from S_REPLY. */
  secret(reply: Buffer): Buffer;
}

/** A raw public key of RFC 8410. */
export function publicKey(crv: "X25519" | "Ed25519", bytes: Buffer): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv, x: bytes.toString("base64url") }, format: "jwk" });
}

class X25519 {
  readonly #pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } = generateKeyPairSync("x25519");

  get init(): Buffer {
    return Buffer.from(this.#pair.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  }

  agree(theirs: Buffer): Buffer {
    return diffieHellman({ privateKey: this.#pair.privateKey, publicKey: publicKey("X25519", theirs) });
  }
}

/** For `curve25519-sha256` (RFC 8731). */
export function curveKeys(): ClientKeys {
  const curve = new X25519();
  return { init: curve.init, secret: (reply) => mpint(curve.agree(reply)) };
}

/** A seed (d, then z) of an ML-KEM-768 key that begins with a zero byte. */
export const zeroSeed: Uint8Array = Buffer.alloc(64).fill(36, 0, 1);

/** For `mlkem768x25519-sha256` (draft-ietf-sshm-mlkem-hybrid-kex). */
export function hybridKeys(seed?: Uint8Array): ClientKeys {
  const kem = ml_kem768.keygen(seed);
  const curve = new X25519();
  return {
    init: Buffer.concat([kem.publicKey, curve.init]),
    secret: (reply) => {
      if (reply.length !== 1088 + 32) throw new Error(`A reply of ${reply.length} bytes`);
      const first = ml_kem768.decapsulate(reply.subarray(0, 1088), kem.secretKey);
      const second = curve.agree(reply.subarray(1088));
      return string(createHash("sha256").update(first).update(second).digest());
    },
  };
}
