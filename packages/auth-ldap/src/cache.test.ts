import { describe, expect, it, vi } from "vitest";
import { Cache } from "./cache.ts";

describe("a cache", () => {
  it("keeps the most recent of too many", () => {
    const cache = new Cache<number>(2);
    for (const [i, key] of ["a", "b", "a", "c"].entries()) cache.set(key, i, 1000);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([2, undefined, 3]);
  });

  it("keeps nothing longer than it may, and nothing at all for no time", () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(0);
    const cache = new Cache<number>(2);
    cache.set("a", 1, 1000);
    cache.set("b", 2, 0);
    now.mockReturnValue(999);
    expect([cache.get("a"), cache.get("b")]).toEqual([1, undefined]);
    now.mockReturnValue(1000);
    expect(cache.get("a")).toBeUndefined();
    now.mockRestore();
  });

  it("keeps names that mean something to objects like any other", () => {
    const cache = new Cache<number>(2);
    expect(cache.get("__proto__")).toBeUndefined();
    cache.set("__proto__", 1, 1000);
    cache.delete("constructor");
    expect(cache.get("__proto__")).toBe(1);
  });
});
