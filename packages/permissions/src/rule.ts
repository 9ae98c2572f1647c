import { readSize } from "@sluice/core";
import { Addresses } from "./addresses.ts";
import { Glob } from "./glob.ts";
import { Timetable, type Hours } from "./hours.ts";
import { describeVerbs, everyVerb, setOf, type Preset, type Verb, type VerbSet } from "./verbs.ts";

/** Who may do what, where, when. Of the rules that apply, the first that speaks of a verb decides it. */
export interface RuleOptions {
  /** What the log and explanations call it. @default its place in the list */
  readonly name?: string;
  /** Canonical names of users. With `groups`, either suffices. @default everybody */
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /** Patterns of paths: `*` and `?` within a name, `**` for any number of names, `{user}` for the name of who asks. @default everything */
  readonly paths?: readonly string[];
  /** What is allowed. */
  readonly allow?: Preset | readonly Verb[];
  /** What is denied. */
  readonly deny?: Preset | readonly Verb[];
  /** Nothing is allowed, and there is nothing to be seen: not listed, not found, not made. @default false */
  readonly hide?: boolean;
  /** From where: networks in CIDR, or addresses. @default everywhere */
  readonly addresses?: readonly string[];
  /** When; any one suffices. @default always */
  readonly hours?: readonly Hours[];
  /** Largest file that an upload which this rule allows may make: bytes, or a text such as `10 GiB`. @default no limit */
  readonly maxFileBytes?: number | string;
}

/** A rule that has been read. */
export interface Rule {
  readonly index: number;
  readonly name: string;
  readonly users: ReadonlySet<string> | undefined;
  readonly groups: ReadonlySet<string> | undefined;
  readonly globs: readonly Glob[];
  readonly allow: VerbSet;
  readonly deny: VerbSet;
  readonly hide: boolean;
  readonly addresses: Addresses | undefined;
  readonly hours: readonly Timetable[] | undefined;
  readonly maxFileBytes: number;
}

/** @throws RangeError that begins with the field */
export function readRule(options: RuleOptions, index: number): Rule {
  const { name, users, groups, paths = ["/**"], allow, deny, hide = false, addresses, hours, maxFileBytes } = options;
  const allowed = setOf(allow);
  const denied = hide ? everyVerb : setOf(deny);
  if (hide && (allow !== undefined || deny !== undefined)) {
    throw new RangeError("hide: a rule that hides allows nothing and denies everything; leave out allow and deny");
  }
  if ((allowed | denied) === 0) throw new RangeError("allow: the rule neither allows, denies nor hides anything");
  if ((allowed & denied) !== 0) {
    throw new RangeError(`deny: the rule both allows and denies ${describeVerbs(allowed & denied)}`);
  }
  return {
    index,
    name: name ?? `rule ${index + 1}`,
    users: users && new Set(users.map((user) => user.normalize("NFC"))),
    groups: groups && new Set(groups.map((group) => group.normalize("NFC"))),
    globs: paths.map((path, i) => inField(`paths.${i}`, () => Glob.read(path))),
    allow: allowed,
    deny: denied,
    hide,
    addresses: addresses && inField("addresses", () => new Addresses(addresses)),
    hours: hours?.map((each, i) => inField(`hours.${i}`, () => new Timetable(each))),
    maxFileBytes: maxFileBytes === undefined ? Infinity : inField("maxFileBytes", () => readSize(maxFileBytes)),
  };
}

function inField<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RangeError(`${field}: ${(error as Error).message}`, { cause: error });
  }
}

/** A rule for people: its name, what it says, and where. */
export function describeRule(rule: Rule): string {
  const parts = [
    ...(rule.hide ? ["hides"] : []),
    ...(rule.allow === 0 ? [] : [`allows ${describeVerbs(rule.allow)}`]),
    ...(rule.deny === 0 || rule.hide ? [] : [`denies ${describeVerbs(rule.deny)}`]),
  ];
  return `${rule.name}: ${parts.join(", ")} on ${rule.globs.map((glob) => glob.text).join(", ")}`;
}
