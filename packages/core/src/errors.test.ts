import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { describe, expect, it } from "vitest";
import { fromNodeError, SetupError, setupErrorCodes, SftpError, statusCodes, type ErrorStatus } from "./errors.ts";
import { v3 } from "./protocol/v3.ts";

const statuses = Object.keys(statusCodes) as ErrorStatus[];
const camelCase = (name: string): string =>
  name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

describe("statusCodes", () => {
  it("are the errors of SFTP v6, with no code left out (draft-ietf-secsh-filexfer-13, section 9.1)", () => {
    const draft = [
      "NO_SUCH_FILE",
      "PERMISSION_DENIED",
      "FAILURE",
      "BAD_MESSAGE",
      "NO_CONNECTION",
      "CONNECTION_LOST",
      "OP_UNSUPPORTED",
      "INVALID_HANDLE",
      "NO_SUCH_PATH",
      "FILE_ALREADY_EXISTS",
      "WRITE_PROTECT",
      "NO_MEDIA",
      "NO_SPACE_ON_FILESYSTEM",
      "QUOTA_EXCEEDED",
      "UNKNOWN_PRINCIPAL",
      "LOCK_CONFLICT",
      "DIR_NOT_EMPTY",
      "NOT_A_DIRECTORY",
      "INVALID_FILENAME",
      "LINK_LOOP",
      "CANNOT_DELETE",
      "INVALID_PARAMETER",
      "FILE_IS_A_DIRECTORY",
      "BYTE_RANGE_LOCK_CONFLICT",
      "BYTE_RANGE_LOCK_REFUSED",
      "DELETE_PENDING",
      "FILE_CORRUPT",
      "OWNER_INVALID",
      "GROUP_INVALID",
      "NO_MATCHING_BYTE_RANGE_LOCK",
    ];
    const ours: Readonly<Record<string, string>> = {
      opUnsupported: "unsupported",
      fileAlreadyExists: "alreadyExists",
      noSpaceOnFilesystem: "noSpace",
      dirNotEmpty: "directoryNotEmpty",
      fileIsADirectory: "isADirectory",
      byteRangeLockConflict: "rangeLockConflict",
      byteRangeLockRefused: "rangeLockRefused",
      noMatchingByteRangeLock: "noMatchingRangeLock",
    };
    const expected = draft.map((name, i) => [ours[camelCase(name)] ?? camelCase(name), i + 2]);
    expect(Object.entries(statusCodes)).toEqual(expected);
  });
});

describe("SftpError", () => {
  it.each(statuses)("has a message of its own for %s", (status) => {
    const error = new SftpError(status);
    expect(error).toMatchObject({ name: "SftpError", status, detail: undefined });
    expect(error.message).not.toBe("");
    expect(SftpError.is(error)).toBe(true);
  });

  it("carries a message for the client, and detail and cause for the log", () => {
    const cause = new Error("disk on fire");
    const error = new SftpError("permissionDenied", "The archive is read-only", { detail: "rule 12", cause });
    expect(error).toMatchObject({ message: "The archive is read-only", detail: "rule 12", cause });
    expect("cause" in new SftpError("failure")).toBe(false);
  });

  it("is known by its name, so that a plugin's own copy of this package counts", () => {
    class Copy extends Error {
      override readonly name = "SftpError";
      readonly status = "noSpace";
    }
    const copy: unknown = new Copy("Full");
    expect(copy).not.toBeInstanceOf(SftpError);
    expect(SftpError.is(copy)).toBe(true);
    expect(fromNodeError(copy)).toBe(copy);
  });

  it.each([
    ["another error", new Error("x")],
    ["an error with a status alone", Object.assign(new Error("x"), { status: "failure" })],
    ["one without a status", Object.assign(new Error("x"), { name: "SftpError" })],
    ["one with a status that does not exist", Object.assign(new Error("x"), { name: "SftpError", status: "ok" })],
    ["one with a number for a status", Object.assign(new Error("x"), { name: "SftpError", status: 3 })],
    ["an object that is no error", { name: "SftpError", status: "failure" }],
    ["text", "SftpError"],
    ["nothing", undefined],
    ["null", null],
  ])("is not %s", (_, value) => {
    expect(SftpError.is(value)).toBe(false);
  });

  it.each(["constructor", "toString", "hasOwnProperty", "__proto__"])(
    "is no error whose status is %s, which every object inherits: there is no code to send for it",
    (status) => {
      expect(SftpError.is(Object.assign(new Error("x"), { name: "SftpError", status }))).toBe(false);
    },
  );
});

