import { expect, it } from "vitest";
import { Bucket } from "./bandwidth.ts";
import { parseBytes } from "./size.ts";

it.each<[unknown, number | undefined]>([
  [0, 0],
  [4096, 4096],
  ["4096", 4096],
  ["10 GiB", 10 * 2 ** 30],
  [" 1.5mib ", 1.5 * 2 ** 20],
  ["2 kB", 2_000],
  ["3TB", 3e12],
  ["7 b", 7],
  ["-1", undefined],
  [-1, undefined],
  [1.5, undefined],
  [NaN, undefined],
  ["", undefined],
  ["GiB", undefined],
  ["1 PiB", undefined],
  ["1e9", undefined],
  ["10 GiB left", undefined],
  ["9007199254740993", undefined],
  ["9".repeat(50), undefined],
  [null, undefined],
])("bytes of %j are %j", (input, bytes) => {
  expect(parseBytes(input)).toBe(bytes);
});

it("a bucket lets through its rate in the long run, and little more at once", () => {
  let now = 0;
  const bucket = new Bucket(1_000_000, () => now);
  let moved = 0;
  while (now < 10_000) {
    now += bucket.take(32_768);
    moved += 32_768;
  }
  expect(moved).toBeGreaterThan(10_000_000);
  expect(moved).toBeLessThan(10_400_000);
  now += 60_000;
  expect(bucket.take(200_000)).toBe(0);
  expect(bucket.take(200_000)).toBeGreaterThan(0);
});
