import type { Glob } from "./glob.ts";
import type { Rule } from "./rule.ts";
import type { VerbSet } from "./verbs.ts";

/** One pattern of a rule. */
export interface Pattern {
  readonly rule: Rule;
  readonly glob: Glob;
}

/** What is looked for: a rule that speaks of any of the verbs on a path now. */
export interface Asked {
  readonly set: VerbSet;
  readonly names: readonly string[];
  readonly now: () => Date;
  /** Of rules that only deny, none speaks of what is hidden. */
  readonly toHide: boolean;
}

/** A directory of the tree: the patterns whose fixed names end here. */
interface Node {
  readonly patterns: Pattern[];
  readonly children: Map<string, Node>;
  /** Whether something here or below may be allowed, so that the way there must be passable. */
  leadsToAllowed: boolean;
}

/** Rules by the names that their patterns begin with: few are looked at for each path, however many there are. */
export class RuleTree {
  /** Whether any of the rules hides something. */
  readonly hides: boolean;
  readonly #root: Node = newNode();

  /** @param rules in their order @param user whose name stands for `{user}` */
  constructor(rules: readonly Rule[], user: string) {
    for (const rule of rules) for (const glob of rule.globs) this.#add(rule, glob.forUser(user));
    this.hides = rules.some((rule) => rule.hide);
  }

  /** The first rule that speaks, if it comes before `best`; else that one. */
  first({ set, names, now, toHide }: Asked, best: Rule | undefined): Rule | undefined {
    let first = best;
    let node: Node | undefined = this.#root;
    for (let depth = 0; node !== undefined; depth++) {
      for (const { rule, glob } of node.patterns) {
        if (first !== undefined && rule.index >= first.index) break;
        const spoken = toHide && !rule.hide ? rule.allow : rule.allow | rule.deny;
        if ((spoken & set) === 0 || !glob.matches(names) || !isNow(rule, now)) continue;
        first = rule;
        break;
      }
      const name = names[depth];
      node = name === undefined ? undefined : node.children.get(name);
    }
    return first;
  }

  /** Whether the directory leads to where something is allowed. */
  leadsToAllowed(names: readonly string[]): boolean {
    return this.#at(names)?.leadsToAllowed === true;
  }

  /** The patterns whose fixed names end at the path or above it: they may match there, and below. */
  along(names: readonly string[]): Pattern[] {
    const all: Pattern[] = [];
    let node: Node | undefined = this.#root;
    for (let depth = 0; node !== undefined; depth++) {
      all.push(...node.patterns);
      const name = names[depth];
      node = name === undefined ? undefined : node.children.get(name);
    }
    return all;
  }

  /** The patterns whose fixed names go on below the path: they match there and nowhere else. */
  below(names: readonly string[]): Pattern[] {
    const found: Pattern[] = [];
    const open = [...(this.#at(names)?.children.values() ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      found.push(...next.patterns);
      open.push(...next.children.values());
    }
    return found;
  }

  #at(names: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of names) node = node?.children.get(name);
    return node;
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

function isNow({ hours }: Rule, now: () => Date): boolean {
  return hours === undefined || hours.some((timetable) => timetable.includes(now()));
}
