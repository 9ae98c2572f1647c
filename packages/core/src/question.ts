/** What a person asks before anything is done: may this user do that? */
export interface Question {
  readonly user: { readonly name: string; readonly groups: readonly string[] };
  /** An operation's name, such as `rename`, or a word that a plugin has for several. */
  readonly op: string;
  readonly path: string;
  /** Where to, of what has two paths. */
  readonly to?: string;
  /** Where the user would come from. @default nowhere in particular: what depends on it is told */
  readonly remoteAddress?: string;
  /** When. @default now */
  readonly at?: Date;
}

/** What a plugin says to a question. */
export interface Explanation {
  readonly allowed: boolean;
  /** What decides, for people: which rule, and what it says. One line, or several. */
  readonly reason: string;
}

/** Answers a question without doing anything, or `undefined` where it is none of this plugin's. @throws RangeError where the question makes no sense */
export type Explainer = (question: Question) => Explanation | undefined | Promise<Explanation | undefined>;