describe("fromNodeError", () => {
  const failed = (code: string): Error =>
    Object.assign(new Error(`${code}: it failed, open '/srv/secret/alice'`), { code, path: "/srv/secret/alice" });

  it.each<[string, ErrorStatus]>([
    ["ENOENT", "noSuchFile"],
    ["EACCES", "permissionDenied"],
    ["EPERM", "permissionDenied"],
    ["EROFS", "writeProtect"],
    ["EEXIST", "alreadyExists"],
    ["ENOTDIR", "notADirectory"],
    ["EISDIR", "isADirectory"],
    ["ENOTEMPTY", "directoryNotEmpty"],
    ["ENOSPC", "noSpace"],
    ["EDQUOT", "quotaExceeded"],
    ["ELOOP", "linkLoop"],
    ["ENAMETOOLONG", "invalidFilename"],
    ["EILSEQ", "invalidFilename"],
    ["EINVAL", "invalidParameter"],
    ["EFBIG", "invalidParameter"],
    ["EBADF", "invalidHandle"],
    ["ENOSYS", "unsupported"],
    ["ENOTSUP", "unsupported"],
    ["EOPNOTSUPP", "unsupported"],
    ["EXDEV", "failure"],
    ["EMFILE", "failure"],
    ["ENFILE", "failure"],
    ["EBUSY", "failure"],
    ["ETXTBSY", "failure"],
    ["EIO", "failure"],
    ["EMLINK", "failure"],
  ])("turns %s into %s, with the code for the log", (code, status) => {
    const error = failed(code);
    expect(fromNodeError(error)).toMatchObject({ name: "SftpError", status, detail: code, cause: error });
  });

  it("never tells the client the server's path, whatever went wrong", () => {
    const codes = [...Object.keys(constants.errno), "EDQUOT", "ERR_FS_FILE_TOO_LARGE", "ERR_INVALID_ARG_VALUE"];
    let known = 0;
    for (const code of codes) {
      const turned = fromNodeError(failed(code));
      if (!SftpError.is(turned)) continue;
      known += 1;
      expect(turned.message).not.toMatch(/srv|secret|alice|E[A-Z]{3}/);
      expect(turned.message).not.toBe("");
    }
    expect(known).toBeGreaterThanOrEqual(26);
  });

  it("turns what node:fs really throws", async () => {
    const error: unknown = await stat("/no/such/path/here").catch((reason: unknown) => reason);
    expect(fromNodeError(error)).toMatchObject({ status: "noSuchFile", message: "No such file", detail: "ENOENT" });
    expect(getSystemErrorName(-constants.errno.ENOSPC)).toBe("ENOSPC");
  });

  it.each([
    ["a refusal", new SftpError("failure")],
    ["an error without a code", new Error("x")],
    ["an error with a code of another kind", failed("ERR_INVALID_ARG_TYPE")],
    ["an error of the network", failed("ECONNRESET")],
    ["an error with a number for a code", Object.assign(new Error("x"), { code: 404 })],
    ["an error whose code every object inherits", failed("constructor")],
    ["an object that is no error", { code: "ENOENT" }],
    ["nothing", undefined],
  ])("returns %s as it is", (_, value) => {
    expect(fromNodeError(value)).toBe(value);
  });
});

