import { random, type Random } from "../security/random.ts";

/** Seconds for all fuzzing together. */
const seconds = Number(process.env["SLUICE_FUZZ_SECONDS"] ?? 60);

/** How long one of the four kinds of fuzzing goes on. */
export const shareMs: number = (seconds * 1000) / 4;

/** For a test that takes its share, and as long again to end. */
export const timeoutMs: number = shareMs * 2 + 90_000;

/**
 * The seed of this run; each round has a sequence of its own, so that it can be had again alone. One and the same where none is given: what passed
 * before a change and fails after it was broken by the change.
 */
export const seed: number = Number(process.env["SLUICE_SEED"] ?? 1);

export function roundRandom(round: number): Random {
  return random((seed ^ Math.imul(round + 1, 0x9e37_79b1)) >>> 0);
}

/** Runs numbered rounds until the time is up; says which one failed. `SLUICE_ROUND` has one round alone. */
export async function rounds(
  what: string,
  run: (random: Random, round: number) => Promise<void> | void,
): Promise<number> {
  const only = process.env["SLUICE_ROUND"];
  const first = Number(only ?? 0);
  const until = only === undefined ? Date.now() + shareMs : 0;
  console.log(`${what}: SLUICE_SEED=${seed}`);
  for (let round = first; ; round++) {
    try {
      await run(roundRandom(round), round);
    } catch (error) {
      throw new Error(`${what} failed; again with SLUICE_SEED=${seed} SLUICE_ROUND=${round}`, { cause: error });
    }
    if (Date.now() >= until) return round - first + 1;
  }
}
