/** What a rule can allow or deny. */
export const verbs = [
  "list",
  "download",
  "upload",
  "overwrite",
  "delete",
  "rename",
  "createDirectories",
  "createLinks",
  "chmod",
  "chown",
  "chtimes",
  "copy",
] as const;

/** What a rule can allow or deny. */
export type Verb = (typeof verbs)[number];

/** Several verbs in one word. */
export type Preset = "all" | "read-only" | "write-only";

/** What the presets stand for: everything, looking and fetching only, or a drop box where things are put and not seen. */
export const presets: Readonly<Record<Preset, readonly Verb[]>> = {
  all: verbs,
  "read-only": ["list", "download"],
  "write-only": ["upload", "createDirectories"],
};

/** Verbs as bits, so that a rule's are tested at once. */
export type VerbSet = number;

const bits: Readonly<Record<Verb, VerbSet>> = Object.fromEntries(verbs.map((verb, i) => [verb, 1 << i])) as Record<
  Verb,
  VerbSet
>;

/** Every verb. */
export const everyVerb: VerbSet = (1 << verbs.length) - 1;

export function bitOf(verb: Verb): VerbSet {
  return bits[verb];
}

export function setOf(named: Preset | readonly Verb[] | undefined): VerbSet {
  const list: readonly Verb[] = typeof named === "string" ? presets[named] : (named ?? []);
  return list.reduce((set, verb) => set | bits[verb], 0);
}

/** A set for people, in one word where there is one. */
export function describeVerbs(set: VerbSet): string {
  for (const [preset, named] of Object.entries(presets)) if (setOf(named) === set) return preset;
  return verbs.filter((verb) => (set & bits[verb]) !== 0).join(", ");
}
