import { createHash, generateKeyPairSync, randomBytes, scryptSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PublicKey } from "@sluice/core";
import { capturedLog, type CapturedLog, type LogRecord } from "@sluice/testing";
import { onTestFinished } from "vitest";

/** A directory of the test's own, removed after it. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A hash of the cheapest kind that is allowed, so that tests are quick. */
export function cheapHash(password: string): string {
  const salt = randomBytes(16);
  const digest = scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 });
  return `$scrypt$ln=1,r=1,p=1$${unpadded(salt)}$${unpadded(digest)}`;
}

/** A fresh key as the client would send it, and as its `authorized_keys` line. */
export interface TestKey {
  readonly key: PublicKey;
  readonly line: string;
}

export function ed25519Key(): TestKey {
  const { publicKey } = generateKeyPairSync("ed25519");
  return testKey("ssh-ed25519", [Buffer.from(jwk(publicKey, "x"), "base64url")]);
}

export function fidoKey(kind: "ed25519" | "ecdsa"): TestKey {
  const application = Buffer.from("ssh:");
  if (kind === "ed25519") {
    const { publicKey } = generateKeyPairSync("ed25519");
    return testKey("sk-ssh-ed25519@openssh.com", [Buffer.from(jwk(publicKey, "x"), "base64url"), application]);
  }
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const point = Buffer.concat(["x", "y"].map((name) => Buffer.from(jwk(publicKey, name), "base64url")));
  const fields = [Buffer.from("nistp256"), Buffer.concat([Buffer.of(4), point]), application];
  return testKey("sk-ecdsa-sha2-nistp256@openssh.com", fields);
}

export function ecdsaKey(curve: "256" | "384" | "521"): TestKey {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: `P-${curve}` });
  const point = Buffer.concat([
    Buffer.of(4),
    ...["x", "y"].map((name) => Buffer.from(jwk(publicKey, name), "base64url")),
  ]);
  return testKey(`ecdsa-sha2-nistp${curve}`, [Buffer.from(`nistp${curve}`), point]);
}

export function rsaKey(bits: number): TestKey {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: bits });
  return testKey(
    "ssh-rsa",
    ["e", "n"].map((name) => mpint(Buffer.from(jwk(publicKey, name), "base64url"))),
  );
}

/** An RSA key with a modulus of that many bits, which nobody has the private half of: making real ones takes long. */
export function rsaKeyOf(bits: number): TestKey {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0x80 | (modulus[0] ?? 0);
  modulus[modulus.length - 1] = 1 | (modulus.at(-1) ?? 0);
  return testKey("ssh-rsa", [Buffer.of(1, 0, 1), mpint(modulus)]);
}

export function testKey(type: string, fields: readonly Buffer[]): TestKey {
  const blob = Buffer.concat([Buffer.from(type), ...fields].map(string));
  const fingerprint = `SHA256:${unpadded(createHash("sha256").update(blob).digest())}`;
  return { key: { type, blob, fingerprint }, line: `${type} ${blob.toString("base64")}` };
}

/** The encoding `string` of RFC 4251, section 5. */
function string(field: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(field.length);
  return Buffer.concat([length, field]);
}

function mpint(number: Buffer): Buffer {
  return (number[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), number]) : number;
}

function jwk(key: KeyObject, name: string): string {
  return (key.export({ format: "jwk" }) as Record<string, string>)[name] ?? "";
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/** A log that a test reads line by line. */
export class TestLog {
  readonly logger: CapturedLog = capturedLog();
  readonly #read = new Set<LogRecord>();

  get lines(): readonly LogRecord[] {
    return this.logger.records;
  }

  /** The next line that no call has returned before. */
  async next(): Promise<LogRecord> {
    const line = await this.logger.waitFor((record) => !this.#read.has(record));
    this.#read.add(line);
    return line;
  }
}
