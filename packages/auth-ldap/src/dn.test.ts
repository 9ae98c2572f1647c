import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparable, escapeValue, parseName } from "./dn.ts";

describe("a distinguished name", () => {
  it.each([
    ["uid=alice,dc=x", [[{ type: "uid", value: "alice" }], [{ type: "dc", value: "x" }]]],
    [
      "cn=a\\,b+sn=\\c3\\ab , DC = x",
      [
        [
          { type: "cn", value: "a,b" },
          { type: "sn", value: "\u00eb" },
        ],
        [{ type: "DC", value: "x" }],
      ],
    ],
    ["cn=\\20a\\ ", [[{ type: "cn", value: " a " }]]],
    ["cn=a=b", [[{ type: "cn", value: "a=b" }]]],
    ["cn=", [[{ type: "cn", value: "" }]]],
  ])("%s is read", (text, names) => {
    expect(parseName(text)).toEqual(names);
  });

  it.each(["alice", "", "cn", "cn=a,", "=a", 'cn="a"', "cn=a\\", "cn=a,b", "1x=a"])("is not %j", (text) => {
    expect(parseName(text)).toBeUndefined();
  });

  it.each([
    ["CN=Staff,DC=x", "cn=staff, dc=x"],
    ["cn=a+sn=b,dc=x", "SN=b+cn=a,dc=x"],
    ["cn=a\\,b,dc=x", "cn=a\\2Cb,dc=x"],
  ])("%s is the same as %s", (one, other) => {
    expect(comparable(one)).toBe(comparable(other));
  });

  it("is not another one because of a value that looks like it", () => {
    expect(comparable("cn=a\\,dc\\=x,dc=y")).not.toBe(comparable("cn=a,dc=x,dc=y"));
  });

  it("keeps any text as one value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(parseName(`cn=${escapeValue(text)},dc=x`)).toEqual([
          [{ type: "cn", value: text }],
          [{ type: "dc", value: "x" }],
        ]);
      }),
    );
  });
});
