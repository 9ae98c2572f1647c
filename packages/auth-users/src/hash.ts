import { randomBytes, timingSafeEqual } from "node:crypto";
import { Mistake } from "./mistake.ts";

/** scrypt (RFC 7914): N = 2^ln. */
export interface ScryptCost {
  readonly algorithm: "scrypt";
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** Argon2id version 19 (RFC 9106): `m` in KiB, `t` passes, `p` lanes. */
export interface Argon2Cost {
  readonly algorithm: "argon2id";
  readonly m: number;
  readonly t: number;
  readonly p: number;
}

/** What one computation of a hash takes. */
export type HashCost = ScryptCost | Argon2Cost;
export type PasswordAlgorithm = HashCost["algorithm"];

/** Whoever can write the file must not be able to exhaust the server: the most memory that one hash may ask for, in bytes. */
export const maxHashMemory: number = 512 * 1024 * 1024;
const maxLn = 20;
const maxPasses = 16;
const maxLanes = 16;
/** Below 16 bytes, guessing the hash would begin to compete with guessing the password. */
const hashBytes = { least: 16, most: 64 };
const saltBytes = { least: 8, most: 64 };

/** A password's hash in the PHC string format. Prints as text with `toString` only; JSON and inspection do not show it. */
export class PasswordHash {
  readonly cost: HashCost;
  readonly #salt: Buffer;
  readonly #digest: Buffer;

  constructor(cost: HashCost, salt: Buffer, digest: Buffer) {
    this.cost = cost;
    this.#salt = salt;
    this.#digest = digest;
  }

  get salt(): Uint8Array {
    return this.#salt;
  }

  /** Length of the hash, in bytes. */
  get length(): number {
    return this.#digest.length;
  }

  /** What makes two hashes take the same time to verify. */
  get effort(): string {
    return [costText(this.cost), this.#salt.length, this.length].join("$");
  }

  /** Compares without telling by time how much of it is right. */
  equals(digest: Uint8Array): boolean {
    return digest.length === this.#digest.length && timingSafeEqual(digest, this.#digest);
  }

  /** A hash of the same effort that no password has. */
  decoy(): PasswordHash {
    return new PasswordHash(this.cost, randomBytes(this.#salt.length), randomBytes(this.length));
  }

  toString(): string {
    return `$${costText(this.cost)}$${base64(this.#salt)}$${base64(this.#digest)}`;
  }

  toJSON(): string {
    return "***";
  }
}

/**
 * Reads `$scrypt$ln=…,r=…,p=…$salt$hash` or `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, base64 without padding.
 *
 * @throws Mistake that says what is wrong without repeating the text, which may be a password put there by mistake.
 */
export function parseHash(text: string): PasswordHash {
  const parts = text.split("$");
  if (parts[0] !== "" || parts.length < 3)
    throw new Mistake("is not a password hash; a password itself is never stored");
  const cost = parts[1] === "scrypt" ? scryptCost(parts[2]) : argon2Cost(parts);
  const [salt, digest, ...rest] = parts.slice(cost.algorithm === "scrypt" ? 3 : 4);
  if (salt === undefined || digest === undefined || rest.length > 0) {
    throw new Mistake(`is not a complete ${cost.algorithm} hash; a salt and a hash are needed after the parameters`);
  }
  return new PasswordHash(cost, bytes(salt, "salt", saltBytes), bytes(digest, "hash", hashBytes));
}

function scryptCost(parameters = ""): ScryptCost {
  const match = /^ln=([1-9]\d{0,9}),r=([1-9]\d{0,9}),p=([1-9]\d{0,9})$/.exec(parameters);
  if (match === null) throw new Mistake("has malformed scrypt parameters; ln=…,r=…,p=… is needed");
  const [ln, r, p] = numbers(match);
  if (ln > maxLn) throw new Mistake(`asks for ln=${ln}; at most ${maxLn} is allowed`);
  boundMemory(128 * r * 2 ** ln);
  bound("p", p, maxLanes);
  return { algorithm: "scrypt", ln, r, p };
}

function argon2Cost(parts: readonly string[]): Argon2Cost {
  const [, algorithm, version, parameters = ""] = parts;
  if (algorithm !== "argon2id") {
    throw new Mistake("uses an algorithm that is not supported; only scrypt and argon2id are");
  }
  if (version !== "v=19") throw new Mistake("is not of Argon2 version 19; v=19 is needed");
  const match = /^m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})$/.exec(parameters);
  if (match === null) throw new Mistake("has malformed argon2id parameters; m=…,t=…,p=… is needed");
  const [m, t, p] = numbers(match);
  boundMemory(m * 1024);
  bound("t", t, maxPasses);
  bound("p", p, maxLanes);
  if (m < 8 * p) throw new Mistake(`asks for m=${m}; at least 8 for each lane is needed`);
  return { algorithm: "argon2id", m, t, p };
}

function numbers(match: RegExpExecArray): [number, number, number] {
  return [Number(match[1]), Number(match[2]), Number(match[3])];
}

function bound(name: string, value: number, most: number): void {
  if (value > most) throw new Mistake(`asks for ${name}=${value}; at most ${most} is allowed`);
}

function boundMemory(memory: number): void {
  if (memory > maxHashMemory) {
    throw new Mistake(
      `asks for ${Math.ceil(memory / 2 ** 20)} MiB of memory; at most ${maxHashMemory / 2 ** 20} is allowed`,
    );
  }
}

function bytes(text: string, what: string, { least, most }: { readonly least: number; readonly most: number }): Buffer {
  const decoded = Buffer.from(text, "base64");
  // Buffer skips what is not base64; only text that comes out again was base64 without padding.
  if (base64(decoded) !== text) throw new Mistake(`has a ${what} that is not base64 without padding`);
  if (decoded.length < least || decoded.length > most) {
    throw new Mistake(`has a ${what} of ${decoded.length} bytes; ${least} to ${most} are needed`);
  }
  return decoded;
}

function base64(data: Buffer): string {
  return data.toString("base64").replace(/=+$/, "");
}

function costText(cost: HashCost): string {
  return cost.algorithm === "scrypt"
    ? `scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}`
    : `argon2id$v=19$m=${cost.m},t=${cost.t},p=${cost.p}`;
}
