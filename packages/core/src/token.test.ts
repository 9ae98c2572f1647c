import { describe, expect, it } from "vitest";
import { State, token, type Token } from "./token.ts";

describe("token", () => {
  it("makes a key of its own each time, even for the same name", () => {
    const [one, two] = [token<number>("quota.ledger"), token<number>("quota.ledger")];
    expect(one.key).not.toBe(two.key);
    expect([one.name, two.name]).toEqual(["quota.ledger", "quota.ledger"]);
    expect(String(one.key)).toContain("quota.ledger");
  });
});

describe("State", () => {
  const count: Token<number> = token("count");
  const other: Token<string> = token("count");

  it("holds a value under each token and knows nothing of the others", () => {
    const state = new State();
    expect(state.get(count)).toBeUndefined();
    expect(state.has(count)).toBe(false);
    state.set(count, 1);
    state.set(count, 2);
    state.set(other, "x");
    expect(state.get(count)).toBe(2);
    expect(state.get(other)).toBe("x");
    expect(new State().get(count)).toBeUndefined();
  });

  it("tells a value that is undefined from none", () => {
    const maybe: Token<undefined> = token("maybe");
    const state = new State();
    state.set(maybe, undefined);
    expect(state.has(maybe)).toBe(true);
    expect(state.delete(maybe)).toBe(true);
    expect(state.has(maybe)).toBe(false);
    expect(state.delete(maybe)).toBe(false);
  });
});
