import { randomBytes, scrypt } from "node:crypto";
import type * as Argon2 from "@node-rs/argon2";
import { Gate } from "./gate.ts";
import {
  parseHash,
  PasswordHash,
  type Argon2Cost,
  type HashCost,
  type PasswordAlgorithm,
  type ScryptCost,
} from "./hash.ts";

/** Longest password, in bytes of UTF-8. */
export const maxPasswordBytes = 1024;

/** The least that the OWASP Password Storage Cheat Sheet recommends for each. */
export const defaultCosts: { readonly argon2id: Argon2Cost; readonly scrypt: ScryptCost } = {
  argon2id: { algorithm: "argon2id", m: 19_456, t: 2, p: 1 },
  scrypt: { algorithm: "scrypt", ln: 15, r: 8, p: 3 },
};

// Two of libuv's four threads at most, so that file operations never wait for a flood of logins; and shared by all servers of
// the process, since memory is. 64 waiting logins are a few seconds' work.
const gate = new Gate(2, 64);

/**
 * Hashes a password, to be stored as the PHC string that is returned.
 *
 * argon2id is the default because it is the recommended one and, by measurement, the cheaper: its addon loads in 20 ms, once, and
 * a check takes 10 ms and 19 MiB, against 80 ms and 32 MiB for each pass of scrypt. scrypt needs no addon.
 *
 * @throws RangeError for an empty password or one over 1,024 bytes.
 */
export async function hashPassword(password: string, algorithm: PasswordAlgorithm = "argon2id"): Promise<string> {
  const length = Buffer.byteLength(password);
  if (length === 0) throw new RangeError("The password is empty");
  if (length > maxPasswordBytes) throw new RangeError(`The password is longer than ${maxPasswordBytes} bytes`);
  const cost = defaultCosts[algorithm];
  const salt = randomBytes(16);
  const digest = await gate.run(() => derive(cost, salt, 32, password));
  return new PasswordHash(cost, salt, digest).toString();
}

/**
 * Whether a password is the one that was hashed. Takes the same time for a right and for a wrong password; at most two checks run
 * at once in a process, and 64 wait.
 *
 * @throws Mistake where the hash is malformed; GateFull where too many checks are waiting; the signal's reason, if it is aborted
 * before the check begins.
 */
export async function verifyPassword(
  hash: string | PasswordHash,
  password: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const known = typeof hash === "string" ? parseHash(hash) : hash;
  if (Buffer.byteLength(password) > maxPasswordBytes) return false;
  return known.equals(await gate.run(() => derive(known.cost, known.salt, known.length, password), signal));
}

/** Loads what an algorithm needs and runs it once, so that a missing addon shows at the start and the first login is not slower. */
export async function warmUp(hash: PasswordHash): Promise<void> {
  await verifyPassword(hash, "warm-up");
}

async function derive(cost: HashCost, salt: Uint8Array, length: number, password: string): Promise<Buffer> {
  return cost.algorithm === "scrypt"
    ? deriveScrypt(cost, salt, length, password)
    : deriveArgon2(cost, salt, length, password);
}

function deriveScrypt({ ln, r, p }: ScryptCost, salt: Uint8Array, length: number, password: string): Promise<Buffer> {
  const N = 2 ** ln;
  // Node's limit covers the p blocks and some working space as well.
  const maxmem = 128 * r * (N + p + 2) + 1024;
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r, p, maxmem }, (error, digest) => {
      if (error === null) resolve(digest);
      else reject(error);
    });
  });
}

async function deriveArgon2(cost: Argon2Cost, salt: Uint8Array, length: number, password: string): Promise<Buffer> {
  // Without more, the addon computes what is stored: argon2id, version 19.
  const { hashRaw } = await loadArgon2();
  return hashRaw(password, {
    memoryCost: cost.m,
    timeCost: cost.t,
    parallelism: cost.p,
    outputLen: length,
    salt,
  });
}

/** Only when it is needed: a file of scrypt hashes works where the addon does not exist. */
async function loadArgon2(): Promise<typeof Argon2> {
  try {
    return await import("@node-rs/argon2");
  } catch (cause) {
    throw new Error("argon2id is not available on this platform; use scrypt", { cause });
  }
}
