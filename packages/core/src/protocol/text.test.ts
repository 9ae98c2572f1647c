import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesFromText, printable, textFromBytes } from "./text.ts";

const bytes = (...values: number[]): Buffer => Buffer.from(values);

/** Bytes at the borders of RFC 3629's table, where decoders differ. */
const borders = fc.constantFrom(
  0x00,
  0x2e,
  0x2f,
  0x41,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xb2,
  0xbf,
  0xc0,
  0xc1,
  0xc2,
  0xc3,
  0xdf,
  0xe0,
  0xe2,
  0xed,
  0xee,
  0xef,
  0xf0,
  0xf1,
  0xf3,
  0xf4,
  0xf5,
  0xf8,
  0xfe,
  0xff,
);
const hostile = fc.array(borders, { maxLength: 24 }).map((values) => Buffer.from(values));

describe("textFromBytes", () => {
  it.each([
    ["nothing", [], ""],
    ["ASCII, control characters included", [0x00, 0x0a, 0x41, 0x7f], "\0\nA\x7f"],
    ["two, three and four byte sequences", [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], "é€😀"],
    ["a byte order mark, which is part of the name", [0xef, 0xbb, 0xbf, 0x41], "\ufeffA"],
    ["the last code point", [0xf4, 0x8f, 0xbf, 0xbf], "\u{10ffff}"],
    ["the code points on both sides of the surrogates", [0xed, 0x9f, 0xbf, 0xee, 0x80, 0x80], "\ud7ff\ue000"],
  ])("decodes %s as UTF-8", (_, input, text) => {
    expect(textFromBytes(Buffer.from(input))).toBe(text);
  });

  it.each([
    ["a lone continuation byte", [0x80], "\udc80"],
    ["the last continuation byte", [0xbf], "\udcbf"],
    ["an overlong dot", [0xc0, 0xae], "\udcc0\udcae"],
    ["an overlong slash in three bytes", [0xe0, 0x80, 0xaf], "\udce0\udc80\udcaf"],
    ["an overlong slash in four bytes", [0xf0, 0x80, 0x80, 0xaf], "\udcf0\udc80\udc80\udcaf"],
    ["an encoded high surrogate", [0xed, 0xa0, 0x80], "\udced\udca0\udc80"],
    ["an encoded escape", [0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    ["an encoded surrogate pair", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], "\udced\udca0\udcbd\udced\udcb8\udc80"],
    ["a code point beyond the last", [0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    ["five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80], "\udcf8\udc88\udc80\udc80\udc80"],
    ["bytes that never occur", [0xfe, 0xff], "\udcfe\udcff"],
    ["a sequence cut short at the end", [0x41, 0xe2, 0x82], "A\udce2\udc82"],
    ["a sequence cut short by ASCII", [0xe2, 0x82, 0x41], "\udce2\udc82A"],
    ["a sequence cut short by another", [0xe2, 0xc3, 0xa9], "\udce2é"],
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9], "caf\udce9"],
    ["a four-byte sequence in front of an escape", [0xf0, 0x9f, 0x98, 0x80, 0x80], "😀\udc80"],
    ["a four-byte sequence behind an escape", [0xff, 0xf0, 0x9f, 0x98, 0x80], "\udcff😀"],
  ])("escapes the bytes of %s one by one", (_, input, text) => {
    expect(textFromBytes(Buffer.from(input))).toBe(text);
    expect([...bytesFromText(text)]).toEqual(input);
  });

  it("looks at nothing outside its view", () => {
    const whole = bytes(0xc3, 0x41, 0x42, 0xa9);
    expect(textFromBytes(whole.subarray(1, 3))).toBe("AB");
    expect(textFromBytes(whole.subarray(0, 1))).toBe("\udcc3");
    expect(textFromBytes(new Uint8Array(whole.buffer, whole.byteOffset + 1, 2))).toBe("AB");
  });

  it("decodes any well-formed text as Node does", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(textFromBytes(Buffer.from(text, "utf8"))).toBe(text);
      }),
    );
  });
});

