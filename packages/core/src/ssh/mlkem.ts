import * as crypto from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";

/** Sizes of ML-KEM-768 in bytes (FIPS 203, table 3). */
export const mlkemKeyBytes = 1184;
export const mlkemCiphertextBytes = 1088;

/** A secret, and what tells it to the holder of the private key. */
export interface Encapsulated {
  readonly ciphertext: Uint8Array;
  readonly secret: Uint8Array;
}

/** Makes a secret for an ML-KEM-768 encapsulation key. @throws Error when the key is malformed (FIPS 203, section 7.2) */
export type Encapsulate = (key: Uint8Array) => Encapsulated;

/** A SubjectPublicKeyInfo of ML-KEM-768 up to the key itself (RFC 9935). */
const keyInfo = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");

/** By JavaScript: on every Node, at several times the time. */
export const encapsulateByScript: Encapsulate = (key) => {
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(key);
  return { ciphertext: cipherText, secret: sharedSecret };
};

/** By OpenSSL, or nothing where Node has no such function (it came with 24.7). */
export const encapsulateByNode: Encapsulate | undefined = byNode(
  (crypto as { readonly encapsulate?: NodeEncapsulate }).encapsulate,
);

type NodeEncapsulate = (key: crypto.KeyObject) => { readonly sharedKey: Uint8Array; readonly ciphertext: Uint8Array };

function byNode(encapsulate: NodeEncapsulate | undefined): Encapsulate | undefined {
  if (encapsulate === undefined) return undefined;
  return (key) => {
    const publicKey = crypto.createPublicKey({ key: Buffer.concat([keyInfo, key]), format: "der", type: "spki" });
    const { ciphertext, sharedKey } = encapsulate(publicKey);
    return { ciphertext, secret: sharedKey };
  };
}
