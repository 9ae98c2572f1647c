import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Budget, Sequence } from "./sequence.ts";

const mebibyte = 1024 * 1024;

describe("a sequence", () => {
  it("hashes pieces in the order of the file, in whatever order they come", () => {
    const data = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
    const sequence = new Sequence(true, new Budget());
    for (const i of [3, 1, 0, 2, 9, 8, 7, 4, 6, 5]) {
      const piece = Buffer.from(data.subarray(i * 10, i * 10 + 10));
      sequence.add(i * 10, piece);
      // What was given is borrowed.
      piece.fill(0);
    }
    const sha256 = createHash("sha256").update(data).digest("hex");
    expect(sequence.finish()).toEqual({ sequential: true, from: 0, sha256 });
  });

  it("gives up on what is too far ahead", () => {
    const sequence = new Sequence(true, new Budget());
    sequence.add(0, Buffer.alloc(1));
    for (let i = 0; i < 9; i++) sequence.add(2 + i * 2 * mebibyte, Buffer.alloc(mebibyte));
    expect(sequence.finish()).toMatchObject({ sequential: false, sha256: null, reason: "random" });
  });

  it("shares a bound with the others, and gives back what it held", () => {
    const budget = new Budget();
    const many = Array.from({ length: 20 }, () => new Sequence(true, budget));
    for (const sequence of many) for (let i = 1; i < 5; i++) sequence.add(i * 2 * mebibyte, Buffer.alloc(mebibyte));
    const reasons = many.map((sequence) => sequence.finish().reason);
    expect(reasons.filter((reason) => reason === "random")).toHaveLength(4);
    expect(budget.take(64 * mebibyte)).toBe(true);
  });
});
