import { describe, expect, it } from "vitest";
import { readRule, type RuleOptions } from "./rule.ts";
import { warningsOf } from "./warnings.ts";

const warningsFor = (...rules: readonly RuleOptions[]): string[] =>
  warningsOf(rules.map(readRule)).warnings.map(({ what, earlier, later }) => `${what} | ${earlier} | ${later}`);

describe("warningsOf", () => {
  it("tells of a rule that an earlier one leaves nothing to decide, with both", () => {
    expect(
      warningsFor({ paths: ["/a/**"], allow: "all" }, { name: "no exe", paths: ["/a/*.exe"], deny: ["upload"] }),
    ).toEqual([
      "A rule never decides: an earlier one always does | rule 1: allows all on /a/** | no exe: denies upload on /a/*.exe",
    ]);
  });

  it("tells of rules that contradict each other where neither contains the other", () => {
    expect(
      warningsFor({ paths: ["/in/**"], allow: ["upload"] }, { paths: ["/**/*.exe"], deny: ["upload"] })[0],
    ).toMatch(/contradict each other/);
  });

  it("says nothing of exceptions that come first, of other verbs, other users and other times", () => {
    expect(warningsFor({ paths: ["/a/*.exe"], deny: ["upload"] }, { paths: ["/a/**"], allow: "all" })).toEqual([]);
    expect(warningsFor({ allow: ["list"] }, { paths: ["/a"], deny: ["upload"] })).toEqual([]);
    expect(warningsFor({ users: ["a"], allow: "all" }, { users: ["b"], deny: "all" })).toEqual([]);
    expect(warningsFor({ users: ["a"], allow: "all" }, { allow: "read-only" })).toEqual([]);
    expect(warningsFor({ hours: [{ to: "12:00" }], allow: "all" }, { allow: "all" })).toEqual([]);
    expect(warningsFor({ addresses: ["10.0.0.0/8"], allow: "all" }, { allow: "all" })).toEqual([]);
  });

  it("ends however many rules there are", () => {
    const rules = Array.from({ length: 3000 }, (_, i) => ({ paths: [`/d${i}/**`], allow: "all" }) as const);
    expect(warningsOf(rules.map(readRule))).toEqual({ warnings: [], whole: false });
  });
});
