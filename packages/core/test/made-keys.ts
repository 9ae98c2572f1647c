import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { mpint, string, u32 } from "./raw-wire.ts";

/** Keys and certificates for tests, made by node:crypto alone: no code is shared with the server. */

export const fido = { touched: 1, verified: 4 } as const;

export interface SignOptions {
  /** Of RSA keys. @default "rsa-sha2-512" */
  readonly algorithm?: string;
  /** Of FIDO keys. @default touched */
  readonly flags?: number;
  readonly counter?: number;
}

export interface MadeKey {
  readonly type: string;
  /** In the encoding of RFC 4253, section 6.6. */
  readonly blob: Buffer;
  /** The blob without its type. */
  readonly fields: Buffer;
  /** As in a `.pub` file. */
  readonly line: string;
  /** In PEM, for programs that take a file. */
  readonly privateKey: KeyObject;
  /** A signature as it is sent. */
  sign(data: Uint8Array, options?: SignOptions): Buffer;
}

export const keyTypes = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
] as const;
export type MadeType = (typeof keyTypes)[number];

export function certificateType(type: string): string {
  return `${type.replace("@openssh.com", "")}-cert-v01@openssh.com`;
}

/** A fresh key. RSA keys take a moment: 2,048 bits unless another size is asked for. */
export function madeKey(
  type: MadeType = "ssh-ed25519",
  options: { readonly bits?: number; readonly application?: string } = {},
): MadeKey {
  const { publicKey, privateKey } = pair(type, options.bits ?? 2048);
  const jwk = publicKey.export({ format: "jwk" }) as Record<string, string>;
  const part = (name: string): Buffer => Buffer.from(jwk[name] ?? "", "base64url");
  const application = type.startsWith("sk-") ? [string(options.application ?? "ssh:")] : [];
  const own = type.includes("ed25519")
    ? [string(part("x"))]
    : type === "ssh-rsa"
      ? [mpint(part("e")), mpint(part("n"))]
      : [string(curveOf(type)), string(Buffer.concat([Buffer.of(4), part("x"), part("y")]))];
  const fields = Buffer.concat([...own, ...application]);
  const blob = Buffer.concat([string(type), fields]);
  return {
    type,
    blob,
    fields,
    line: `${type} ${blob.toString("base64")} made`,
    privateKey,
    sign: (data, signing = {}) => signature(type, privateKey, options.application ?? "ssh:", data, signing),
  };
}

function pair(type: string, modulusLength: number): { publicKey: KeyObject; privateKey: KeyObject } {
  if (type.includes("ed25519")) return generateKeyPairSync("ed25519");
  if (type === "ssh-rsa") return generateKeyPairSync("rsa", { modulusLength });
  return generateKeyPairSync("ec", { namedCurve: `P-${curveOf(type).slice(-3)}` });
}

function curveOf(type: string): string {
  return /nistp\d+/.exec(type)?.[0] ?? "";
}

function signature(type: string, key: KeyObject, application: string, data: Uint8Array, options: SignOptions): Buffer {
  if (type === "ssh-rsa") {
    const { algorithm = "rsa-sha2-512" } = options;
    const hash = algorithm === "ssh-rsa" ? "sha1" : algorithm === "rsa-sha2-256" ? "sha256" : "sha512";
    return Buffer.concat([string(algorithm), string(sign(hash, data, key))]);
  }
  const isFido = type.startsWith("sk-");
  const seen = Buffer.concat([Buffer.of(options.flags ?? fido.touched), u32(options.counter ?? 1)]);
  const sha256 = (bytes: string | Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
  const signed = isFido ? Buffer.concat([sha256(application), seen, sha256(data)]) : data;
  const bytes = type.includes("ed25519") ? sign(null, signed, key) : ecdsa(type, signed, key);
  return Buffer.concat([string(type), string(bytes), ...(isFido ? [seen] : [])]);
}

function ecdsa(type: string, data: Uint8Array, key: KeyObject): Buffer {
  const hash = { nistp256: "sha256", nistp384: "sha384" }[curveOf(type)] ?? "sha512";
  const both = sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([mpint(both.subarray(0, both.length / 2)), mpint(both.subarray(both.length / 2))]);
}

/** What goes into a certificate; what is left out makes a good one for "alice". */
export interface CertificateFields {
  readonly serial?: bigint;
  /** 1 for users, 2 for hosts. */
  readonly type?: number;
  readonly keyId?: string;
  readonly principals?: readonly (string | Uint8Array)[];
  /** In seconds. */
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  readonly criticalOptions?: readonly (readonly [string, Uint8Array])[];
  readonly extensions?: readonly (readonly [string, Uint8Array])[];
  readonly reserved?: Uint8Array;
  /** In place of the authority's own key. */
  readonly authority?: Uint8Array;
  readonly signing?: SignOptions;
  /** In place of the authority's signature. */
  readonly signature?: Uint8Array;
}

export const always = { validAfter: 0n, validBefore: 0xffff_ffff_ffff_ffffn };

/** An option's value: a string inside of its data. */
export const value = (text: string): Buffer => string(text);

/** A certificate (PROTOCOL.certkeys). */
export function madeCertificate(key: MadeKey, authority: MadeKey, fields: CertificateFields = {}): Buffer {
  const { validAfter, validBefore } = { ...always, ...fields };
  const options = (list: readonly (readonly [string, Uint8Array])[]): Buffer =>
    string(Buffer.concat(list.flatMap(([name, data]) => [string(name), string(data)])));
  const body = Buffer.concat([
    string(certificateType(key.type)),
    string(Buffer.alloc(32, 7)),
    key.fields,
    u64(fields.serial ?? 1n),
    u32(fields.type ?? 1),
    string(fields.keyId ?? "alice's laptop"),
    string(Buffer.concat((fields.principals ?? ["alice"]).map(string))),
    u64(validAfter),
    u64(validBefore),
    options(fields.criticalOptions ?? []),
    options(fields.extensions ?? [["permit-pty", Buffer.alloc(0)]]),
    string(fields.reserved ?? Buffer.alloc(0)),
    string(fields.authority ?? authority.blob),
  ]);
  return Buffer.concat([body, string(fields.signature ?? authority.sign(body, fields.signing))]);
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