describe("bytesFromText", () => {
  it("restores any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
        return bytesFromText(textFromBytes(input)).equals(input);
      }),
      { numRuns: 2000 },
    );
  });

  it("restores bytes from the borders of UTF-8's table", () => {
    fc.assert(
      fc.property(hostile, (input) => {
        return bytesFromText(textFromBytes(input)).equals(input);
      }),
      { numRuns: 5000 },
    );
  });

  it("restores every pair of bytes, each to a text of its own", () => {
    const texts = new Set<string>();
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        const text = textFromBytes(bytes(first, second));
        texts.add(text);
        if (!bytesFromText(text).equals(bytes(first, second))) expect.fail(`${first} ${second}`);
      }
    }
    expect(texts.size).toBe(65_536);
  });

  it("restores a pair whose second half looks like an escape", () => {
    // U+1F480 is D83D DC80: the second half alone would be the byte 80.
    const skull = bytes(0xf0, 0x9f, 0x92, 0x80);
    expect(textFromBytes(skull)).toBe("\ud83d\udc80");
    expect(bytesFromText("\ud83d\udc80")).toEqual(skull);
    expect(bytesFromText("\ud83d\udc80\udc80")).toEqual(bytes(0xf0, 0x9f, 0x92, 0x80, 0x80));
  });

  it("restores a long name with a single escape in it", () => {
    const name = Buffer.concat([Buffer.from("é".repeat(2000)), bytes(0xff), Buffer.from("😀".repeat(2000))]);
    expect(bytesFromText(textFromBytes(name)).equals(name)).toBe(true);
  });

  it.each([
    ["a high surrogate alone", "\ud800"],
    ["a high surrogate in front of a letter", "\udbffA"],
    ["a low surrogate below the escapes", "\udc00"],
    ["what would be an escaped dot", "\udc2e"],
    ["what would be an escaped slash", "\udc2f"],
    ["a low surrogate above the escapes", "\udd00"],
  ])("replaces %s by U+FFFD: it stands for no byte", (_, text) => {
    expect([...bytesFromText(text).subarray(0, 3)]).toEqual([0xef, 0xbf, 0xbd]);
    expect([...bytesFromText(`\udcff${text}`).subarray(0, 4)]).toEqual([0xff, 0xef, 0xbf, 0xbd]);
  });
});

describe("printable", () => {
  it.each([
    ["a line feed", "a\nb", "a\\x0ab"],
    ["NUL", "\0", "\\x00"],
    ["escape sequences of terminals", "\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
    ["DEL and the C1 controls", "\u007f\u0080\u009b", "\\x7f\\x80\\x9b"],
    ["a right-to-left override", "photo_\u202egpj.exe", "photo_\\u{202e}gpj.exe"],
    [
      "every bidirectional control",
      "\u061c\u200e\u200f\u202a\u2066\u2069",
      "\\u{61c}\\u{200e}\\u{200f}\\u{202a}\\u{2066}\\u{2069}",
    ],
    [
      "spaces and joiners of no width",
      "\u200b\u200c\u200d\u2060\ufeff",
      "\\u{200b}\\u{200c}\\u{200d}\\u{2060}\\u{feff}",
    ],
    ["line and paragraph separators", "\u2028\u2029", "\\u{2028}\\u{2029}"],
    ["bytes that are not UTF-8", "caf\udce9", "caf\\xe9"],
  ])("escapes %s", (_, text, escaped) => {
    expect(printable(text)).toBe(escaped);
  });

  it.each([
    ["a soft hyphen", "\u00ad"],
    ["a Mongolian vowel separator", "\u180e"],
    ["deprecated format characters", "\u206a"],
    ["an interlinear annotation", "\ufff9"],
    ["tag characters, which spell hidden ASCII", "\u{e0041}"],
  ])("escapes %s: nobody can see it", (_, text) => {
    expect(printable(text)).toMatch(/^\\/);
  });

  it.each(["plain name.txt", "Ærø – 日本語 – עברית", "😀\ud83d\udc80", "back\\slash"])("leaves %s as it is", (text) => {
    expect(printable(text)).toBe(text);
  });

  it("makes any bytes fit for a terminal", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), hostile), (input) => {
        return !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(printable(textFromBytes(input)));
      }),
      { numRuns: 2000 },
    );
  });
});
