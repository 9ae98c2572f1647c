import { describe, expect, it } from "vitest";
import { codeOf, readCode, stepAt, stepsOf, type Secret } from "./code.ts";

const ascii = "1234567890";
const secretFor = (algorithm: Secret["algorithm"], length: number): Secret => ({
  bytes: Buffer.from(ascii.repeat(7).slice(0, length)),
  algorithm,
  digits: 8,
  period: 30,
});

describe("a code", () => {
  // RFC 6238, appendix B.
  it.each([
    [59, "94287082", "46119246", "90693936"],
    [1_111_111_109, "07081804", "68084774", "25091201"],
    [1_111_111_111, "14050471", "67062674", "99943326"],
    [1_234_567_890, "89005924", "91819424", "93441116"],
    [2_000_000_000, "69279037", "90698825", "38618901"],
    [20_000_000_000, "65353130", "77737706", "47863826"],
  ])("at %i is that of the RFC", (seconds, ...codes) => {
    const secrets = [secretFor("sha1", 20), secretFor("sha256", 32), secretFor("sha512", 64)];
    expect(secrets.map((secret) => codeOf(secret, stepAt(secret, seconds * 1000)))).toEqual(codes);
  });

  it("belongs to the steps within the drift, to the millisecond", () => {
    const secret = { ...secretFor("sha1", 20), digits: 6 } as const;
    const code = codeOf(secret, 100);
    const at = (ms: number, drift = 1): number[] => stepsOf(secret, code, ms, drift);
    expect(at(99 * 30_000)).toEqual([100]);
    expect(at(99 * 30_000 - 1)).toEqual([]);
    expect(at(102 * 30_000 - 1)).toEqual([100]);
    expect(at(102 * 30_000)).toEqual([]);
    expect(at(100 * 30_000 - 1, 0)).toEqual([]);
    expect(at(100 * 30_000, 0)).toEqual([100]);
    expect(at(101 * 30_000 - 1, 0)).toEqual([100]);
    expect(at(110 * 30_000, 10)).toEqual([100]);
  });

  it("is looked for from the first step of all on", () => {
    const secret = secretFor("sha1", 20);
    expect(stepsOf(secret, codeOf(secret, 0), 0, 10)).toEqual([0]);
  });
});

describe("an answer", () => {
  it.each([
    ["123456", "123456"],
    ["012345", "012345"],
    [" 123 456\r\n", "123456"],
    ["12\u00a03456", "123456"],
    ["12345", undefined],
    ["1234567", undefined],
    ["12345a", undefined],
    ["١٢٣٤٥٦", undefined],
    ["１２３４５６", undefined],
    ["123456\0", undefined],
    ["-12345", undefined],
    ["+12345", undefined],
    ["1e5000", undefined],
    ["", undefined],
    [`${" ".repeat(100)}123456`, undefined],
  ])("%j is read as %j", (answer, code) => {
    expect(readCode(answer, 6)).toBe(code);
  });
});
