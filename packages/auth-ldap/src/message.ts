import { elementsIn, headAt, integerOf, Malformed, Tag, type Element } from "./ber.ts";

/** Tags of LDAP's responses (RFC 4511, section 4). */
export const Response = {
  bind: 0x61,
  entry: 0x64,
  searchDone: 0x65,
  modify: 0x67,
  reference: 0x73,
  extended: 0x78,
} as const;

/** What a response says, as far as it matters before it is read whole. */
export interface Checked {
  readonly tag: number;
  readonly id: number;
  /** The result code; absent for entries and references. */
  readonly code: number | undefined;
}

/**
 * Checks that a message is a response in the shape that RFC 4511 gives it. The reader behind takes a result without a code for
 * success, and does not come to an end where a value is cut off.
 *
 * @throws Malformed that says what is odd
 */
export function checkResponse(bytes: Buffer): Checked {
  const envelope = headAt(bytes, 0);
  if (envelope?.tag !== Tag.sequence) throw new Malformed("no message");
  const [id, body, controls, ...rest] = elementsIn(bytes, envelope);
  if (id?.tag !== Tag.integer || body === undefined || rest.length > 0) throw new Malformed("an odd message");
  if (controls !== undefined) checkControls(bytes, controls);
  return { tag: body.tag, id: integerOf(bytes, id), code: checkBody(bytes, body) };
}

function checkBody(bytes: Buffer, body: Element): number | undefined {
  switch (body.tag) {
    case Response.entry:
      checkEntry(bytes, body);
      return undefined;
    case Response.reference:
      expectAll(elementsIn(bytes, body), Tag.octets);
      return undefined;
    case Response.bind:
    case Response.searchDone:
    case Response.modify:
    case Response.extended: {
      const [code, dn, text] = elementsIn(bytes, body);
      if (code?.tag !== Tag.enumerated || dn?.tag !== Tag.octets || text?.tag !== Tag.octets) {
        throw new Malformed("a result without its fields");
      }
      return integerOf(bytes, code);
    }
    default:
      throw new Malformed("a message that is no response");
  }
}

function checkEntry(bytes: Buffer, body: Element): void {
  const [name, attributes, ...rest] = elementsIn(bytes, body);
  if (name?.tag !== Tag.octets || attributes?.tag !== Tag.sequence || rest.length > 0)
    throw new Malformed("an odd entry");
  for (const attribute of elementsIn(bytes, attributes)) {
    const [type, values, ...more] = elementsIn(bytes, attribute);
    if (attribute.tag !== Tag.sequence || type?.tag !== Tag.octets || values?.tag !== Tag.set || more.length > 0) {
      throw new Malformed("an odd attribute");
    }
    expectAll(elementsIn(bytes, values), Tag.octets);
  }
}

function checkControls(bytes: Buffer, controls: Element): void {
  if (controls.tag !== 0xa0) throw new Malformed("an odd message");
  for (const control of elementsIn(bytes, controls)) {
    if (control.tag !== Tag.sequence || elementsIn(bytes, control)[0]?.tag !== Tag.octets) {
      throw new Malformed("an odd control");
    }
  }
}

function expectAll(elements: readonly Element[], tag: number): void {
  if (elements.some((element) => element.tag !== tag)) throw new Malformed("a value of an odd type");
}
