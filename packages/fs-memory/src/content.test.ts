import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { Content } from "./content.ts";
import { Space } from "./space.ts";

const plenty = 1_000_000_000;

function make(maxBytes = plenty): { content: Content; space: Space; used: () => number } {
  const space = new Space(maxBytes, 10);
  return { content: new Content(space), space, used: () => maxBytes - space.freeBytes };
}

function read(content: Content, position: number, length: number): string {
  const buffer = Buffer.alloc(length, "?");
  return buffer.subarray(0, content.read(buffer, position)).toString("latin1");
}

describe("the content of a file", () => {
  it("takes one page for a byte at 2^40", () => {
    const { content, used } = make();
    const before = process.memoryUsage().arrayBuffers;
    content.write(Buffer.from("x"), 2 ** 40);
    expect(content.size).toBe(2 ** 40 + 1);
    expect(read(content, 2 ** 40 - 1, 10)).toBe("\0x");
    expect(used()).toBeLessThan(1_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it("may be as large as a whole number can tell, and no larger", () => {
    const { content, used } = make();
    content.write(Buffer.from("x"), Number.MAX_SAFE_INTEGER - 1);
    expect(content.size).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => content.write(Buffer.from("xy"), Number.MAX_SAFE_INTEGER - 1)).toThrow("File too large");
    expect(() => content.resize(2 ** 53)).toThrow("File too large");
    expect(content.size).toBe(Number.MAX_SAFE_INTEGER);
    content.resize(0);
    expect(used()).toBe(0);
  });

  it("counts exactly what is stored in a row", () => {
    const { content, used } = make();
    content.write(Buffer.alloc(100_000), 0);
    expect(used()).toBe(100_000);
    content.write(Buffer.alloc(50_000), 20_000);
    expect(used()).toBe(100_000);
    content.write(Buffer.alloc(10), 100_000);
    expect(used()).toBe(100_010);
    content.resize(5);
    expect(used()).toBe(5);
    content.resize(plenty);
    expect(used()).toBe(5);
  });

  it("counts scattered bytes for what they cost", () => {
    const { content, used } = make();
    for (let page = 1; page <= 100; page++) content.write(Buffer.from("x"), page * 65_536);
    expect(used()).toBe(100 * 512);
  });

  it("writes all or nothing where space is short", () => {
    const { content, used } = make(100_000);
    content.write(Buffer.alloc(90_000, "a"), 0);
    expect(() => content.write(Buffer.alloc(20_000, "b"), 85_000)).toThrow("No space left");
    expect([content.size, used(), read(content, 85_000, 5_000)]).toEqual([90_000, 90_000, "a".repeat(5_000)]);
    content.write(Buffer.alloc(10_000, "b"), 90_000);
    content.write(Buffer.alloc(100_000, "c"), 0);
    expect([content.size, used()]).toEqual([100_000, 100_000]);
  });

  it("behaves as a row of bytes, and gives back all that it took", () => {
    const position = fc.integer({ min: 0, max: 200_000 });
    const step = fc.oneof(
      fc.record({
        write: position,
        length: fc.integer({ min: 0, max: 150_000 }),
        fill: fc.integer({ min: 1, max: 255 }),
      }),
      fc.record({ resize: position }),
      fc.record({ read: position, length: fc.integer({ min: 0, max: 150_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { content, used } = make();
        let model = Buffer.alloc(0);
        const grow = (size: number): void =>
          void (model = Buffer.concat([model, Buffer.alloc(Math.max(0, size - model.length))]));
        for (const step of steps) {
          if ("write" in step) {
            content.write(Buffer.alloc(step.length, step.fill), step.write);
            if (step.length > 0) grow(step.write + step.length);
            model.fill(step.fill, step.write, Math.min(model.length, step.write + step.length));
          } else if ("resize" in step) {
            content.resize(step.resize);
            model = model.subarray(0, step.resize);
            grow(step.resize);
          } else {
            const expected = model.subarray(step.read, step.read + step.length).toString("latin1");
            if (read(content, step.read, step.length) !== expected) throw new Error(`read wrong bytes at ${step.read}`);
          }
          expect(content.size).toBe(model.length);
        }
        content.resize(0);
        expect(used()).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
