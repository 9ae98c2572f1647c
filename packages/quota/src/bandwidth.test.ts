import { expect, it } from "vitest";
import { Bucket } from "./bandwidth.ts";

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
