import { hash } from "node:crypto";
import type { Rule } from "./rule.ts";
import { RuleTree } from "./tree.ts";
import { UserRules } from "./user-rules.ts";

/** Who asks, and from where. */
export interface Subject {
  readonly name: string;
  readonly groups: readonly string[];
  /** `undefined` where it is not known: rules that ask for an address then do not apply. */
  readonly remoteAddress: string | undefined;
}

/** Trees that are kept though nobody is connected who needs them: the next login would make them anew. */
const keptTrees = 8;

/** The rules of a server. Those that do not name a user are put in order once for all users to whom the same ones apply. */
export class RuleBook {
  readonly #common: readonly Rule[];
  readonly #personal: readonly Rule[];
  readonly #trees = new Map<string, WeakRef<RuleTree>>();
  readonly #kept = new Map<string, RuleTree>();
  readonly #unused = new FinalizationRegistry<string>((key) => {
    if (this.#trees.get(key)?.deref() === undefined) this.#trees.delete(key);
  });

  constructor(rules: readonly Rule[]) {
    const isPersonal = ({ users, globs }: Rule): boolean => users !== undefined || globs.some((glob) => glob.namesUser);
    this.#common = rules.filter((rule) => !isPersonal(rule));
    this.#personal = rules.filter(isPersonal);
  }

  /** The rules that apply to somebody. */
  rulesFor(subject: Subject): UserRules {
    const mine = (rules: readonly Rule[]): Rule[] => rules.filter((rule) => appliesTo(rule, subject));
    return new UserRules([this.#shared(mine(this.#common)), new RuleTree(mine(this.#personal), subject.name)]);
  }

  #shared(rules: readonly Rule[]): RuleTree {
    const key = hash(
      "sha256",
      Uint32Array.from(rules, ({ index }) => index),
      "base64",
    );
    let tree = this.#kept.get(key) ?? this.#trees.get(key)?.deref();
    if (tree === undefined) {
      tree = new RuleTree(rules, "");
      this.#trees.set(key, new WeakRef(tree));
      this.#unused.register(tree, key);
    }
    this.#kept.delete(key);
    this.#kept.set(key, tree);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptTrees && oldest !== undefined) this.#kept.delete(oldest);
    return tree;
  }
}

function appliesTo({ users, groups, addresses }: Rule, subject: Subject): boolean {
  const forAll = users === undefined && groups === undefined;
  const isMine =
    forAll || users?.has(subject.name) === true || subject.groups.some((group) => groups?.has(group.normalize("NFC")));
  if (!isMine || addresses === undefined) return isMine;
  return subject.remoteAddress !== undefined && addresses.includes(subject.remoteAddress);
}
