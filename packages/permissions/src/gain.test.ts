import { describe, expect, it } from "vitest";
import { readRule, type RuleOptions } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";
import type { Verb } from "./verbs.ts";

/** Numbers by a seed, so that a failure can be had again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const patternNames = ["a", "b", "*", "**", ".h", ".*"];
const pathNames = ["a", "b", ".h"];
/** The verbs that the rules speak of. */
const moved = ["download", "list"] as const;
const now = (): Date => new Date(0);

function pathsOf(depth: number): string[][] {
  const paths: string[][] = [[]];
  for (const path of paths) if (path.length < depth) paths.push(...pathNames.map((name) => [...path, name]));
  return paths;
}

function rulesBy(number: (below: number) => number): RuleOptions[] {
  const some: readonly Verb[][] = [["download"], ["download"], ["download", "list"]];
  return Array.from({ length: 2 + number(4) }, () => {
    const paths = [`/${Array.from({ length: 1 + number(3) }, () => patternNames[number(6)]).join("/")}`];
    const kind = number(5);
    if (kind === 0) return { paths, hide: true };
    return { paths, [kind < 3 ? "allow" : "deny"]: some[number(3)] };
  });
}

describe("what moves as a whole", () => {
  it("gains nothing anywhere below, whatever the rules are", () => {
    const below = pathsOf(3);
    const places = pathsOf(2).filter(({ length }) => length > 0);
    let free = 0;
    for (let seed = 1; seed <= 4000; seed++) {
      const number = numbers(seed);
      const options = rulesBy(number);
      const rules = new RuleBook(options.map(readRule)).rulesFor({
        name: "u",
        groups: [],
        remoteAddress: undefined,
      });
      const allows = (verb: Verb, names: readonly string[]): boolean =>
        rules.hidden(names, now) === undefined && rules.decide(verb, names, now).allowed;
      const from = places[number(places.length)] ?? [];
      const to = places[number(places.length)] ?? [];
      if (rules.hidden(from, now) !== undefined || rules.hidden(to, now) !== undefined) continue;
      if (rules.gain(moved, { from, to }, true, now) !== undefined) continue;
      free += 1;
      for (const rest of below) {
        for (const verb of moved) {
          const gained = allows(verb, [...to, ...rest]) && !allows(verb, [...from, ...rest]);
          if (gained) expect({ options, from, to, rest, verb }).toBe("no gain");
        }
      }
    }
    expect(free).toBeGreaterThan(1000);
  });
});
