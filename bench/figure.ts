import type { Peer } from "./peer.ts";

/** One thing that is measured, with a sample of every peer from every round. */
export interface Figure {
  /** The heading that it is shown under. */
  readonly what: string;
  readonly unit: string;
  readonly better: "more" | "less";
  readonly samples: ReadonlyMap<string, number[]>;
}

/** Collects samples in the order of their first appearance. */
export class Figures {
  readonly #figures = new Map<string, Figure>();

  add(what: string, unit: string, better: Figure["better"], peer: Peer, value: number): void {
    const key = `${what}/${unit}`;
    let figure = this.#figures.get(key);
    if (figure === undefined) this.#figures.set(key, (figure = { what, unit, better, samples: new Map() }));
    const samples = figure.samples as Map<string, number[]>;
    samples.set(peer.name, [...(samples.get(peer.name) ?? []), value]);
  }

  all(): Figure[] {
    return [...this.#figures.values()];
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A peer's samples over sshd's, round by round: what slows a whole round down is not in them. */
export function ratios(figure: Figure, peer: string): number[] {
  const base = figure.samples.get("sshd") ?? [];
  return (figure.samples.get(peer) ?? []).map((value, round) => value / (base[round] ?? Number.NaN));
}

/** The peers in an order that changes from round to round, so that nobody always goes first. */
export function rotated<T>(peers: readonly T[], round: number): T[] {
  const start = round % peers.length;
  return [...peers.slice(start), ...peers.slice(0, start)];
}
