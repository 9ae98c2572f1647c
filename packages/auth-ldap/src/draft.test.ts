import { describe, expect, it } from "vitest";
import { draftOf, nameOf } from "./draft.ts";
import { entryOf } from "./entry.ts";
import type { LdapOptions } from "./options.ts";
import { schema } from "./schema.ts";
import type { Settings } from "./settings.ts";

function settings(more: Partial<LdapOptions>): Settings {
  return schema.parse({ urls: ["ldaps://h"], search: { base: "dc=x" }, ...more });
}

const alice = entryOf({
  dn: "uid=alice,dc=x",
  uid: "alice",
  homeDirectory: "/home/alice",
  quota: "2G",
  n: "4.5",
  b: "TRUE",
  l: ["a", "b"],
});
const groups = [
  { dn: "cn=staff,dc=x", name: "staff" },
  { dn: "cn=sales,dc=x", name: "sales" },
];

describe("what is known of a user", () => {
  it("has a home by a template, by an attribute, or by a group", () => {
    const home = (more: Partial<LdapOptions>): string | undefined =>
      draftOf(settings(more), alice, "alice", groups).home;
    expect(home({ attributes: { home: "/users/{uid}/in" } })).toBe("/users/alice/in");
    expect(home({ attributes: { home: "{homeDirectory}" } })).toBe("/home/alice");
    expect(home({ groups: { map: { staff: { home: "/staff" } } } })).toBe("/staff");
    expect(home({ attributes: { home: "{homeDirectory}" }, groups: { map: { staff: { home: "/staff" } } } })).toBe(
      "/home/alice",
    );
    expect(home({})).toBeUndefined();
  });

  it.each(["..", ".", "a/b", "/etc", "", "a\0b", "a\u202eb"])("never has a home made of %j", (uid) => {
    const entry = entryOf({ dn: "x=1", uid });
    expect(() => draftOf(settings({ attributes: { home: "/users/{uid}" } }), entry, "x", [])).toThrow(
      /cannot be part of a home/,
    );
  });

  it.each(["relative", "/a/../b", "/a//b", ""])("never has the home %j of an attribute", (homeDirectory) => {
    const entry = entryOf({ dn: "x=1", homeDirectory });
    expect(() => draftOf(settings({ attributes: { home: "{homeDirectory}" } }), entry, "x", [])).toThrow(
      /cannot be part/,
    );
  });

  it("is refused where the attribute that the home is made of is missing", () => {
    expect(() => draftOf(settings({ attributes: { home: "/u/{mail}" } }), alice, "alice", [])).toThrow(/mail.*missing/);
  });

  it("has claims of the kinds that were asked for, and none for what is absent", () => {
    const { claims } = draftOf(
      settings({
        attributes: {
          quota: "quota",
          claims: {
            n: { attribute: "n", as: "number" },
            b: { attribute: "b", as: "boolean" },
            l: { attribute: "l", as: "list" },
            t: "uid",
            none: "mail",
            ["__proto__"]: "uid",
          },
        },
      }),
      alice,
      "alice",
      [],
    );
    expect(Object.entries(claims!)).toEqual(
      expect.arrayContaining([
        ["quota", 2 * 2 ** 30],
        ["n", 4.5],
        ["b", true],
        ["l", ["a", "b"]],
        ["t", "alice"],
      ]),
    );
    expect(claims).not.toHaveProperty("none");
  });

  it.each(["a lot", "-1", "1.5G", "99999999999T"])("is refused with the quota %s", (quota) => {
    const entry = entryOf({ dn: "x=1", quota });
    expect(() => draftOf(settings({ attributes: { quota: "quota" } }), entry, "x", [])).toThrow(/number of bytes/);
  });

  it("has the groups that are mapped, and the others as they are or not at all", () => {
    const of = (unmapped: "keep" | "drop"): readonly string[] | undefined =>
      draftOf(
        settings({ groups: { map: { "CN=Staff,DC=x": { groups: ["members"] } }, unmapped } }),
        alice,
        "alice",
        groups,
      ).groups;
    expect(of("keep")).toEqual(["members", "sales"]);
    expect(of("drop")).toEqual(["members"]);
  });

  it("has the one name of the entry, or the one in its distinguished name", () => {
    expect(nameOf(settings({}), alice, false)).toBe("alice");
    expect(nameOf(settings({}), entryOf({ dn: "uid=b,dc=x", uid: ["a", "b"] }), false)).toBe("b");
    expect(nameOf(settings({}), entryOf({ dn: "cn=x", sAMAccountName: "Alice" }), true)).toBe("Alice");
    expect(() => nameOf(settings({}), entryOf({ dn: "cn=x", uid: ["a", "b"] }), false)).toThrow(/more than one/);
    expect(() => nameOf(settings({}), entryOf({ dn: "cn=x", uid: "a/b" }), false)).toThrow(/cannot be/);
  });
});
