import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import type { Logger } from "@sluice/core";

/** Where a key is: the key itself as text, a file, or a variable of the environment. */
export type KeySource = string | { readonly file: string } | { readonly env: string };

/** What is encrypted, and by which key. */
export interface Sealed {
  readonly key: string;
  readonly nonce: string;
  readonly data: string;
}

interface Key {
  readonly id: string;
  readonly encryption: Buffer;
  readonly hashing: Buffer;
}

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const maxFileBytes = 4096;

/** The keys that secrets in the store are encrypted with: the first encrypts, all decrypt. */
export class Keyring {
  readonly #keys: readonly Key[];

  /** @param keys 32 bytes each */
  constructor(keys: readonly Uint8Array[]) {
    this.#keys = keys.map((key) => ({
      id: derived(key, "id").toString("hex", 0, 4),
      encryption: derived(key, "encryption"),
      hashing: derived(key, "hashing"),
    }));
  }

  /** Reads the keys. @throws Error that names the source where it holds no key, never what it holds */
  static async load(
    sources: readonly KeySource[],
    log: Logger,
    environment: NodeJS.ProcessEnv = process.env,
  ): Promise<Keyring> {
    const keys: Buffer[] = [];
    for (const source of sources) keys.push(await read(source, log, environment));
    return new Keyring(keys);
  }

  /** What tells the keys apart, the one that encrypts first. Says nothing of the keys. */
  get ids(): readonly string[] {
    return this.#keys.map(({ id }) => id);
  }

  /** Encrypts with AES-256-GCM, for this user alone. */
  seal(user: string, text: string): Sealed {
    const [key] = this.#keys;
    if (key === undefined) throw new Error("There is no key to encrypt with");
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", key.encryption, nonce, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(user));
    const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return { key: key.id, nonce: nonce.toString("base64url"), data: data.toString("base64url") };
  }

  /** Decrypts what was sealed for this user. @throws Error where no key given fits, or it is not what was sealed */
  open(user: string, { key: id, nonce, data }: Sealed): string {
    const key = this.#keys.find((each) => each.id === id);
    if (key === undefined) throw new Error(`The key ${id} that it is encrypted with is not among those given`);
    const bytes = Buffer.from(data, "base64url");
    if (bytes.length < tagBytes) throw new Error("It is too short to have been encrypted");
    const iv = Buffer.from(nonce, "base64url");
    const decipher = createDecipheriv("aes-256-gcm", key.encryption, iv, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(user));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]).toString("utf8");
    } catch {
      throw new Error("It was changed, or encrypted for another user");
    }
  }

  /** A keyed hash of a random text. @param id the key's; the first where it is absent. `undefined` where there is no such key */
  hash(user: string, text: string, id: string | undefined = this.#keys[0]?.id): Buffer | undefined {
    const key = this.#keys.find((each) => each.id === id);
    if (key === undefined) return undefined;
    return createHmac("sha256", key.hashing).update(`${user}\0${text}`).digest();
  }
}

// One key does one thing: what encrypts must not hash as well.
function derived(key: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", `sluice auth-totp ${purpose}`, keyBytes));
}

async function read(source: KeySource, log: Logger, environment: NodeJS.ProcessEnv): Promise<Buffer> {
  if (typeof source === "string") return parsed(source, "key: the text");
  if ("env" in source) {
    const text = environment[source.env];
    if (text === undefined) throw new Error(`key: the environment has no variable ${source.env}`);
    return parsed(text, `key: the variable ${source.env}`);
  }
  return parsed(await readText(source.file, log), `key: the file ${source.file}`);
}

async function readText(path: string, log: Logger): Promise<string> {
  const file = await open(path, "r").catch((error: unknown) => {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : String(error);
    throw new Error(`key: the file ${path}: ${reason}; make one with: openssl rand -base64 32 > ${path}`);
  });
  try {
    const { mode } = await file.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      log.warn({ file: path }, "The key that encrypts one-time secrets may be read by others; chmod 600 it");
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxFileBytes), 0, maxFileBytes, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function parsed(text: string, where: string): Buffer {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, "hex");
  if (/^(?:[A-Za-z0-9+/]{43}=?|[\w-]{43}=?)$/.test(trimmed)) return Buffer.from(trimmed, "base64");
  throw new Error(`${where} holds no 32 bytes in base64 or hex; make them with: openssl rand -base64 32`);
}
