/** One name of a pattern: `*` stands for any text, `?` for one character, a backslash takes what follows it literally. */
export interface Segment {
  /** The name itself, where nothing in it stands for something else. */
  readonly literal: string | undefined;
  /** The parts between stars, each a list of characters; `undefined` stands for any one. */
  readonly parts: readonly (readonly (string | undefined)[])[];
}

export function readSegment(text: string): Segment {
  const parts: (string | undefined)[][] = [[]];
  let plain = true;
  const characters = Array.from(text);
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i];
    if (character === "*" || character === "?") plain = false;
    if (character === "*") parts.push([]);
    else if (character === "?") parts.at(-1)?.push(undefined);
    else if (character === "\\" && i + 1 < characters.length) parts.at(-1)?.push(characters[++i]);
    else parts.at(-1)?.push(character);
  }
  return { literal: plain ? (parts[0] ?? []).join("") : undefined, parts };
}

/** A segment that stands for one name and no other. */
export function literalSegment(name: string): Segment {
  return { literal: name, parts: [Array.from(name)] };
}

/** Whether the segment stands for a name. Each part is looked for once, from where the last one ended: no text makes it go back. */
export function matchesName({ literal, parts }: Segment, name: string): boolean {
  if (literal !== undefined) return literal === name;
  const characters = Array.from(name);
  const [first = [], ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return characters.length === first.length && isAt(first, characters, 0);
  if (characters.length < first.length + last.length || !isAt(first, characters, 0)) return false;
  let at = first.length;
  const end = characters.length - last.length;
  for (const part of rest) {
    while (at + part.length <= end && !isAt(part, characters, at)) at += 1;
    if (at + part.length > end) return false;
    at += part.length;
  }
  return isAt(last, characters, end);
}

function isAt(part: readonly (string | undefined)[], characters: readonly string[], at: number): boolean {
  for (let i = 0; i < part.length; i++) if (part[i] !== undefined && part[i] !== characters[at + i]) return false;
  return true;
}
