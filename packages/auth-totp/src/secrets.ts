import type { Store, UserDraft } from "@sluice/core";
import { ScureBase32Plugin } from "otplib";
import { z } from "zod";
import type { Secret } from "./code.ts";
import { keyOf, parseEntry, prefixOf, readEntry } from "./entries.ts";
import type { Keyring } from "./keyring.ts";
import type { TotpSettings } from "./options.ts";

/** What there is of a user's secret. */
export type Found =
  | { readonly is: "there"; readonly secret: Secret }
  | { readonly is: "absent" }
  /** There is one, and it cannot be used. */
  | { readonly is: "broken"; readonly reason: string };

/** Where secrets are. */
export interface Secrets {
  /** @param draft what earlier factors said of the user. @throws Error where the store fails */
  find(user: string, draft: UserDraft): Promise<Found>;
}

/** Who is enrolled in the store. Everything but the secret can be read without a key. */
export interface Enrolled {
  readonly user: string;
  readonly enrolledAt: number;
  readonly key: string;
}

const stored = z.strictObject({
  user: z.string(),
  enrolledAt: z.int(),
  key: z.string(),
  nonce: z.string(),
  data: z.string(),
});
const sealedSecret = z.strictObject({
  secret: z.string(),
  algorithm: z.enum(["sha1", "sha256", "sha512"]),
  digits: z.literal([6, 7, 8]),
  period: z.int().min(1),
});

/** Secrets in the store, encrypted. What codes look like is kept with each, so that changing an option leaves apps as they are. */
export class StoredSecrets implements Secrets {
  readonly #store: Store;
  readonly #keys: Keyring;

  constructor(store: Store, keys: Keyring) {
    this.#store = store;
    this.#keys = keys;
  }

  async find(user: string): Promise<Found> {
    const { value } = await readEntry(this.#store, keyOf("secret", user), stored);
    if (value === undefined) return { is: "absent" };
    try {
      const opened = sealedSecret.parse(JSON.parse(this.#keys.open(user, value)));
      const { secret, ...rest } = opened;
      return { is: "there", secret: { ...rest, bytes: Buffer.from(secret, "base64url") } };
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown";
      return { is: "broken", reason: `the secret in the store cannot be decrypted: ${reason}` };
    }
  }

  /** The entry as it is, for `put`. */
  async text(user: string): Promise<string | undefined> {
    return this.#store.get(keyOf("secret", user));
  }

  /** Puts a secret in place of `before`. Resolves to whether that was still there. */
  async put(user: string, secret: Secret, before: string | undefined, now: number): Promise<boolean> {
    const { bytes, ...rest } = secret;
    const plain = JSON.stringify({ secret: Buffer.from(bytes).toString("base64url"), ...rest });
    const entry = { user, enrolledAt: now, ...this.#keys.seal(user, plain) };
    return this.#store.compareAndSet(keyOf("secret", user), before, JSON.stringify(entry));
  }

  async delete(user: string): Promise<boolean> {
    return this.#store.delete(keyOf("secret", user));
  }

  async enrolled(user: string): Promise<Enrolled | undefined> {
    return (await readEntry(this.#store, keyOf("secret", user), stored)).value;
  }

  async *list(): AsyncGenerator<Enrolled> {
    for await (const [key, text] of this.#store.list(prefixOf("secret"))) yield parseEntry(key, text, stored);
  }
}

/** Secrets that an earlier factor tells as a claim, in base32. */
export class ClaimedSecrets implements Secrets {
  readonly #claim: string;
  readonly #settings: TotpSettings;

  constructor(claim: string, settings: TotpSettings) {
    this.#claim = claim;
    this.#settings = settings;
  }

  async find(_user: string, { claims = {} }: UserDraft): Promise<Found> {
    const claim: unknown = Object.hasOwn(claims, this.#claim) ? claims[this.#claim] : undefined;
    const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
    const [value] = values;
    if (value === undefined || value === null || value === "") return { is: "absent" };
    if (typeof value !== "string" || values.length > 1) return this.#broken("is not one text");
    const bytes = decoded(value);
    if (bytes === undefined) return this.#broken("is not base32");
    const { algorithm, digits, period, minSecretBytes } = this.#settings;
    if (bytes.length < minSecretBytes) {
      return this.#broken(`has ${bytes.length} bytes, of which ${minSecretBytes} are needed (minSecretBytes)`);
    }
    return { is: "there", secret: { bytes, algorithm, digits, period } };
  }

  #broken(what: string): Found {
    return { is: "broken", reason: `the secret in the claim "${this.#claim}" ${what}` };
  }
}

const base32 = new ScureBase32Plugin();

/** A secret as it is shown to people and told to apps. */
export function base32Of(bytes: Uint8Array): string {
  return base32.encode(bytes);
}

function decoded(text: string): Uint8Array | undefined {
  if (text.length > 256) return undefined;
  try {
    return base32.decode(text.replaceAll(/[\s=-]/g, "").toUpperCase());
  } catch {
    return undefined;
  }
}
