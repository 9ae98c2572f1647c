import { createHash } from "node:crypto";
import { isIP } from "node:net";
import type { Limits } from "../options.ts";
import { sourceOf } from "../sources.ts";
import type { Store } from "../store.ts";

/** The bounds that apply. */
export type ThrottleLimits = Pick<
  Limits,
  "authFailuresPerUserAndSource" | "authFailuresPerSource" | "authFailuresPerUser" | "authFailuresMs"
>;

/** One attempt that is counted as failed until it is taken back. */
export interface Counted {
  /** It was no failed guess. */
  takeBack(): Promise<void>;
}

/** For so long a source is known from which a user has logged in. */
const knownMs = 30 * 24 * 3600 * 1000;

/**
 * Counts failed passwords and codes across connections, in the server's store: by user and source, by source, and by user. Whoever is over a bound
 * is refused before any method is asked. A source from which the user has logged in of late is held to the first bound alone: strangers who
 * guess at that user, or neighbours who guess at others, do not lock it out. Keys are not counted: nobody guesses them.
 *
 * An attempt counts from before it is verified: many at once get no further than one after the other, and a client that leaves before it is
 * answered has had its try.
 */
export class Throttle {
  readonly #store: Store;
  readonly #limits: ThrottleLimits;

  constructor(store: Store, limits: ThrottleLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Counts an attempt. Resolves to why it is refused where a bound is reached. @throws Error where the store fails: refuse then */
  async count(username: string, address: string): Promise<Counted | string> {
    const { authFailuresPerUserAndSource, authFailuresPerSource, authFailuresPerUser } = this.#limits;
    const user = userKey(username);
    const source = sourceKey(address);
    const counted: string[] = [];
    const takeBack = async (): Promise<void> => {
      await Promise.all(counted.map((key) => this.#subtract(key)));
    };
    const isOver = async (key: string, bound: number): Promise<boolean> => {
      counted.push(key);
      return (await this.#store.add(key, 1, { ttlMs: this.#limits.authFailuresMs })) > bound;
    };
    const over = async (): Promise<string | undefined> => {
      const isKnown = (await this.#store.get(knownKey(user, source))) !== undefined;
      // The source comes first: one that is over its bound leaves nothing in the store of the names that it invents. Who is behind a Unix socket or a
      // tunnel cannot be told apart.
      const isSource = !isKnown && source !== "" && (await isOver(sourcesKey(source), authFailuresPerSource));
      if (isSource) return "from this source";
      if (await isOver(pairKey(user, source), authFailuresPerUserAndSource)) return "of this user from this source";
      return !isKnown && (await isOver(`core/failures/user/${user}`, authFailuresPerUser)) ? "of this user" : undefined;
    };
    const where = await over();
    if (where === undefined) return { takeBack };
    // What is refused here was no guess: it counts nowhere.
    await takeBack();
    return `Too many failed logins ${where}`;
  }

  /** The user has logged in from there. @throws Error where the store fails */
  async loggedIn(username: string, address: string): Promise<void> {
    const user = userKey(username);
    const source = sourceKey(address);
    await Promise.all([
      this.#store.delete(pairKey(user, source)),
      source === "" ? undefined : this.#store.set(knownKey(user, source), "1", { ttlMs: knownMs }),
    ]);
  }

  async #subtract(key: string): Promise<void> {
    const left = await this.#store.add(key, -1, { ttlMs: this.#limits.authFailuresMs });
    // The window has ended meanwhile: the next one begins with nothing.
    if (left < 0) await this.#store.delete(key);
  }
}

const pairKey = (user: string, source: string): string => `core/failures/user-source/${user}/${source}`;
const sourcesKey = (source: string): string => `core/failures/source/${source}`;
const knownKey = (user: string, source: string): string => `core/known-source/${user}/${source}`;

/**
 * Directories compare names without regard to case and to blanks that are one too many, and Active Directory without regard to accents: spellings that
 * differ in nothing else share a count, or each would have guesses of its own. Hashed, since what is typed for a name may be a password, and a name may be longer than a key.
 */
function userKey(username: string): string {
  const bare = username.normalize("NFKD").replaceAll(/\p{M}/gu, "").replaceAll(/\s+/g, " ").trim();
  return createHash("sha256").update(bare.toUpperCase().toLowerCase()).digest("base64url");
}

function sourceKey(address: string): string {
  return isIP(address) === 0 ? "" : encodeURIComponent(sourceOf(address));
}
