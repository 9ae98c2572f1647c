import { describe, expect, it } from "vitest";
import { readSize } from "./size.ts";

describe("readSize", () => {
  it.each([
    [0, 0],
    [4096, 4096],
    ["4096", 4096],
    ["512 B", 512],
    ["10 GiB", 10 * 1024 ** 3],
    ["10GB", 10_000_000_000],
    ["1.5 KiB", 1536],
    [" 2 TiB ", 2 * 1024 ** 4],
  ])("reads %j as %d bytes", (size, bytes) => {
    expect(readSize(size)).toBe(bytes);
  });

  it.each([
    -1,
    0.5,
    Number.NaN,
    Infinity,
    2 ** 53,
    "",
    "GiB",
    "-1 B",
    "10 gib",
    "10 XiB",
    "1e9",
    "10 constructor",
    "9000000000 TiB",
  ])("refuses %j and says how to write a size", (size) => {
    expect(() => readSize(size)).toThrow(/a size is a whole number of bytes or a text such as "10 GiB"/);
  });
});
