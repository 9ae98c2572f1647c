import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { SetupError } from "@sluice/core";
import type { AuditRecord } from "./record.ts";

/** What signs checkpoints. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
}

/** `SHA256:` and the base64 of the hash of the key's SPKI: what records name it by. */
export function fingerprintOfKey(key: KeyObject): string {
  const spki = key.export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(spki).digest("base64").replace(/=+$/, "")}`;
}

/** Loads the key of a log; where there is none, makes it (0600) and puts the public half beside it (0644). */
export function loadSigningKey(path: string, publicPath: string): SigningKey {
  return readSigningKey(path) ?? signingKey(path, makeKey(path, publicPath));
}

/** The key of a log; nothing where none has been made yet. */
export function readSigningKey(path: string): SigningKey | undefined {
  const pem = readPrivate(path);
  return pem === undefined ? undefined : signingKey(path, pem);
}

function signingKey(path: string, pem: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (error) {
    throw wrong(path, "holds no private key in PEM; make one with: openssl genpkey -algorithm ed25519", error);
  }
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw wrong(path, "is no Ed25519 key; make one with: openssl genpkey -algorithm ed25519");
  }
  return { privateKey, fingerprint: fingerprintOfKey(createPublicKey(privateKey)) };
}

/** Reads a public key in PEM. @throws Error that says what is wrong with it */
export function readPublicKey(pem: string): KeyObject {
  if (pem.includes("PRIVATE KEY")) throw new Error("is a private key; name the public one, which ends in .pub");
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== "ed25519") throw new Error("is no Ed25519 key");
  return key;
}

/** The signature of the checkpoint that will be record `seq`. */
export function signCheckpoint(key: SigningKey, seq: number, prev: string, time: string): string {
  return sign(null, message(seq, prev, time), key.privateKey).toString("base64");
}

/** Whether a checkpoint was signed by this key. */
export function checkpointHolds(record: AuditRecord, key: KeyObject): boolean {
  if (typeof record["signature"] !== "string") return false;
  const signature = Buffer.from(record["signature"], "base64");
  return verify(null, message(record.seq, record.prev, record.time), key, signature);
}

function message(seq: number, prev: string, time: string): Buffer {
  return Buffer.from(`sluice-audit-checkpoint-v1\n${seq}\n${prev}\n${time}\n`);
}

function readPrivate(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw wrong(path, "cannot be read; give this user the right to", error);
  }
  try {
    if (process.platform !== "win32" && (fstatSync(fd).mode & 0o077) !== 0) {
      throw wrong(path, `may be read or written by others; run: chmod 600 ${path}`);
    }
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function makeKey(path: string, publicPath: string): string {
  const pair = generateKeyPairSync("ed25519");
  const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  try {
    write(path, "wx", 0o600, pem);
    write(publicPath, "w", 0o644, pair.publicKey.export({ type: "spki", format: "pem" }).toString());
  } catch (error) {
    throw wrong(path, "cannot be made; give this user the right to write there", error);
  }
  return pem;
}

function write(path: string, flag: "w" | "wx", mode: number, text: string): void {
  const fd = openSync(path, flag, mode);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function wrong(path: string, what: string, cause?: unknown): SetupError {
  return new SetupError("ERR_SLUICE_AUDIT_LOG", `Audit key ${path}: ${what}`, { cause });
}