describe("SetupError", () => {
  it("carries its code, its cause and the issues that it is made of", () => {
    const cause = new Error("x");
    const issues = [{ message: "Required", path: ["limits", { key: "handles" }] }];
    const error = new SetupError("ERR_SLUICE_OPTIONS", "limits: wrong", { cause, issues });
    expect(error).toMatchObject({
      name: "SetupError",
      code: "ERR_SLUICE_OPTIONS",
      message: "limits: wrong",
      cause,
      issues,
    });
    expect(new SetupError("ERR_SLUICE_LISTEN", "x").issues).toEqual([]);
  });

  it("is known by its name and code, so that a plugin's own copy of this package counts", () => {
    expect(SetupError.is(new SetupError("ERR_SLUICE_LISTEN", "x"))).toBe(true);
    expect(SetupError.is(Object.assign(new Error("x"), { name: "SetupError", code: "ERR_SLUICE_LISTEN" }))).toBe(true);
    expect(SetupError.is(Object.assign(new Error("x"), { name: "SetupError" }))).toBe(false);
    expect(SetupError.is(Object.assign(new Error("x"), { code: "ERR_SLUICE_LISTEN" }))).toBe(false);
    expect(SetupError.is({ name: "SetupError", code: "ERR_SLUICE_LISTEN" })).toBe(false);
    expect(SetupError.is(undefined)).toBe(false);
  });

  it("has codes in order, each once", () => {
    expect([...setupErrorCodes].sort()).toEqual(setupErrorCodes);
    expect(new Set(setupErrorCodes).size).toBe(setupErrorCodes.length);
    for (const code of setupErrorCodes) expect(code).toMatch(/^ERR_SLUICE_[A-Z_]+$/);
  });
});

describe("docs/errors.md", () => {
  const text = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
  const sections = new Map(
    text
      .split(/^(?=#{2,3} )/m)
      .map((section) => [/^#{2,3} `?([^`\n]+)`?$/m.exec(section)?.[1] ?? "", section] as const),
  );

  it("describes every code of a SetupError, in order, and no other", () => {
    expect([...sections.keys()].filter((title) => title.startsWith("ERR_"))).toEqual([...setupErrorCodes]);
  });

  it.each(setupErrorCodes)("says what %s means and what to do", (code) => {
    const section = sections.get(code) ?? "";
    expect(section).toMatch(/^What it means: \S.{20,}/m);
    expect(section).toMatch(/^What to do: \S.{20,}/m);
  });

  const rows = [...text.matchAll(/^\| `(\w+)` \| ([^|]+) \| (\d+) \| (\d+) \|$/gm)].map((row) => ({
    status: row[1],
    meaning: row[2]?.trim() ?? "",
    v3: Number(row[3]),
    v6: Number(row[4]),
  }));

  it("lists every status with its code in v6, in order, and no other", () => {
    expect(rows.map(({ status, v6 }) => [status, v6])).toEqual(Object.entries(statusCodes));
    for (const { meaning } of rows) expect(meaning.length).toBeGreaterThan(10);
  });

  it("tells the code that a v3 client reads", () => {
    expect(rows.map((row) => row.v3)).toEqual(statuses.map((status) => v3.statusCode(status)));
  });

  it("lists what becomes of every error of node:fs that is translated, and no other", () => {
    const listed = [...text.matchAll(/^\| `(E[A-Z0-9]+)` \| `(\w+)` \| ([^|]+) \|$/gm)].map((row) => row.slice(1));
    const codes = [...new Set([...Object.keys(constants.errno), "EDQUOT"])];
    const translated = codes.flatMap((code) => {
      const error = fromNodeError(Object.assign(new Error(code), { code }));
      return SftpError.is(error) ? [[code, error.status, error.message]] : [];
    });
    const byCode = (a: readonly string[], b: readonly string[]): number => a[0]!.localeCompare(b[0]!);
    expect(listed.toSorted(byCode)).toEqual(translated.toSorted(byCode));
  });
});
