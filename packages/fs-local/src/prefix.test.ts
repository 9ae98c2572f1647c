import { describe, expect, it } from "vitest";
import { Prefix } from "./prefix.ts";

describe("what has been written without a hole", () => {
  it("ends where the first hole begins, in whatever order the parts come", () => {
    const prefix = new Prefix();
    prefix.add(20, 10);
    prefix.add(10, 10);
    expect(prefix.end).toBe(0);
    prefix.add(0, 5);
    expect(prefix.end).toBe(5);
    prefix.add(4, 6);
    expect(prefix.end).toBe(30);
    prefix.add(2, 3);
    expect(prefix.end).toBe(30);
    prefix.add(31, 10);
    expect(prefix.end).toBe(30);
  });

  it("is less when the file is cut, and not more when it is made longer again", () => {
    const prefix = new Prefix();
    prefix.add(0, 10);
    prefix.add(12, 10);
    prefix.cut(15);
    prefix.add(10, 2);
    expect(prefix.end).toBe(15);
    prefix.cut(5);
    prefix.cut(100);
    expect(prefix.end).toBe(5);
  });

  it("agrees with bytes that are marked one by one", () => {
    for (let round = 0; round < 200; round++) {
      const prefix = new Prefix();
      const written = new Set<number>();
      for (let step = 0; step < 30; step++) {
        const start = (step * 7 + round * 13) % 60;
        const length = 1 + ((step * 5 + round) % 9);
        prefix.add(start, length);
        for (let at = start; at < start + length; at++) written.add(at);
        let end = 0;
        while (written.has(end)) end++;
        expect(prefix.end).toBe(end);
      }
    }
  });

  it("remembers no more holes than it has room for", () => {
    const prefix = new Prefix();
    for (let i = 1; i <= 2_000; i++) prefix.add(i * 10, 5);
    prefix.add(0, 10);
    expect(prefix.end).toBe(15);
  });
});
