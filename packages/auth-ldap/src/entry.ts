import { Doubt } from "./error.ts";

/** What a directory says of one entry: text alone. */
export interface Entry {
  readonly dn: string;
  /** Values by the attribute's name in lower case. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/** The one attribute that is read as bytes. */
export const sidAttribute = "objectSid";

/** Takes over what can be text: bytes that are not are left out, and a security identifier gets its usual spelling. */
export function entryOf({ dn, ...found }: { readonly dn: unknown; readonly [name: string]: unknown }): Entry {
  // The library lets an attribute of that name take its place.
  if (typeof dn !== "string") throw new Doubt("an entry has no name");
  const attributes = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(found)) {
    // Active Directory sends long lists in parts; a part must not pass for the whole.
    if (/;range=/i.test(name))
      throw new Doubt(`the values of ${name.slice(0, 80)} are more than the directory sends at once`);
    const values = (Array.isArray(value) ? value : [value]) as unknown[];
    const texts = values.flatMap((item) => textOf(name, item));
    attributes.set(name.toLowerCase(), texts);
  }
  return { dn, attributes };
}

function textOf(name: string, value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (!Buffer.isBuffer(value) || name.toLowerCase() !== sidAttribute.toLowerCase()) return [];
  const sid = sidOf(value);
  return sid === undefined ? [] : [sid];
}

/** A security identifier as text (MS-DTYP, section 2.4.2.1). */
function sidOf(bytes: Buffer): string | undefined {
  const count = bytes[1] ?? 0;
  if (bytes[0] !== 1 || bytes.length !== 8 + 4 * count) return undefined;
  const parts = Array.from({ length: count }, (_, i) => bytes.readUInt32LE(8 + 4 * i));
  return ["S-1", bytes.readUIntBE(2, 6), ...parts].join("-");
}

/** The values of an attribute; none where it is absent. */
export function valuesOf(entry: Entry, attribute: string): readonly string[] {
  return entry.attributes.get(attribute.toLowerCase()) ?? [];
}

/** The first value of an attribute that should have one. */
export function valueOf(entry: Entry, attribute: string): string | undefined {
  return valuesOf(entry, attribute)[0];
}
