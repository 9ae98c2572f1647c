import { describe, expect, it } from "vitest";
import { Glob } from "./glob.ts";

const namesOf = (path: string): string[] => path.split("/").filter((name) => name !== "");
const matches = (pattern: string, path: string): boolean => Glob.read(pattern).matches(namesOf(path));

describe("a pattern", () => {
  it.each([
    ["/a/b", "/a/b", true],
    ["/a/b", "/a/b/c", false],
    ["/a/b", "/a", false],
    ["/a/*", "/a/b", true],
    ["/a/*", "/a", false],
    ["/a/*", "/a/b/c", false],
    ["/a/**", "/a", true],
    ["/a/**", "/a/b/c", true],
    ["/a/**", "/ab", false],
    ["/**", "/", true],
    ["/**/x", "/x", true],
    ["/**/x", "/a/b/x", true],
    ["/**/x/**/y", "/a/x/b/x/c/y", true],
    ["/**/x/**/y", "/a/x/b/z", false],
    ["/a/**/b/**/c", "/a/b/b/d/c", true],
    ["/a/**/b/**/c", "/a/c/b", false],
    ["/**/*.exe", "/in/setup.exe", true],
    ["/**/*.exe", "/in/setup.exe/readme", false],
    ["/a/?.txt", "/a/é.txt", true],
    ["/a/?.txt", "/a/😀.txt", true],
    ["/a/?.txt", "/a/ab.txt", false],
    ["/a/re*port*.p?f", "/a/re-2026-port-7.pdf", true],
    ["/a/re*port*.p?f", "/a/report.pf", false],
    ["/a/*aa", "/a/aaa", true],
    ["/a/*aa*aa", "/a/aaa", false],
    ["/a/\\*", "/a/*", true],
    ["/a/\\*", "/a/b", false],
    ["/a/[b]", "/a/[b]", true],
    ["/a/", "/a", true],
  ])("%s on %s: %s", (pattern, path, expected) => {
    expect(matches(pattern, path)).toBe(expected);
  });

  it("takes as long as the path, not more, whatever it is made of", () => {
    const hostile = Glob.read(`/${"**/a*a*a*a*b/".repeat(20)}x`);
    const names = Array.from({ length: 128 }, () => "a".repeat(255));
    // One that goes back and forth would still be at it when the test's time is up.
    for (let i = 0; i < 10; i++) expect(hostile.matches(names)).toBe(false);
  });

  it.each([
    ["*.exe", 'for any directory write "/**/*.exe"'],
    ["/a//b", "no empty names"],
    ["/a/../b", '".."'],
    ["/a**/b", '"**" stands alone'],
    ["/home/{user}.d", '"{user}" stands alone'],
    [`/${"a/".repeat(200)}`, "at most 128 names"],
  ])("refuses %s", (pattern, message) => {
    expect(() => Glob.read(pattern)).toThrow(message);
  });

  it("puts the user's name in, as a name and nothing more", () => {
    const home = Glob.read("/home/{user}/**");
    expect(home.matches(namesOf("/home/alice"))).toBe(false);
    expect(home.forUser("alice")?.matches(namesOf("/home/alice/x"))).toBe(true);
    expect(home.forUser("*")?.matches(namesOf("/home/alice"))).toBe(false);
    expect(home.forUser("a/../b")).toBeUndefined();
    expect(home.forUser("..")).toBeUndefined();
  });
});

describe("two patterns", () => {
  it.each([
    ["/**", "/a/b", true],
    ["/a/**", "/a/b/*.txt", true],
    ["/a/*", "/a/b", true],
    ["/a/*", "/a/**", false],
    ["/a/b", "/a/*", false],
    ["/**/*.txt", "/a/*.txt", true],
    ["/home/*/**", "/home/{user}/x", true],
    ["/home/{user}/**", "/home/*/x", false],
  ])("%s contains %s: %s", (a, b, expected) => {
    expect(Glob.read(a).contains(Glob.read(b))).toBe(expected);
  });

  it.each([
    ["/a/**", "/**/*.txt", true],
    ["/a/**", "/b/**", false],
    ["/a/*", "/*/b", true],
    ["/a/*/c", "/a/**/d", false],
  ])("%s meets %s: %s", (a, b, expected) => {
    expect(Glob.read(a).meets(Glob.read(b))).toBe(expected);
    expect(Glob.read(b).meets(Glob.read(a))).toBe(expected);
  });
});
