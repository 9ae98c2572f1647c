import { escapeFilter } from "ldapts";
import type { Client } from "./client.ts";
import { comparable, parseName } from "./dn.ts";
import { valueOf, valuesOf, type Entry } from "./entry.ts";
import { Doubt } from "./error.ts";
import type { GroupSettings } from "./settings.ts";
import type { RootDse } from "./root-dse.ts";
import { fillFilter, placeholdersOf } from "./template.ts";

/** A group that a user is in. */
export interface Group {
  readonly dn: string;
  readonly name: string;
}

/** Most groups that a user may be in, and the most levels of groups in groups. */
const maxGroups = 1000;
const maxDepth = 16;
/** Names that one search asks for. */
const batch = 50;
const inChain = "1.2.840.113556.1.4.1941";

/** A member and where to ask for its groups. */
export interface Membership {
  readonly client: Client;
  readonly rootDse: RootDse;
  readonly entry: Entry;
  readonly username: string;
  readonly signal: AbortSignal;
}

/** The attributes of a user's entry that finding groups needs. */
export function memberAttributes(settings: GroupSettings): readonly string[] {
  return [attributeOf(settings), "objectSid", "primaryGroupID"].filter((name) => name !== undefined);
}

function attributeOf({ attribute, search }: GroupSettings): string | undefined {
  return search === undefined ? (attribute ?? "memberOf") : undefined;
}

/** All groups of a user. @throws Doubt where they are too many: a list that is cut would hide one that is forbidden */
export async function groupsOf(settings: GroupSettings, member: Membership): Promise<readonly Group[]> {
  if (settings.nested && member.rootDse.activeDirectory) return chained(settings, member);
  const found = new Map<string, Group>();
  let level = await firstLevel(settings, member);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === maxDepth) throw new Doubt(`groups are nested more than ${maxDepth} levels deep`);
    const fresh: Group[] = [];
    for (const group of level) {
      const key = comparable(group.dn);
      if (found.has(key)) continue;
      found.set(key, group);
      fresh.push(group);
    }
    if (found.size > maxGroups) throw new Doubt(`the user is in more than ${maxGroups} groups`);
    if (!settings.nested) break;
    level = await nextLevel(settings, member, fresh, found);
  }
  return [...found.values()];
}

/** Active Directory knows the whole chain. A user's primary group is not in it, nor in `memberOf`. */
async function chained(settings: GroupSettings, member: Membership): Promise<readonly Group[]> {
  const base = settings.search?.base ?? member.rootDse.defaultBase;
  if (base === undefined) throw new Doubt("the directory does not say where its groups are; set groups.search.base");
  const search = async (filter: string): Promise<Group[]> => {
    const entries = await member.client.search(
      { base, scope: settings.search?.scope ?? "sub", filter, attributes: [settings.name], limit: maxGroups - 1 },
      member.signal,
      { stayInDomain: true },
    );
    return entries.map((entry) => groupOf(settings, entry));
  };
  const sid = valueOf(member.entry, "objectSid");
  const primary = valueOf(member.entry, "primaryGroupID");
  const first =
    sid === undefined || primary === undefined
      ? []
      : await search(escapeFilter`(objectSid=${`${sid.slice(0, sid.lastIndexOf("-"))}-${primary}`})`);
  const within = [member.entry.dn, ...first.map(({ dn }) => dn)].map(
    (dn) => `(member:${inChain}:=${escapeFilter`${dn}`})`,
  );
  const rest = await search(`(|${within.join("")})`);
  return [...new Map([...first, ...rest].map((group) => [comparable(group.dn), group])).values()];
}

async function firstLevel(settings: GroupSettings, member: Membership): Promise<Group[]> {
  const attribute = attributeOf(settings);
  if (attribute === undefined) return searched(settings, member, [member.entry.dn], member.username);
  const names = valuesOf(member.entry, attribute);
  if (names.length > maxGroups) throw new Doubt(`the user is in more than ${maxGroups} groups`);
  return named(settings, member, names);
}

async function nextLevel(
  settings: GroupSettings,
  member: Membership,
  groups: readonly Group[],
  found: ReadonlyMap<string, Group>,
): Promise<Group[]> {
  const attribute = attributeOf(settings);
  if (attribute === undefined) {
    // What asks for a user's name alone finds no groups of groups.
    const filter = settings.search?.filter ?? "";
    if (placeholdersOf(filter).includes("username")) return [];
    return searched(
      settings,
      member,
      groups.map(({ dn }) => dn),
    );
  }
  const above = new Map<string, string>();
  for (const { dn } of groups) {
    const entry = await member.client.read(dn, [attribute], member.signal);
    for (const name of entry === undefined ? [] : valuesOf(entry, attribute)) {
      const key = comparable(name);
      if (!found.has(key)) above.set(key, name);
    }
    if (above.size > maxGroups) throw new Doubt(`the user is in more than ${maxGroups} groups`);
  }
  return named(settings, member, [...above.values()]);
}

/** The groups of these distinguished names, or plain names where the attribute holds such. */
async function named(settings: GroupSettings, member: Membership, names: readonly string[]): Promise<Group[]> {
  const groups: Group[] = [];
  for (const dn of names) {
    const first = parseName(dn)?.[0]?.find(({ type }) => type.toLowerCase() === settings.name.toLowerCase());
    // Mostly the name is in the distinguished name already.
    const name = first?.value ?? (parseName(dn) === undefined ? dn : await nameAt(settings, member, dn));
    groups.push({ dn, name });
  }
  return groups;
}

async function nameAt(settings: GroupSettings, member: Membership, dn: string): Promise<string> {
  const entry = await member.client.read(dn, [settings.name], member.signal);
  return (entry === undefined ? undefined : valueOf(entry, settings.name)) ?? dn;
}

async function searched(
  settings: GroupSettings,
  member: Membership,
  dns: readonly string[],
  username = "",
): Promise<Group[]> {
  const { search } = settings;
  if (search === undefined) return [];
  const groups: Group[] = [];
  for (let at = 0; at < dns.length; at += batch) {
    const filters = dns.slice(at, at + batch).map((dn) =>
      fillFilter(
        search.filter,
        new Map([
          ["dn", dn],
          ["username", username],
        ]),
      ),
    );
    const filter = filters.length === 1 ? (filters[0] ?? "") : `(|${filters.join("")})`;
    const entries = await member.client.search(
      { base: search.base, scope: search.scope, filter, attributes: [settings.name], limit: maxGroups },
      member.signal,
    );
    groups.push(...entries.map((entry) => groupOf(settings, entry)));
  }
  return groups;
}

function groupOf(settings: GroupSettings, entry: Entry): Group {
  return { dn: entry.dn, name: valueOf(entry, settings.name) ?? entry.dn };
}

/** Whether an option means this group: by its distinguished name, or by its name alone. The case of letters does not count. */
export function means(option: string, { dn, name }: Group): boolean {
  if (parseName(option) !== undefined) return comparable(option) === comparable(dn);
  return option.normalize("NFC").toLowerCase() === name.normalize("NFC").toLowerCase();
}

/** Why somebody in these groups is not let in, if they are not. */
export function shutOut({ required, forbidden }: GroupSettings, groups: readonly Group[]): string | undefined {
  const isIn = (option: string): boolean => groups.some((group) => means(option, group));
  const bad = forbidden.find(isIn);
  if (bad !== undefined) return `the user is in the forbidden group ${bad}`;
  return required === undefined || required.some(isIn) ? undefined : "the user is in none of the required groups";
}
