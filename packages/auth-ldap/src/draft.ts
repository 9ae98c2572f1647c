import type { UserDraft } from "@sluice/core";
import { parseName } from "./dn.ts";
import { valueOf, valuesOf, type Entry } from "./entry.ts";
import { Doubt } from "./error.ts";
import { means, type Group } from "./groups.ts";
import type { Settings } from "./settings.ts";
import { fill, placeholdersOf } from "./template.ts";

/** Most text of one claim, and most values of a list. */
const maxClaimLength = 16_384;
const maxClaimValues = 256;

const units: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["K", 2 ** 10],
  ["M", 2 ** 20],
  ["G", 2 ** 30],
  ["T", 2 ** 40],
]);

/** The attributes that a draft is made from. */
export function draftAttributes({ attributes }: Settings): readonly string[] {
  const { name, home, quota, claims } = attributes;
  return [
    ...(name === undefined ? ["uid", "sAMAccountName"] : [name]),
    ...(home === undefined ? [] : placeholdersOf(home)),
    ...(quota === undefined ? [] : [quota]),
    ...Object.values(claims).map((claim) => claim.attribute),
  ];
}

/** What is known of a user. @throws Doubt where an attribute that something depends on cannot be used */
export function draftOf(settings: Settings, entry: Entry, name: string, groups: readonly Group[]): UserDraft {
  const mapped = Object.entries(settings.groups?.map ?? {}).filter(([option]) =>
    groups.some((group) => means(option, group)),
  );
  const kept =
    settings.groups?.unmapped === "drop"
      ? []
      : groups.filter(
          (group) =>
            !Object.entries(settings.groups?.map ?? {}).some(
              ([option, to]) => to.groups !== undefined && means(option, group),
            ),
        );
  const home = homeOf(settings, entry) ?? mapped.find(([, to]) => to.home !== undefined)?.[1].home;
  const claims = new Map<string, unknown>(mapped.flatMap(([, to]) => Object.entries(to.claims ?? {})));
  for (const [claim, value] of claimsOf(settings, entry)) claims.set(claim, value);
  return {
    name,
    groups: [...new Set([...mapped.flatMap(([, to]) => to.groups ?? []), ...kept.map((group) => group.name)])],
    // A claim may have any name: without a prototype, none of them means something else.
    claims: Object.assign(Object.create(null), Object.fromEntries(claims)) as Record<string, unknown>,
    ...(home === undefined ? {} : { home }),
  };
}

/**
 * The name by which a user is known, whatever spelling of it was sent: directories do not tell upper from lower case.
 *
 * @throws Doubt where the entry has none that can be used
 */
export function nameOf(settings: Settings, entry: Entry, activeDirectory: boolean): string {
  const attribute = settings.attributes.name ?? (activeDirectory ? "sAMAccountName" : "uid");
  const values = valuesOf(entry, attribute);
  const inDn = parseName(entry.dn)?.[0]?.find(({ type }) => type.toLowerCase() === attribute.toLowerCase())?.value;
  const name = (values.length === 1 ? values[0] : values.find((value) => value === inDn))?.normalize("NFC");
  if (name === undefined) {
    throw new Doubt(
      `${values.length === 0 ? "no" : "more than one"} name in the attribute ${attribute}; set attributes.name`,
    );
  }
  if (!isPlain(name) || Buffer.byteLength(name) > 255)
    throw new Doubt(`the name in ${attribute} cannot be a user's name`);
  return name;
}

/** Whether text can be one name in a path, and is all visible. */
function isPlain(text: string): boolean {
  return !["", ".", ".."].includes(text) && !/[/\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffd]/u.test(text);
}

function homeOf({ attributes }: Settings, entry: Entry): string | undefined {
  const { home } = attributes;
  if (home === undefined) return undefined;
  const names = placeholdersOf(home);
  const values = new Map(names.map((name) => [name, valueOf(entry, name)] as const));
  const whole = /^\{[^{}]*\}$/.test(home);
  for (const [name, value] of values) {
    // Every user without a home would share one.
    if (value === undefined) throw new Doubt(`the attribute ${name}, of which the home is made, is missing`);
    const good = whole ? value.startsWith("/") && value.slice(1).split("/").every(isPlain) : isPlain(value);
    if (!good) throw new Doubt(`the attribute ${name} cannot be part of a home`);
  }
  return fill(home, values as ReadonlyMap<string, string>, (value) => value);
}

function* claimsOf({ attributes }: Settings, entry: Entry): Generator<readonly [string, unknown]> {
  const { quota, claims } = attributes;
  const bytes = quota === undefined ? undefined : valueOf(entry, quota);
  if (bytes !== undefined) yield ["quota", bytesOf(quota ?? "", bytes)];
  for (const [claim, { attribute, as }] of Object.entries(claims)) {
    const values = valuesOf(entry, attribute);
    const [first] = values;
    if (values.length > maxClaimValues || values.some((value) => value.length > maxClaimLength)) {
      throw new Doubt(`the attribute ${attribute} holds more than a claim can`);
    }
    if (as === "list") yield [claim, [...values]];
    else if (first !== undefined) yield [claim, as === "text" ? first : convert(attribute, first, as)];
  }
}

function convert(attribute: string, text: string, as: "number" | "boolean"): number | boolean {
  if (as === "boolean" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  const number = /^-?\d{1,16}(\.\d{1,16})?$/.test(text) ? Number(text) : Number.NaN;
  if (as === "boolean" || Number.isNaN(number)) throw new Doubt(`the attribute ${attribute} is no ${as}`);
  return number;
}

function bytesOf(attribute: string, text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,16})\s*([KMGT]?)i?B?$/i.exec(text.trim()) ?? [];
  const bytes = digits === "" ? Number.NaN : Number(digits) * (units.get(unit.toUpperCase()) ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) throw new Doubt(`the attribute ${attribute} is no number of bytes, such as 10G`);
  return bytes;
}
