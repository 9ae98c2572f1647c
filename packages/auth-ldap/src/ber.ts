/** One element of BER (X.690), of definite length: where its contents are. */
export interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** Tags of the universal types that LDAP uses. */
export const Tag = { integer: 0x02, octets: 0x04, enumerated: 0x0a, sequence: 0x30, set: 0x31 } as const;

/** Bytes that are no BER, or not what LDAP has there. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/**
 * Reads the head of the element at `at`.
 *
 * @returns `undefined` where the head is not whole; the contents may still be missing
 * @throws Malformed for lengths that are indefinite or of more than four bytes
 */
export function headAt(bytes: Buffer, at: number): Element | undefined {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const size = first & 0x7f;
  if (size === 0 || size > 4) throw new Malformed("a length of an unknown form");
  if (at + 2 + size > bytes.length) return undefined;
  const start = at + 2 + size;
  return { tag, start, end: start + bytes.readUIntBE(at + 2, size) };
}

/** The elements that fill a range exactly. @throws Malformed where they do not */
export function elementsIn(bytes: Buffer, { start, end }: Pick<Element, "start" | "end">): Element[] {
  const elements: Element[] = [];
  for (let at = start; at < end;) {
    const element = headAt(bytes, at);
    if (element === undefined || element.end > end) throw new Malformed("an element beyond its parent");
    elements.push(element);
    at = element.end;
  }
  return elements;
}

/** The number in an element of up to four bytes. @throws Malformed for others */
export function integerOf(bytes: Buffer, { start, end }: Element): number {
  if (end - start < 1 || end - start > 4) throw new Malformed("a number of an odd size");
  return bytes.readIntBE(start, end - start);
}

/** An element made of its contents. */
export function encode(tag: number, ...contents: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(contents.map((content) => Buffer.from(content as string)));
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([Buffer.of(tag, 0x84), length, body]);
}
