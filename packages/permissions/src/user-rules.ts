import type { Rule } from "./rule.ts";
import { gainBelow, type Spoken } from "./gain.ts";
import type { Pattern, RuleTree } from "./tree.ts";
import { bitOf, everyVerb, type Verb, type VerbSet } from "./verbs.ts";

/** What decides a verb on a path: the rule, or none. */
export interface Decision {
  readonly allowed: boolean;
  readonly rule: Rule | undefined;
}

/** The names of two paths: where something is, and where it is to be reached. */
export interface Passage {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** That more is allowed at one path than at another, and the rule that tells. */
export interface Gain {
  readonly verb: Verb;
  readonly rule: Rule | undefined;
}

const nothing: Decision = { allowed: false, rule: undefined };

/** The rules that can apply to one user. */
export class UserRules {
  readonly #trees: readonly RuleTree[];

  /** @param trees each rule that applies is in one of them */
  constructor(trees: readonly RuleTree[]) {
    this.#trees = trees;
  }

  /** What the first rule says that speaks of the verb here. What none speaks of is refused. */
  decide(verb: Verb, names: readonly string[], now: () => Date): Decision {
    const bit = bitOf(verb);
    const rule = this.#first(bit, names, now);
    return rule === undefined ? nothing : { allowed: (rule.allow & bit) !== 0, rule };
  }

  /** The rule that hides the path, or a directory above it. */
  hidden(names: readonly string[], now: () => Date): Rule | undefined {
    if (!this.#trees.some(({ hides }) => hides)) return undefined;
    for (let length = 1; length <= names.length; length++) {
      // An exception allows something; a rule that denies only must not uncover what another hides.
      const rule = this.#first(everyVerb, names.slice(0, length), now, true);
      if (rule?.hide === true) return rule;
    }
    return undefined;
  }

  /** Whether the directory leads to where something is allowed. */
  leadsToAllowed(names: readonly string[]): boolean {
    return this.#trees.some((tree) => tree.leadsToAllowed(names));
  }

  /**
   * What keeps a verb from being allowed for everything below a path, as it has to be where a directory moves as a whole: a rule that denies it there,
   * or the one that allows it for the directory and not for what is in it.
   */
  obstacleBelow(verb: Verb, names: readonly string[], now: () => Date): Rule | undefined {
    const bit = bitOf(verb);
    const deciding = this.#first(bit, names, now);
    if (deciding === undefined) return undefined;
    const denies = ({ rule }: Pattern): boolean => rule.index < deciding.index && (rule.deny & bit) !== 0;
    const along = this.#along(names);
    const denying =
      along.find((pattern) => denies(pattern) && pattern.glob.reachesBelow(names)) ?? this.#below(names).find(denies);
    if (denying !== undefined) return denying.rule;
    const covered = along.some(({ rule, glob }) => rule === deciding && glob.coversBelow(names));
    return covered ? undefined : deciding;
  }

  /**
   * What keeps a verb from being allowed at one path and allows it at another, where something moves from the one to the other, or is reached by a link.
   *
   * @param whole with everything below
   */
  gain(among: readonly Verb[], { from, to }: Passage, whole: boolean, now: () => Date): Gain | undefined {
    const below = whole ? { from: this.#speaking(from), to: this.#speaking(to) } : undefined;
    for (const verb of among) {
      const here = this.decide(verb, from, now);
      const there = this.decide(verb, to, now);
      if (there.allowed && !here.allowed) return { verb, rule: here.rule ?? there.rule };
      if (below === undefined) continue;
      const covers = ({ rule, glob }: Pattern): boolean => rule === here.rule && glob.coversBelow(from);
      const covering = here.allowed && this.#along(from).some(covers) ? here.rule : undefined;
      const rule = gainBelow(bitOf(verb), below, covering);
      if (rule !== undefined) return { verb, rule };
    }
    return undefined;
  }

  /** The rules that may decide something below a path. */
  #speaking(names: readonly string[]): Spoken[] {
    const along = this.#along(names)
      .filter(({ glob }) => glob.speaksBelow(names))
      .map(({ rule, glob }) => ({ rule, isLocal: glob.reachesBelow(names) }));
    return [...along, ...this.#below(names).map(({ rule }) => ({ rule, isLocal: true }))];
  }

  #first(set: VerbSet, names: readonly string[], now: () => Date, toHide = false): Rule | undefined {
    let best: Rule | undefined;
    for (const tree of this.#trees) best = tree.first({ set, names, now, toHide }, best);
    return best;
  }

  #along(names: readonly string[]): Pattern[] {
    return this.#trees.flatMap((tree) => tree.along(names));
  }

  #below(names: readonly string[]): Pattern[] {
    return this.#trees.flatMap((tree) => tree.below(names));
  }
}
