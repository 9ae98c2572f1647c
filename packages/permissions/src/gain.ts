import type { Rule } from "./rule.ts";
import type { VerbSet } from "./verbs.ts";

/** A rule that may decide something below a path: because of where that is, or by names alone, as it would anywhere. */
export interface Spoken {
  readonly rule: Rule;
  readonly isLocal: boolean;
}

/**
 * The rule that tells that a verb may be allowed for something below one path and not for the same below another. Rules that go by names alone decide the
 * same at both ends, unless at one end another comes before them. Hours are left out of account: what is moved now stays there.
 *
 * @param below the rules that speak below either path
 * @param covering the rule that allows the verb for everything below `from`, unless an earlier one denies it
 */
export function gainBelow(
  bit: VerbSet,
  below: { readonly from: readonly Spoken[]; readonly to: readonly Spoken[] },
  covering: Rule | undefined,
): Rule | undefined {
  let last = -1;
  let firstLocal: Rule | undefined;
  for (const { rule, isLocal } of below.to) {
    if ((rule.allow & bit) === 0) continue;
    last = Math.max(last, rule.index);
    if (isLocal && !(firstLocal !== undefined && firstLocal.index < rule.index)) firstLocal = rule;
  }
  if (last < 0) return undefined;
  if (firstLocal !== undefined && covering === undefined) return firstLocal;
  const end = covering?.index ?? Infinity;
  return below.from.find(({ rule, isLocal }) => {
    if ((rule.deny & bit) === 0 || rule.index > end) return false;
    // What is hidden hides what is below, whichever rule speaks of that. An exception to it shows by the verb that it allows.
    if (isLocal) return rule.hide || firstLocal !== undefined || rule.index < last;
    return firstLocal !== undefined && firstLocal.index < rule.index;
  })?.rule;
}
