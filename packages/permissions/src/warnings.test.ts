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

  it("tells of a rule that seems to restrict, and leaves the rest to a later one that allows it", () => {
    const archive = { name: "archive", paths: ["/archive/**"], allow: "read-only" } as const;
    const what = "What a rule does not allow, a later one does: to refuse it, let the earlier one deny it";
    expect(warningsFor(archive, { allow: "all" })).toEqual([
      `${what} | archive: allows read-only on /archive/** | rule 2: allows all on /**`,
    ]);
    expect(warningsFor({ ...archive, deny: ["upload", "delete"] }, { allow: "all" })).toEqual([]);
    expect(warningsFor({ ...archive, users: ["a"] }, { users: ["b"], allow: "all" })).toEqual([]);
    expect(warningsFor(archive, { users: ["a"], allow: "all" })).toEqual([]);
    expect(warningsFor(archive, { deny: ["list"] }, { allow: "all" })).toEqual([]);
    expect(warningsFor({ ...archive, maxFileBytes: 1 }, { allow: "all" })).toEqual([]);
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
