import type { Glob } from "./glob.ts";
import type { Rule } from "./rule.ts";
import { gainBelow, type Spoken } from "./gain.ts";
import { bitOf, everyVerb, type Verb, type VerbSet } from "./verbs.ts";

/** Who asks, and from where. */
export interface Subject {
  readonly name: string;
  readonly groups: readonly string[];
  /** `undefined` where it is not known: rules that ask for an address then do not apply. */
  readonly remoteAddress: string | undefined;
}

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

interface Pattern {
  readonly rule: Rule;
  readonly glob: Glob;
}

/** A directory of the tree of patterns: those whose fixed names end here. */
interface Node {
  readonly patterns: Pattern[];
  readonly children: Map<string, Node>;
  /** Whether something here or below may be allowed, so that the way there must be passable. */
  leadsToAllowed: boolean;
}

const nothing: Decision = { allowed: false, rule: undefined };

/** The rules that can apply to one user, by the names that their patterns begin with: few are looked at for each path, however many there are. */
export class UserRules {
  readonly #root: Node = newNode();
  readonly #hides: boolean;

  constructor(rules: readonly Rule[], subject: Subject) {
    const mine = rules.filter((rule) => appliesTo(rule, subject));
    for (const rule of mine) for (const glob of rule.globs) this.#add(rule, glob.forUser(subject.name));
    this.#hides = mine.some((rule) => rule.hide);
  }

  /** What the first rule says that speaks of the verb here. What none speaks of is refused. */
  decide(verb: Verb, names: readonly string[], now: () => Date): Decision {
    const bit = bitOf(verb);
    const rule = this.#first(bit, names, now);
    return rule === undefined ? nothing : { allowed: (rule.allow & bit) !== 0, rule };
  }

  /** The rule that hides the path, or a directory above it. */
  hidden(names: readonly string[], now: () => Date): Rule | undefined {
    if (!this.#hides) return undefined;
    for (let length = 1; length <= names.length; length++) {
      // An exception allows something; a rule that denies only must not uncover what another hides.
      const rule = this.#first(everyVerb, names.slice(0, length), now, true);
      if (rule?.hide === true) return rule;
    }
    return undefined;
  }

  /** Whether the directory leads to where something is allowed. */
  leadsToAllowed(names: readonly string[]): boolean {
    let node: Node | undefined = this.#root;
    for (const name of names) node = node?.children.get(name);
    return node?.leadsToAllowed === true;
  }

  /**
   * What keeps a verb from being allowed for everything below a path, as it has to be where a directory moves as a whole: a rule that denies it there,
   * or the one that allows it for the directory and not for what is in it.
   */
  obstacleBelow(verb: Verb, names: readonly string[], now: () => Date): Rule | undefined {
    const bit = bitOf(verb);
    const deciding = this.#first(bit, names, now);
    if (deciding === undefined) return undefined;
    for (const { rule, glob } of this.#reaching(names)) {
      if (rule.index < deciding.index && (rule.deny & bit) !== 0 && glob.reachesBelow(names)) return rule;
    }
    const covered = this.#along(names).some(({ rule, glob }) => rule === deciding && glob.coversBelow(names));
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
    return this.#reaching(names)
      .filter(({ glob }) => glob.speaksBelow(names))
      .map(({ rule, glob }) => ({ rule, isLocal: glob.reachesBelow(names) }));
  }

  #first(set: VerbSet, names: readonly string[], now: () => Date, toHide = false): Rule | undefined {
    let best: Rule | undefined;
    let node: Node | undefined = this.#root;
    for (let depth = 0; node !== undefined; depth++) {
      for (const { rule, glob } of node.patterns) {
        if (best !== undefined && rule.index >= best.index) break;
        const spoken = toHide && !rule.hide ? rule.allow : rule.allow | rule.deny;
        if ((spoken & set) === 0 || !glob.matches(names) || !isNow(rule, now)) continue;
        best = rule;
        break;
      }
      const name = names[depth];
      node = name === undefined ? undefined : node.children.get(name);
    }
    return best;
  }

  #along(names: readonly string[]): Pattern[] {
    const all: Pattern[] = [];
    let node: Node | undefined = this.#root;
    for (let depth = 0; node !== undefined; depth++) {
      all.push(...node.patterns);
      const name = names[depth];
      node = name === undefined ? undefined : node.children.get(name);
    }
    return all;
  }

  /** The patterns that may match at the path or below it. */
  #reaching(names: readonly string[]): Pattern[] {
    let node: Node | undefined = this.#root;
    for (const name of names) node = node?.children.get(name);
    const below: Pattern[] = [];
    const open = node === undefined ? [] : [...node.children.values()];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      below.push(...next.patterns);
      open.push(...next.children.values());
    }
    return [...this.#along(names), ...below];
  }

  #add(rule: Rule, glob: Glob | undefined): void {
    if (glob === undefined) return;
    let node = this.#root;
    if (rule.allow !== 0) node.leadsToAllowed = true;
    for (const name of glob.prefix) {
      let child = node.children.get(name);
      if (child === undefined) node.children.set(name, (child = newNode()));
      node = child;
      if (rule.allow !== 0) node.leadsToAllowed = true;
    }
    node.patterns.push({ rule, glob });
  }
}

function newNode(): Node {
  return { patterns: [], children: new Map(), leadsToAllowed: false };
}

function appliesTo({ users, groups, addresses }: Rule, subject: Subject): boolean {
  const forAll = users === undefined && groups === undefined;
  const isMine =
    forAll || users?.has(subject.name) === true || subject.groups.some((group) => groups?.has(group.normalize("NFC")));
  if (!isMine || addresses === undefined) return isMine;
  return subject.remoteAddress !== undefined && addresses.includes(subject.remoteAddress);
}

function isNow({ hours }: Rule, now: () => Date): boolean {
  return hours === undefined || hours.some((timetable) => timetable.includes(now()));
}
