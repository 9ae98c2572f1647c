import { createHash, createHmac } from "node:crypto";
import { PasswordHash } from "./hash.ts";
import { defaultCosts } from "./password.ts";

/**
 * Hashes that no password has, for users who have none: an attempt for them takes the time of a real one.
 *
 * Where the file mixes algorithms or parameters, each unknown name gets one of them, as often as real users have it, and always
 * the same: otherwise the time would tell users with a rarer cost from names that do not exist.
 */
export class Decoys {
  readonly #choices: readonly { readonly upTo: number; readonly hash: PasswordHash }[];
  readonly #key: Buffer;

  constructor(hashes: readonly PasswordHash[]) {
    const counts = new Map<string, { count: number; readonly hash: PasswordHash }>();
    for (const hash of hashes) {
      const known = counts.get(hash.effort);
      if (known === undefined) counts.set(hash.effort, { count: 1, hash });
      else known.count++;
    }
    let upTo = 0;
    this.#choices = [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { count, hash }]) => ({ upTo: (upTo += count / hashes.length), hash: hash.decoy() }));
    // The choice must be unpredictable, yet outlive a restart; the hashes are both.
    const secret = hashes.map(String).sort()[0] ?? "";
    this.#key = createHash("sha256").update(secret).digest();
  }

  /** The efforts in use: one hash of each. */
  get efforts(): readonly PasswordHash[] {
    return this.#choices.map((choice) => choice.hash);
  }

  for(username: string): PasswordHash {
    const drawn = createHmac("sha256", this.#key).update(username).digest().readUInt32BE() / 2 ** 32;
    return (this.#choices.find((choice) => drawn < choice.upTo) ?? this.#choices.at(-1))?.hash ?? lone;
  }
}

/** For a file without passwords. scrypt, since it is there on every platform. */
const lone = new PasswordHash(defaultCosts.scrypt, Buffer.alloc(16), Buffer.alloc(32));
