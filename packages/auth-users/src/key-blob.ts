import { createPublicKey } from "node:crypto";
import { Mistake } from "./mistake.ts";

const rsaBits = { least: 2048, most: 8192 };

/** The curves of RFC 5656: the name in JSON web keys, and the bytes of a coordinate. */
const curves: ReadonlyMap<string, { readonly crv: string; readonly size: number }> = new Map([
  ["nistp256", { crv: "P-256", size: 32 }],
  ["nistp384", { crv: "P-384", size: 48 }],
  ["nistp521", { crv: "P-521", size: 66 }],
]);

const fidoEd25519 = "sk-ssh-ed25519@openssh.com";
const fidoEcdsa = "sk-ecdsa-sha2-nistp256@openssh.com";

/** Key types that a line may have. */
export const keyTypes: readonly string[] = [
  "ssh-ed25519",
  "ssh-rsa",
  ...[...curves.keys()].map((curve) => `ecdsa-sha2-${curve}`),
  fidoEd25519,
  fidoEcdsa,
];

/** Whether a FIDO authenticator holds keys of this type (PROTOCOL.u2f of OpenSSH). */
export function isFido(type: string): boolean {
  return type === fidoEd25519 || type === fidoEcdsa;
}

/**
 * Checks a public key in the encoding of RFC 4253, section 6.6: that it is what it says, whole, and strong enough.
 *
 * @throws Mistake that says what is wrong.
 */
export function checkKeyBlob(type: string, blob: Buffer): void {
  const fields = fieldsOf(blob);
  if (fields[0]?.toString("latin1") !== type) throw new Mistake(`the key is not of the type ${type}, as the line says`);
  const parts = fields.slice(1);
  if (isFido(type) && (parts.pop()?.length ?? 0) === 0) throw new Mistake("the security key names no application");
  if (type === "ssh-ed25519" || type === fidoEd25519) checkEd25519(parts);
  else if (type === "ssh-rsa") checkRsa(parts);
  else checkEcdsa(/nistp\d+/.exec(type)?.[0] ?? "", parts);
}

function fieldsOf(blob: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length;) {
    const end = at + 4 <= blob.length ? at + 4 + blob.readUInt32BE(at) : Infinity;
    if (end > blob.length) throw new Mistake("the key is cut off or malformed");
    fields.push(blob.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

function checkEd25519(parts: readonly Buffer[]): void {
  if (parts.length !== 1 || parts[0]?.length !== 32) throw new Mistake("the key is not a well-formed Ed25519 key");
}

function checkRsa([e, n, ...rest]: readonly Buffer[]): void {
  if (!isPositive(e) || !isPositive(n) || rest.length > 0) throw new Mistake("the key is not a well-formed RSA key");
  const bits = bitLength(n);
  if (bits < rsaBits.least) throw new Mistake(`the RSA key has ${bits} bits; at least ${rsaBits.least} are needed`);
  if (bits > rsaBits.most) throw new Mistake(`the RSA key has ${bits} bits; at most ${rsaBits.most} are allowed`);
  const odd = (n.at(-1) ?? 0) & (e.at(-1) ?? 0) & 1;
  if (odd === 0 || bitLength(e) < 2) throw new Mistake("the key is not a well-formed RSA key");
}

function checkEcdsa(curve: string, [name, point, ...rest]: readonly Buffer[]): void {
  const known = curves.get(curve);
  const whole = name?.toString("latin1") === curve && point !== undefined && rest.length === 0;
  // Uncompressed points only, as in OpenSSH: 4, x, y.
  if (known === undefined || !whole || point[0] !== 4 || point.length !== 1 + 2 * known.size) {
    throw new Mistake(`the key is not a well-formed ECDSA key on ${curve}`);
  }
  const x = point.subarray(1, 1 + known.size).toString("base64url");
  const y = point.subarray(1 + known.size).toString("base64url");
  try {
    createPublicKey({ format: "jwk", key: { kty: "EC", crv: known.crv, x, y } });
  } catch {
    throw new Mistake(`the key is not a point on ${curve}`);
  }
}

/** Whether a multiple precision integer (RFC 4251, section 5) is above zero and has no needless byte in front. */
function isPositive(number: Buffer | undefined): number is Buffer {
  const [first, second = 0] = number ?? [];
  return first !== undefined && first < 0x80 && (first !== 0 || second >= 0x80);
}

function bitLength(number: Buffer): number {
  const digits = number[0] === 0 ? number.subarray(1) : number;
  return digits.length * 8 - (Math.clz32(digits[0] ?? 0) - 24);
}
