import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SftpError, type ErrorStatus } from "./errors.ts";
import {
  baseName,
  isWithin,
  maxNameBytes,
  maxPathBytes,
  maxPathDepth,
  namesOf,
  parentOf,
  rootPath,
  sftpPath,
} from "./path.ts";
import { bytesFromText, textFromBytes } from "./protocol/text.ts";

const home = sftpPath("/home/alice");

function refusal(input: string | Uint8Array, base = rootPath): ErrorStatus | undefined {
  try {
    sftpPath(input, base);
    return undefined;
  } catch (error) {
    if (!SftpError.is(error)) throw error;
    return error.status;
  }
}

describe("sftpPath", () => {
  it.each([
    ["/", "/"],
    ["//", "/"],
    ["/.", "/"],
    ["/./", "/"],
    ["/..", "/"],
    ["/../", "/"],
    ["/../..", "/"],
    ["/../../etc/passwd", "/etc/passwd"],
    ["/..//../etc/passwd", "/etc/passwd"],
    ["/a", "/a"],
    ["/a/", "/a"],
    ["/a//", "/a"],
    ["//a", "/a"],
    ["/a/.", "/a"],
    ["/a/./b", "/a/b"],
    ["/a//b", "/a/b"],
    ["/a/..", "/"],
    ["/a/../", "/"],
    ["/a/../b", "/b"],
    ["/a/../../b", "/b"],
    ["/a/../../../../../b", "/b"],
    ["/a/b/../..", "/"],
    ["/a/b/../../../c", "/c"],
    ["/a/./../b/./c/..", "/b"],
    ["/...", "/..."],
    ["/.../..", "/"],
    ["/..a", "/..a"],
    ["/a..", "/a.."],
    ["/.a", "/.a"],
    ["/a.", "/a."],
    ["/. /..", "/"],
    ["/ /. ", "/ /. "],
    ["/.. /etc", "/.. /etc"],
    ["/a\\..\\b", "/a\\..\\b"],
    ["/..\\..\\etc", "/..\\..\\etc"],
    ["/%2e%2e/etc", "/%2e%2e/etc"],
    ["/\uff0e\uff0e/etc", "/\uff0e\uff0e/etc"],
    ["/\u2024\u2024/etc", "/\u2024\u2024/etc"],
    ["/a\u2215b\u2044c", "/a\u2215b\u2044c"],
    ["/~", "/~"],
    ["/a\n/b\r", "/a\n/b\r"],
    ["/C:/a", "/C:/a"],
  ])("cleans %j to %j", (input, path) => {
    expect(sftpPath(input)).toBe(path);
    expect(sftpPath(Buffer.from(input))).toBe(path);
    expect(sftpPath(input, home)).toBe(path);
  });

  it.each([
    ["", "/home/alice"],
    [".", "/home/alice"],
    ["./", "/home/alice"],
    ["a", "/home/alice/a"],
    ["a/", "/home/alice/a"],
    ["./a", "/home/alice/a"],
    ["..", "/home"],
    ["../", "/home"],
    ["../bob", "/home/bob"],
    ["../alice", "/home/alice"],
    ["../..", "/"],
    ["../../..", "/"],
    ["../../../../etc/passwd", "/etc/passwd"],
    ["a/../..", "/home"],
    ["a/../../../b", "/b"],
    ["~", "/home/alice/~"],
    ["...", "/home/alice/..."],
  ])("starts the relative path %j at the base, which gives %j", (input, path) => {
    expect(sftpPath(input, home)).toBe(path);
  });

  it("starts relative paths at the root where no base is given", () => {
    expect(sftpPath("a/b")).toBe("/a/b");
    expect(sftpPath("")).toBe("/");
  });

  it.each([
    ["an overlong dot", [0xc0, 0xae]],
    ["an overlong dot in three bytes", [0xe0, 0x80, 0xae]],
    ["a fullwidth dot", [0xef, 0xbc, 0x8e]],
    ["a dot with its high bit set", [0xae]],
  ])("takes two of %s for a name, never for ..", (_, dot) => {
    const path = sftpPath(Buffer.from([0x2f, 0x61, 0x2f, ...dot, ...dot, 0x2f, 0x62]));
    expect(namesOf(path)).toHaveLength(3);
    expect([...bytesFromText(path)]).toEqual([0x2f, 0x61, 0x2f, ...dot, ...dot, 0x2f, 0x62]);
  });

  it.each([
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong slash in three bytes", [0xe0, 0x80, 0xaf]],
    ["a slash with its high bit set", [0xaf]],
  ])("takes %s for a part of a name, never for a border", (_, slash) => {
    expect(namesOf(sftpPath(Buffer.from([0x2f, 0x61, ...slash, 0x2e, 0x2e, ...slash, 0x62])))).toHaveLength(1);
  });

  it("climbs four thousand times and stays at the root", () => {
    expect(sftpPath(`${"../".repeat(1300)}etc`, home)).toBe("/etc");
    expect(sftpPath(`/${"a/../".repeat(800)}`)).toBe("/");
  });

  it.each(["\0", "/a\0", "/a\0/../b", "a\0.txt"])("refuses the NUL byte in %j", (input) => {
    expect(refusal(input)).toBe("badMessage");
    expect(refusal(Buffer.from(input))).toBe("badMessage");
  });

  it("accepts names of 255 bytes and refuses longer ones", () => {
    expect(maxNameBytes).toBe(255);
    expect(refusal(`/${"a".repeat(255)}`)).toBeUndefined();
    expect(refusal(`/${"a".repeat(256)}`)).toBe("invalidFilename");
    expect(refusal(`/x/${"a".repeat(256)}/y`)).toBe("invalidFilename");
    expect(refusal(`/${"a".repeat(255)}/${"b".repeat(255)}`)).toBeUndefined();
  });

  it("counts the bytes of a name, not its characters", () => {
    expect(refusal(`/${"é".repeat(127)}a`)).toBeUndefined();
    expect(refusal(`/${"é".repeat(128)}`)).toBe("invalidFilename");
    expect(refusal(`/${"😀".repeat(63)}abc`)).toBeUndefined();
    expect(refusal(`/${"😀".repeat(64)}`)).toBe("invalidFilename");
    expect(refusal(Buffer.concat([Buffer.from("/"), Buffer.alloc(255, 0xff)]))).toBeUndefined();
    expect(refusal(Buffer.concat([Buffer.from("/"), Buffer.alloc(256, 0xff)]))).toBe("invalidFilename");
  });

  it("accepts paths of 4096 bytes and refuses longer ones", () => {
    expect(maxPathBytes).toBe(4096);
    const path = `/${"a".repeat(254)}`.repeat(16);
    expect(refusal(`${path}/${"b".repeat(15)}`)).toBeUndefined();
    expect(refusal(`${path}/${"b".repeat(16)}`)).toBe("invalidFilename");
    const wide = `/${"é".repeat(127)}`.repeat(16);
    expect(refusal(`${wide}/${"b".repeat(15)}`)).toBeUndefined();
    expect(refusal(`${wide}/${"b".repeat(16)}`)).toBe("invalidFilename");
  });

  it("counts what the base adds to a relative path", () => {
    const base = sftpPath(`${`/${"a".repeat(254)}`.repeat(15)}/${"a".repeat(14)}`);
    expect(refusal("b".repeat(255), base)).toBeUndefined();
    expect(refusal(`${"b".repeat(255)}/c`, base)).toBe("invalidFilename");
    expect(refusal("é".repeat(128), base)).toBe("invalidFilename");
  });

  it("accepts 128 names and refuses more", () => {
    expect(maxPathDepth).toBe(128);
    expect(refusal("/a".repeat(128))).toBeUndefined();
    expect(refusal("/a".repeat(129))).toBe("invalidFilename");
    expect(refusal(`${"/a".repeat(129)}/..`)).toBeUndefined();
    expect(refusal("a", sftpPath("/b".repeat(128)))).toBe("invalidFilename");
  });

  it("refuses far too much input without looking at it", () => {
    expect(refusal("/".repeat(4097))).toBe("invalidFilename");
    expect(refusal("a".repeat(10_000_000))).toBe("invalidFilename");
  });

  it("tells the client nothing of the path that it refuses", () => {
    expect(() => sftpPath("/secret\0")).toThrow(/^Path contains a NUL byte$/);
    expect(() => sftpPath("a".repeat(256))).toThrow(/^File name too long$/);
  });
});

