import { describeRule, type Rule } from "./rule.ts";

/** Two rules, and what is odd about them. */
export interface Warning {
  readonly what: string;
  readonly earlier: string;
  readonly later: string;
}

/** Pairs that are compared at most: the start must not wait for more. */
const mostPairs = 1_000_000;

/**
 * Rules that never decide because an earlier one always does, and rules that contradict each other on some paths of both, where only their order tells.
 *
 * @returns the warnings, and whether all pairs were compared
 */
export function warningsOf(rules: readonly Rule[]): { readonly warnings: readonly Warning[]; readonly whole: boolean } {
  const warnings: Warning[] = [];
  let pairs = 0;
  for (const later of rules) {
    for (const earlier of rules.slice(0, later.index)) {
      if (++pairs > mostPairs) return { warnings, whole: false };
      const what = oddity(earlier, later, rules);
      if (what === undefined) continue;
      warnings.push({ what, earlier: describeRule(earlier), later: describeRule(later) });
      break;
    }
  }
  return { warnings, whole: true };
}

function oddity(earlier: Rule, later: Rule, rules: readonly Rule[]): string | undefined {
  const verbs = later.allow | later.deny;
  const shared = verbs & (earlier.allow | earlier.deny);
  if (shared === 0) return undefined;
  if (shared === verbs && isForAllOf(earlier, later) && containsAll(earlier, later)) {
    return "A rule never decides: an earlier one always does";
  }
  if (leavesOut(earlier, later) && containsAll(later, earlier) && !isException(earlier, later, rules)) {
    return "What a rule does not allow, a later one does: to refuse it, let the earlier one deny it";
  }
  const opposed = (earlier.allow & later.deny) | (earlier.deny & later.allow);
  if (opposed === 0 || !mayMeet(earlier, later) || containsAll(earlier, later) || containsAll(later, earlier)) {
    return undefined;
  }
  const meet = earlier.globs.some((glob) => later.globs.some((other) => glob.meets(other)));
  return meet ? "Two rules contradict each other on some paths; the earlier one decides" : undefined;
}

/** Whether a rule between the two denies what the earlier one allows: then that one is there for it. */
function isException(earlier: Rule, later: Rule, rules: readonly Rule[]): boolean {
  return rules.slice(earlier.index + 1, later.index).some((between) => (between.deny & earlier.allow) !== 0);
}

/** Whether the earlier rule allows a part of what the later one allows, so that it decides nothing by itself. */
function leavesOut(earlier: Rule, later: Rule): boolean {
  const isPart = (earlier.allow & ~later.allow) === 0 && earlier.allow !== later.allow;
  return isPart && earlier.deny === 0 && earlier.maxFileBytes === Infinity && isForAllOf(later, earlier);
}

/** Whether the earlier rule applies to everybody, from everywhere and always, that the later one does. */
function isForAllOf(earlier: Rule, later: Rule): boolean {
  if (earlier.hours !== undefined || earlier.addresses !== undefined) return false;
  if (earlier.users === undefined && earlier.groups === undefined) return true;
  const { users = new Set<string>(), groups = new Set<string>() } = later;
  if (users.size + groups.size === 0) return false;
  return (
    [...users].every((user) => earlier.users?.has(user) === true) &&
    [...groups].every((group) => earlier.groups?.has(group) === true)
  );
}

/** Whether there may be a user of both. Of a user and a group nobody can tell. */
function mayMeet(a: Rule, b: Rule): boolean {
  if (a.users === undefined || b.users === undefined || a.groups !== undefined || b.groups !== undefined) return true;
  return [...a.users].some((user) => b.users?.has(user) === true);
}

function containsAll(a: Rule, b: Rule): boolean {
  return b.globs.every((glob) => a.globs.some((other) => other.contains(glob)));
}
