import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, timingSafeEqual } from "node:crypto";
import { mlkemKeyBytes, type Encapsulate, type Encapsulated } from "./mlkem.ts";

/** ML-KEM-768 and X25519 in one: secret as long as one of them is (draft-ietf-sshm-mlkem-hybrid-kex). */
export const hybridKex = "mlkem768x25519-sha256";

export const curveKeyBytes = 32;
/** A SubjectPublicKeyInfo of X25519 up to the key itself (RFC 8410, section 4). */
export const curveKeyInfo: Buffer = Buffer.from("302a300506032b656e032100", "hex");
const zeros = Buffer.alloc(curveKeyBytes);

/** The server's part of one exchange. */
export interface HybridAnswer {
  /** S_REPLY: the ciphertext, then our X25519 key. */
  readonly reply: Buffer;
  /** K: a hash, so it is encoded as a string wherever other methods have a number. */
  readonly secret: Buffer;
}

/**
 * Answers a client's C_INIT: its encapsulation key, then its X25519 key.
 *
 * @throws Error when either key is malformed, or the X25519 key gives a secret that is no secret (RFC 8731, section 3)
 */
export function answerHybrid(init: Uint8Array, encapsulate: Encapsulate): HybridAnswer {
  if (init.length !== mlkemKeyBytes + curveKeyBytes) throw new Error("The client's keys have the wrong length");
  const kem = encapsulated(init.subarray(0, mlkemKeyBytes), encapsulate);
  const curve = agreed(init.subarray(mlkemKeyBytes));
  const secret = createHash("sha256").update(kem.secret).update(curve.secret).digest();
  kem.secret.fill(0);
  curve.secret.fill(0);
  return { reply: Buffer.concat([kem.ciphertext, curve.publicKey]), secret };
}

function encapsulated(key: Uint8Array, encapsulate: Encapsulate): Encapsulated {
  try {
    return encapsulate(key);
  } catch (error) {
    throw new Error("The client's ML-KEM key is malformed", { cause: error });
  }
}

function agreed(theirs: Uint8Array): { readonly publicKey: Buffer; readonly secret: Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const secret = diffieHellman({ privateKey, publicKey: curveKey(theirs) });
  // OpenSSL refuses such keys by itself; what stands behind node:crypto elsewhere may not.
  if (timingSafeEqual(secret, zeros)) throw new Error("The client's X25519 key is of low order");
  return { publicKey: publicKey.export({ format: "der", type: "spki" }).subarray(-curveKeyBytes), secret };
}

function curveKey(bytes: Uint8Array): ReturnType<typeof createPublicKey> {
  return createPublicKey({ key: Buffer.concat([curveKeyInfo, bytes]), format: "der", type: "spki" });
}
