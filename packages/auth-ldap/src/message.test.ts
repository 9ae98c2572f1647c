import { BerReader, MessageParser } from "ldapts";
import { describe, expect, it } from "vitest";
import { encode, Malformed, Tag } from "./ber.ts";
import { checkResponse, Response } from "./message.ts";

const octets = (text: string): Buffer => encode(Tag.octets, text);
const id = encode(Tag.integer, Buffer.of(2));
const ok = [encode(Tag.enumerated, Buffer.of(0)), octets(""), octets("")] as const;
const attribute = encode(Tag.sequence, octets("uid"), encode(Tag.set, octets("alice"), octets("al")));
const control = encode(0xa0, encode(Tag.sequence, octets("1.2.3"), octets("x")));

const samples: [string, Buffer, number | undefined][] = [
  ["bind", encode(Tag.sequence, id, encode(Response.bind, ...ok), control), 0],
  [
    "entry",
    encode(Tag.sequence, id, encode(Response.entry, octets("uid=alice"), encode(Tag.sequence, attribute))),
    undefined,
  ],
  ["reference", encode(Tag.sequence, id, encode(Response.reference, octets("ldap://x"))), undefined],
  ["extended", encode(Tag.sequence, id, encode(Response.extended, ...ok, encode(0x8a, "1.2"))), 0],
];

describe("a response", () => {
  it.each(samples)("that is well formed passes: %s", (_, bytes, code) => {
    expect(checkResponse(bytes)).toMatchObject({ id: 2, code });
  });

  it.each(samples)(
    "that was changed anywhere is a response or malformed, and what passes can be read: %s",
    (_, bytes) => {
      const variants = [...bytes.keys()].flatMap((at) => [
        bytes.subarray(0, at),
        ...Array.from({ length: 8 }, (__, bit) => {
          const changed = Buffer.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
          return changed;
        }),
      ]);
      let passed = 0;
      for (const variant of variants) {
        try {
          checkResponse(variant);
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed);
          continue;
        }
        passed += 1;
        // It comes to an end: without the check before, a value that is cut off is read for ever.
        const parser = new MessageParser();
        parser.on("error", () => {});
        parser.read(variant, new Map());
        expect(new BerReader(variant).readSequence()).toBe(Tag.sequence);
      }
      expect(passed).toBeGreaterThan(0);
      expect(passed).toBeLessThan(variants.length);
    },
  );
});
