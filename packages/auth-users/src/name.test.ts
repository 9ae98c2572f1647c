import { describe, expect, it } from "vitest";
import { canonicalName, parseName } from "./name.ts";

describe("names", () => {
  it("are one user however an accented letter was typed", () => {
    expect(canonicalName("Jose\u0301")).toBe("Jos\u00e9");
    expect(parseName("Jose\u0301")).toBe("Jos\u00e9");
  });

  it("keep upper and lower case apart", () => {
    expect(canonicalName("Alice")).toBe("Alice");
    expect(canonicalName("alice")).toBe("alice");
  });

  it.each([
    "alice",
    "a",
    "DOMAIN\\alice",
    "alice@example.org",
    "Ann Lee",
    "__proto__",
    "constructor",
    "0123",
    "ü".repeat(64),
    "王",
  ])("may be %s", (name) => {
    expect(canonicalName(name)).toBe(name);
    expect(parseName(name)).toBe(name);
  });

  it.each([
    ["", "empty"],
    [".", "directory"],
    ["..", "directory"],
    ["a/b", '"/"'],
    [" a", "space"],
    ["a ", "space"],
    ["a\0", "control"],
    ["a\nb", "control"],
    ["a\u202eb", "invisible"],
    ["a\u200bb", "invisible"],
    ["a\ud800", "invisible"],
    ["a\ue000", "invisible"],
    ["a".repeat(65), "longer than 64"],
    ["😀".repeat(64), "longer than 64"],
    ["a".repeat(1_000_000), "longer than 64"],
  ])("may not be %j", (name, why) => {
    expect(canonicalName(name)).toBeUndefined();
    expect(() => parseName(name)).toThrow(why);
  });
});
