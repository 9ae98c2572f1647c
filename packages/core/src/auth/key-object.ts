import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { Reader } from "../protocol/reader.ts";
import type { PublicKey } from "./method.ts";

/** The curves of RFC 5656: the name in JSON web keys, and the bytes of a coordinate. */
const curves: ReadonlyMap<string, { readonly crv: string; readonly width: number }> = new Map([
  ["nistp256", { crv: "P-256", width: 32 }],
  ["nistp384", { crv: "P-384", width: 48 }],
  ["nistp521", { crv: "P-521", width: 66 }],
]);

/** Smallest and largest modulus that is accepted, in bits. */
export const rsaBits = { least: 2048, most: 8192 } as const;

/**
 * A plain key for node:crypto: that it is what it says, whole, and strong enough.
 *
 * @throws Error that says what is wrong
 */
export function keyObject({ type, blob }: PublicKey): KeyObject {
  const reader = new Reader(blob);
  if (reader.name() !== type) throw new Error(`The key is not of the type ${type}`);
  const jwk = readJwk(type, reader);
  // FIDO keys have the application behind, which signatures cover.
  if (type.startsWith("sk-")) reader.bytes();
  if (reader.remaining > 0) throw new Error("The key has something behind its end");
  return createPublicKey({ format: "jwk", key: jwk });
}

function readJwk(type: string, reader: Reader): JsonWebKey {
  switch (type) {
    case "ssh-ed25519":
    case "sk-ssh-ed25519@openssh.com":
      return { kty: "OKP", crv: "Ed25519", x: base64url(reader.bytes(), 32) };
    case "ssh-rsa":
      return readRsa(reader);
    default:
      return readEcdsa(/nistp\d+/.exec(type)?.[0] ?? "", reader);
  }
}

function readRsa(reader: Reader): JsonWebKey {
  const [e, n] = [positive(reader.bytes()), positive(reader.bytes())];
  const bits = n.length * 8 - (Math.clz32(n[0] ?? 0) - 24);
  if (bits < rsaBits.least || bits > rsaBits.most) throw new Error("The RSA key is too short or too long");
  const odd = (e.at(-1) ?? 0) & (n.at(-1) ?? 0) & 1;
  // A large exponent would make every check of a signature expensive.
  if (odd === 0 || e.length > 8 || (e.length === 1 && e[0] === 1)) throw new Error("The RSA key is malformed");
  return { kty: "RSA", e: e.toString("base64url"), n: n.toString("base64url") };
}

/** The digits of a multiple precision integer above zero (RFC 4251, section 5). */
function positive(number: Buffer): Buffer {
  const digits = number[0] === 0 ? number.subarray(1) : number;
  const negative = (number[0] ?? 0) >= 0x80;
  if (negative || digits.length === 0 || digits[0] === 0) throw new Error("The RSA key is malformed");
  return digits;
}

/** Uncompressed points only, as in OpenSSH: 4, x, y. */
function readEcdsa(name: string, reader: Reader): JsonWebKey {
  const curve = curves.get(name);
  const named = reader.name();
  const point = reader.bytes();
  if (curve === undefined || named !== name || point[0] !== 4) throw new Error(`The key is not one on ${name}`);
  const { crv, width } = curve;
  if (point.length !== 1 + 2 * width) throw new Error(`The key is not one on ${name}`);
  const [x, y] = [point.subarray(1, 1 + width), point.subarray(1 + width)];
  return { kty: "EC", crv, x: base64url(x, width), y: base64url(y, width) };
}

function base64url(bytes: Buffer, length: number): string {
  if (bytes.length !== length) throw new Error("The key is of the wrong length");
  return bytes.toString("base64url");
}
