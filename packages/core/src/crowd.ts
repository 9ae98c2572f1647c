/**
 * How far a login has come: nothing was said, the identification has come, keys were exchanged, it has asked to be let in, and it has proven something, though not all
 * that is wanted.
 */
export type Stage = "silent" | "identified" | "keyed" | "asked" | "proven";
const order: readonly Stage[] = ["silent", "identified", "keyed", "asked", "proven"];

/** Whichever stage is further on. */
export function further(one: Stage, other: Stage): Stage {
  return order.indexOf(one) > order.indexOf(other) ? one : other;
}

/** A connection that has not logged in, as far as it matters who has to go when there are too many. */
export interface Waiting {
  /** An IPv4 address or an IPv6 /64; `undefined` where sources cannot be told apart. */
  readonly source: string | undefined;
  /** The network around it: an IPv4 /24 or an IPv6 /48. */
  readonly network: string | undefined;
  readonly since: number;
  /** Somebody has logged in from there not long ago. */
  readonly known: boolean;
  stage: Stage;
  /** Ends the connection. */
  readonly evict: (reason: string) => void;
}

/** A client identifies itself as soon as it is connected (RFC 4253, section 4.2); who has not done so by then is dispensable. */
const silentMs = 250;
/**
 * A program logs in within a second or two, and a person has typed a password by then. Who takes longer is dispensable: the first time while there is room, the second when
 * there is none. Counted from the connection on, since whatever else it were counted from could be said again and again.
 */
const patienceMs = { first: 30_000, last: 10_000 };

/** The connections that have not logged in, the oldest first. */
export class Crowd {
  readonly #waiting = new Set<Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  add(one: Waiting): void {
    this.#waiting.add(one);
  }

  delete(one: Waiting): void {
    this.#waiting.delete(one);
  }

  /**
   * Who has to make room for a newcomer, if anybody: one that says nothing; else one of a network or source that has more connections waiting than the newcomer's will
   * have; else one that takes too long, of those that have come least far the one that has waited longest; else anybody where the newcomer's source is known. Never one
   * whose own source is known, or who has proven something.
   *
   * @param fullness from 0, where room is wanted at random, to 1, where there is none
   */
  dispensable(
    newcomer: Pick<Waiting, "source" | "network" | "known">,
    now: number,
    fullness: number,
  ): Waiting | undefined {
    const networks = new Map<string | undefined, number>();
    const sources = new Map<string | undefined, number>();
    for (const { network, source } of this.#waiting) {
      networks.set(network, (networks.get(network) ?? 0) + 1);
      sources.set(source, (sources.get(source) ?? 0) + 1);
    }
    const patience = patienceMs.first + (patienceMs.last - patienceMs.first) * fullness;
    let found: Waiting | undefined;
    let highest: readonly number[] = [];
    for (const one of this.#waiting) {
      if (one.known || one.stage === "proven") continue;
      const waited = now - one.since;
      const inNetwork = networks.get(one.network) ?? 0;
      const ofSource = sources.get(one.source) ?? 0;
      const crowded =
        inNetwork > (networks.get(newcomer.network) ?? 0) + 1 || ofSource > (sources.get(newcomer.source) ?? 0) + 1;
      const reason =
        one.stage === "silent" && waited >= silentMs
          ? 3
          : crowded
            ? 2
            : waited >= patience
              ? 1
              : newcomer.known
                ? 0
                : -1;
      if (reason < 0) continue;
      const size = reason === 1 ? [0, 0] : [inNetwork, ofSource];
      const rank = [reason, ...size, -order.indexOf(one.stage)];
      // Among equals, the one that was found first is the oldest.
      if (found !== undefined && !isHigher(rank, highest)) continue;
      found = one;
      highest = rank;
    }
    return found;
  }
}

/** Whether the first numbers that differ are higher. */
function isHigher(rank: readonly number[], than: readonly number[]): boolean {
  const differs = rank.findIndex((value, i) => value !== than[i]);
  return differs !== -1 && (rank[differs] ?? 0) > (than[differs] ?? 0);
}
