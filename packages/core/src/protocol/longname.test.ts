import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FileType } from "../filesystem.ts";
import type { WireAttributes } from "./codec.ts";
import { longname } from "./longname.ts";
import { Reader } from "./reader.ts";
import { textFromBytes } from "./text.ts";
import { v3 } from "./v3.ts";
import { Writer } from "./writer.ts";

const now = Date.UTC(2024, 5, 30, 12, 0);
const line = (stats: WireAttributes, name = "file"): string => longname({ name, stats }, now);
const permissions = (mode: number, type: FileType = "file"): string => line({ type, mode }).slice(0, 10);
const date = (mtimeMs: number): string => line({ type: "file", mtimeMs }).slice(-17, -5);

describe("longname", () => {
  it("has the columns that the draft recommends (draft-ietf-secsh-filexfer-02, section 7)", () => {
    const stats = {
      type: "file",
      mode: 0o644,
      linkCount: 1,
      size: 348911,
      mtimeMs: Date.UTC(2024, 2, 25, 14, 29),
    } as const;
    expect(longname({ name: "t-filexfer", stats: { ...stats, owner: "mjos", group: "staff" } }, now)).toBe(
      "-rw-r--r--   1 mjos     staff      348911 Mar 25 14:29 t-filexfer",
    );
  });

  it("has numbers where there are no names of owners, and usual values where nothing is known", () => {
    expect(line({ type: "file", uid: 1000, gid: 100, size: 5, mtimeMs: 0 })).toBe(
      "-rw-r--r--   1 1000     100             5 Jan  1  1970 file",
    );
    expect(line({ type: "directory" })).toBe("drwxr-xr-x   1 0        0               0 Jan  1  1970 file");
    expect(line({ mode: 0o600 })).toBe("?rw-------   1 0        0               0 Jan  1  1970 file");
  });

  it("grows where a value needs more room, and cuts nothing off", () => {
    expect(
      line({ type: "file", linkCount: 123456, owner: "long-owner-name", group: "long-group-name", size: 2 ** 53 - 1 }),
    ).toBe("-rw-r--r-- 123456 long-owner-name long-group-name 9007199254740991 Jan  1  1970 file");
  });

  it("is the path alone where there is nothing to describe", () => {
    expect(longname({ name: "/home/a\nb", stats: {} })).toBe("/home/a\\x0ab");
  });

  it.each<[FileType, string]>([
    ["file", "-"],
    ["directory", "d"],
    ["symlink", "l"],
    ["socket", "s"],
    ["fifo", "p"],
    ["characterDevice", "c"],
    ["blockDevice", "b"],
    ["special", "?"],
    ["unknown", "?"],
  ])("begins a %s with %s", (type, letter) => {
    expect(permissions(0o644, type)).toBe(`${letter}rw-r--r--`);
  });

  it.each([
    [0o000, "---------"],
    [0o777, "rwxrwxrwx"],
    [0o124, "--x-w-r--"],
    [0o4755, "rwsr-xr-x"],
    [0o4644, "rwSr--r--"],
    [0o2755, "rwxr-sr-x"],
    [0o2745, "rwxr-Sr-x"],
    [0o1777, "rwxrwxrwt"],
    [0o1776, "rwxrwxrwT"],
    [0o7000, "--S--S--T"],
  ])("shows the permissions %o as ls does", (mode, text) => {
    expect(permissions(mode)).toBe(`-${text}`);
  });

  const halfYear = 182 * 24 * 3600 * 1000;
  it.each([
    ["the time of day now", now, "Jun 30 12:00"],
    ["the time of day in the last half year", now - halfYear + 1, "Dec 31 12:00"],
    ["the year before that", now - halfYear, "Dec 31  2023"],
    ["the year of what lies in the future", now + 1, "Jun 30  2024"],
    ["two digits of hours and minutes", Date.UTC(2024, 5, 1, 3, 4), "Jun  1 03:04"],
    ["the first day of all", 0, "Jan  1  1970"],
    ["a day before 1970", -1, "Dec 31  1969"],
    ["the last second of v3", 0xffff_ffff * 1000, "Feb  7  2106"],
    ["a placeholder for what is no time", Number.NaN, "Jan  1  1970"],
    ["a placeholder for what no calendar has", Infinity, "Jan  1  1970"],
  ])("shows %s, in UTC", (_, ms, text) => {
    expect(date(ms)).toBe(text);
  });

  it("tells neighbours apart by every column", () => {
    const first = { type: "file", mode: 0o644, linkCount: 1, uid: 1, gid: 2, size: 3, mtimeMs: 0 } as const;
    const others: readonly [WireAttributes, string][] = [
      [first, "-rw-r--r--   1 1        2               3 Jan  1  1970 file"],
      [{ ...first, type: "fifo" }, "prw-r--r--   1 1        2               3 Jan  1  1970 file"],
      [{ ...first, mode: 0o600 }, "-rw-------   1 1        2               3 Jan  1  1970 file"],
      [{ ...first, linkCount: 2 }, "-rw-r--r--   2 1        2               3 Jan  1  1970 file"],
      [{ ...first, uid: 2 }, "-rw-r--r--   1 2        2               3 Jan  1  1970 file"],
      [{ ...first, gid: 1 }, "-rw-r--r--   1 1        1               3 Jan  1  1970 file"],
      [{ ...first, owner: "ann" }, "-rw-r--r--   1 ann      2               3 Jan  1  1970 file"],
      [{ ...first, group: "ann" }, "-rw-r--r--   1 1        ann             3 Jan  1  1970 file"],
      [{ ...first, size: 4 }, "-rw-r--r--   1 1        2               4 Jan  1  1970 file"],
      [{ ...first, mtimeMs: Date.UTC(1970, 0, 2) }, "-rw-r--r--   1 1        2               3 Jan  2  1970 file"],
      [{ type: "directory" }, "drwxr-xr-x   1 0        0               0 Jan  1  1970 file"],
      [{ type: "file" }, "-rw-r--r--   1 0        0               0 Jan  1  1970 file"],
      [{ mode: 0o644 }, "?rw-r--r--   1 0        0               0 Jan  1  1970 file"],
    ];
    for (const [one, text] of others) {
      for (const [other] of others) {
        line(other);
        expect(line(one)).toBe(text);
      }
    }
  });

  it("is what a NAME reply carries", () => {
    const stats: WireAttributes = { type: "file", mode: 0o644, size: 5, mtimeMs: now };
    for (const entry of [
      { name: "plain", stats },
      { name: "é\n\udcff", stats: { ...stats, owner: "é\n" } },
      { name: "é", stats: {} },
    ]) {
      const writer = new Writer();
      v3.writeName(writer, entry, now);
      const reader = new Reader(writer.finish());
      expect(reader.text()).toBe(entry.name);
      expect(reader.text()).toBe(longname(entry, now));
    }
  });

  it("cannot drive a terminal or pretend to be two lines, whatever the names say", () => {
    const text = fc.uint8Array({ minLength: 1, maxLength: 40 }).map(textFromBytes);
    fc.assert(
      fc.property(text, text, text, (name, owner, group) => {
        const shown = line({ type: "file", owner, group }, name);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 500 },
    );
    expect(line({ type: "file" }, "a\n-rwxr-xr-x 1 root")).toMatch(/ a\\x0a-rwxr-xr-x 1 root$/);
  });
});
