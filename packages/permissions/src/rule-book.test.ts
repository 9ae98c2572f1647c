import { describe, expect, it } from "vitest";
import { readRule, type RuleOptions } from "./rule.ts";
import { RuleBook } from "./rule-book.ts";

const now = (): Date => new Date();

/** Many rules for everybody, some for groups, one that names a user, one for `{user}`. */
function rules(count: number): RuleOptions[] {
  const many = Array.from({ length: count }, (_, i): RuleOptions => {
    const whom = i % 2 === 0 ? {} : { groups: [`g${i % 4}`] };
    return { ...whom, paths: [`/customers/c${i}/**`], allow: "read-only" };
  });
  return [
    { users: ["u7"], paths: ["/customers/c1/secret/**"], deny: "all" },
    { users: ["u7"], paths: ["/customers/c1/**"], allow: ["upload"] },
    ...many,
    { paths: ["/home/{user}/**"], allow: "all" },
  ];
}

describe("a rule book", () => {
  it("gives each user the rules that apply to them, in their order, wherever they are kept", () => {
    const book = new RuleBook(rules(100).map(readRule));
    const of = (name: string, ...groups: string[]) => book.rulesFor({ name, groups, remoteAddress: undefined });
    const may = (user: ReturnType<typeof of>, verb: "download" | "upload", path: string): boolean =>
      user.decide(verb, path.split("/").slice(1), now).allowed;
    expect(may(of("u7", "g1"), "download", "/customers/c1/a")).toBe(true);
    expect(may(of("u7", "g1"), "download", "/customers/c1/secret/a")).toBe(false);
    expect(may(of("u7", "g1"), "upload", "/customers/c1/a")).toBe(true);
    expect(may(of("u8", "g1"), "upload", "/customers/c1/a")).toBe(false);
    expect(may(of("u8", "g1"), "download", "/customers/c1/secret/a")).toBe(true);
    expect(may(of("u8"), "download", "/customers/c1/a")).toBe(false);
    expect(may(of("u8"), "upload", "/home/u8/a")).toBe(true);
    expect(may(of("u8"), "upload", "/home/u7/a")).toBe(false);
    expect(of("u8").leadsToAllowed(["customers", "c2"])).toBe(true);
    expect(of("u8").leadsToAllowed(["customers", "c1"])).toBe(false);
  });

  it("costs a connection next to nothing where the same rules apply to others", () => {
    const book = new RuleBook(rules(10_000).map(readRule));
    const rulesFor = (i: number) => book.rulesFor({ name: `u${i}`, groups: ["g1"], remoteAddress: undefined });
    const all = [rulesFor(0)];
    const before = process.memoryUsage().heapUsed;
    for (let i = 1; i < 100; i++) all.push(rulesFor(i));
    // Each on its own would take some megabytes, garbage aside.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
    expect(all.every((each) => each.decide("download", ["customers", "c2", "a"], now).allowed)).toBe(true);
  });
});
