/** One attribute and its value in a distinguished name. */
export interface NamePart {
  readonly type: string;
  readonly value: string;
}

/** A relative distinguished name: mostly one part. */
export type RelativeName = readonly NamePart[];

/** Escapes text as a value in a distinguished name (RFC 4514, section 2.4): nothing that is special anywhere is left as it is. */
export function escapeValue(text: string): string {
  return text.replace(/[\0-\x1f\x7f"#+,;<=>\\]|^ | $/g, (character) => {
    return `\\${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** Reads a distinguished name (RFC 4514, section 3). @returns `undefined` for what is none */
export function parseName(text: string): readonly RelativeName[] | undefined {
  const names: NamePart[][] = [[]];
  let at = 0;
  while (at < text.length) {
    const type = /^\s*([A-Za-z][\w-]*|\d+(?:\.\d+)*)\s*=\s*/.exec(text.slice(at));
    if (type?.[1] === undefined) return undefined;
    at += type[0].length;
    const value = readValue(text, at);
    if (value === undefined) return undefined;
    names.at(-1)?.push({ type: type[1], value: value.text });
    at = value.end;
    if (at === text.length) return names;
    if (text[at] !== "+") names.push([]);
    at += 1;
  }
  return undefined;
}

function readValue(text: string, start: number): { readonly text: string; readonly end: number } | undefined {
  const bytes: Buffer[] = [];
  let at = start;
  let kept = 0;
  while (at < text.length && !/[,;+]/.test(text[at] ?? "")) {
    const character = text[at] ?? "";
    if (character === '"') return undefined;
    if (character !== "\\") {
      const whole = String.fromCodePoint(text.codePointAt(at) ?? 0);
      bytes.push(Buffer.from(whole));
      at += whole.length;
      // Blanks at the end count only where they are escaped.
      if (whole !== " ") kept = bytes.length;
      continue;
    }
    const hex = /^[0-9a-f]{2}/i.exec(text.slice(at + 1))?.[0];
    const escaped = hex === undefined ? text[at + 1] : undefined;
    if (hex === undefined && escaped === undefined) return undefined;
    bytes.push(hex === undefined ? Buffer.from(escaped ?? "") : Buffer.from(hex, "hex"));
    at += hex === undefined ? 2 : 3;
    kept = bytes.length;
  }
  return { text: Buffer.concat(bytes.slice(0, kept)).toString(), end: at };
}

/** One spelling of a name, to compare by: the case of letters and blanks around do not count. What is no name stays as it is. */
export function comparable(text: string): string {
  const names = parseName(text);
  if (names === undefined) return text.normalize("NFC").toLowerCase();
  return names
    .map((parts) =>
      parts.map(({ type, value }) => `${type}=${escapeValue(value)}`.normalize("NFC").toLowerCase()).sort(),
    )
    .map((parts) => parts.join("+"))
    .join(",");
}
