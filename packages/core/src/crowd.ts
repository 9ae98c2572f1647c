/** A connection that has not logged in, as far as it matters who has to go when there are too many. */
export interface Waiting {
  /** An IPv4 address or an IPv6 /64; `undefined` where sources cannot be told apart. */
  readonly source: string | undefined;
  /** The network around it: an IPv4 /24 or an IPv6 /48. */
  readonly network: string | undefined;
  readonly since: number;
  /** Somebody has logged in from there not long ago. */
  readonly known: boolean;
  /** It has sent its identification. */
  identified: boolean;
  /** Ends the connection. */
  readonly evict: (reason: string) => void;
}

/** A client identifies itself as soon as it is connected (RFC 4253, section 4.2); who has not done so by then is dispensable. */
const silentMs = 250;

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
   * Who has to make room for a newcomer, if anybody: one that says nothing, one of a network or source that has more connections waiting than the newcomer's
   * will have, or anybody where the newcomer's source is known. Never one whose own source is known.
   */
  dispensable(newcomer: Pick<Waiting, "source" | "network" | "known">, now: number): Waiting | undefined {
    const networks = new Map<string | undefined, number>();
    const sources = new Map<string | undefined, number>();
    for (const { network, source } of this.#waiting) {
      networks.set(network, (networks.get(network) ?? 0) + 1);
      sources.set(source, (sources.get(source) ?? 0) + 1);
    }
    let found: Waiting | undefined;
    let highest = 0;
    for (const one of this.#waiting) {
      if (one.known) continue;
      const silent = !one.identified && now - one.since >= silentMs;
      const inNetwork = networks.get(one.network) ?? 0;
      const ofSource = sources.get(one.source) ?? 0;
      const crowded =
        inNetwork > (networks.get(newcomer.network) ?? 0) + 1 || ofSource > (sources.get(newcomer.source) ?? 0) + 1;
      if (!silent && !crowded && !newcomer.known) continue;
      // First the silent, then the most crowded network, then the most crowded source in it, then the oldest.
      const rank = (silent ? 1e12 : 0) + inNetwork * 1e6 + ofSource;
      if (found !== undefined && rank <= highest) continue;
      found = one;
      highest = rank;
    }
    return found;
  }
}