const segment = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom("", ".", "..", "...", "a", " ", "\\", "é", "😀", "\udcff", "\udcc0\udcae") },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 6 }).map(textFromBytes) },
);
const spelling = fc
  .tuple(fc.boolean(), fc.array(segment, { maxLength: 12 }))
  .map(([absolute, segments]) => (absolute ? "/" : "") + segments.join("/"))
  .filter((text) => !text.includes("\0"));

describe("sftpPath, given any spelling", () => {
  it("makes an absolute path without empty names, dots and a slash at the end", () => {
    fc.assert(
      fc.property(spelling, spelling, (text, base) => {
        const path = sftpPath(text, sftpPath(base));
        expect(path.startsWith("/")).toBe(true);
        if (path === "/") return;
        for (const name of path.slice(1).split("/")) expect(["", ".", ".."]).not.toContain(name);
      }),
      { numRuns: 1000 },
    );
  });

  it("changes nothing when it is applied again, to the text or to its bytes", () => {
    fc.assert(
      fc.property(spelling, (text) => {
        const path = sftpPath(text);
        expect(sftpPath(path)).toBe(path);
        expect(sftpPath(path, home)).toBe(path);
        expect(sftpPath(bytesFromText(path))).toBe(path);
      }),
      { numRuns: 1000 },
    );
  });

  it("means the same as walking name by name from the root", () => {
    fc.assert(
      fc.property(spelling, (text) => {
        const walked: Buffer[] = [];
        for (const name of text.split("/").map((part) => bytesFromText(part))) {
          if (name.equals(Buffer.from(".."))) walked.pop();
          else if (name.length > 0 && !name.equals(Buffer.from("."))) walked.push(name);
        }
        expect(namesOf(sftpPath(text)).map((name) => bytesFromText(name))).toEqual(walked);
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps every byte of every name", () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .filter(
        (bytes) => !bytes.includes(0) && !bytes.includes(0x2f) && !["", ".", ".."].includes(textFromBytes(bytes)),
      );
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), (names) => {
        const path = sftpPath(Buffer.concat(names.flatMap((bytes) => [Buffer.from("/"), bytes])));
        expect(namesOf(path).map((text) => [...bytesFromText(text)])).toEqual(names.map((bytes) => [...bytes]));
      }),
      { numRuns: 500 },
    );
  });

  it("is taken apart and put together by its names, parents and last name", () => {
    fc.assert(
      fc.property(spelling, (text) => {
        const path = sftpPath(text);
        expect(sftpPath(baseName(path), parentOf(path))).toBe(path);
        expect(`/${namesOf(path).join("/")}`).toBe(path);
        expect(isWithin(path, parentOf(path))).toBe(true);
        expect(isWithin(parentOf(path), path)).toBe(path === "/");
      }),
    );
  });
});

describe("parts of a path", () => {
  it("are the names, outermost first", () => {
    expect(namesOf(rootPath)).toEqual([]);
    expect(namesOf(sftpPath("/a/b c/d"))).toEqual(["a", "b c", "d"]);
  });

  it("are the last name and the parent; the root is its own", () => {
    expect(baseName(sftpPath("/a/b"))).toBe("b");
    expect(baseName(rootPath)).toBe("");
    expect(parentOf(sftpPath("/a/b"))).toBe("/a");
    expect(parentOf(sftpPath("/a"))).toBe("/");
    expect(parentOf(rootPath)).toBe("/");
  });
});

describe("isWithin", () => {
  it.each([
    ["/a", "/a", true],
    ["/a/b", "/a", true],
    ["/a/b/c", "/a", true],
    ["/a", "/", true],
    ["/", "/", true],
    ["/", "/a", false],
    ["/a", "/a/b", false],
    ["/ab", "/a", false],
    ["/a b", "/a", false],
    ["/A/b", "/a", false],
    ["/srv/u10/f", "/srv/u1", false],
  ])("tells whether %s is or lies below %s by whole names: %s", (path, ancestor, within) => {
    expect(isWithin(sftpPath(path), sftpPath(ancestor))).toBe(within);
  });
});
