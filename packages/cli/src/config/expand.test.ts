import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { expand } from "./expand.ts";

const directory = mkdtempSync(join(tmpdir(), "sluice-expand-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a variable is replaced by its value, as often as it is named", () => {
  expect(expand("${A}-${B}-${A}", directory, { A: "x", B: "y" }).text).toBe("x-y-x");
});

test("a value is not expanded again", () => {
  expect(expand("${A}", directory, { A: "${B} file:/etc/passwd" }).text).toBe("${B} file:/etc/passwd");
  expect(expand("${A}", directory, { A: "file:/etc/passwd" }).text).toBe("file:/etc/passwd");
});

test("a default stands in for a variable that is not set or empty", () => {
  expect(expand("${A:-x:-y}", directory, {}).text).toBe("x:-y");
  expect(expand("${A:-x}", directory, { A: "" }).text).toBe("x");
  expect(expand("${A:-}", directory, {}).text).toBe("");
});

test("a variable that is set but empty is empty", () => {
  expect(expand("[${A}]", directory, { A: "" }).text).toBe("[]");
});

test("a variable that is not set is an error that names it", () => {
  expect(() => expand("${NOPE}", directory, {})).toThrow(
    "the environment variable NOPE is not set; set it, or write ${NOPE:-default}",
  );
});

test("two dollar signs keep the reference as it is written", () => {
  expect(expand("$${A} $5 $$ {user}", directory, {})).toEqual({
    text: "${A} $5 $$ {user}",
    expanded: false,
    secrets: [],
  });
});

test.each(["${", "${A", "${A-x}", "${1}", "${}", "${ A }"])("the malformed reference %s is an error", (text) => {
  expect(() => expand(text, directory, { A: "secret value" })).toThrow("malformed ${…}");
});

test("a text that begins with file: is the content of the file, without the last line break", () => {
  writeFileSync(join(directory, "one"), "secret\n\n");
  writeFileSync(join(directory, "two"), "secret\r\n");
  expect(expand("file:one", directory, {}).text).toBe("secret\n");
  expect(expand(`file:${join(directory, "two")}`, directory, {}).text).toBe("secret");
  expect(expand(`file://${join(directory, "two")}`, directory, {}).text).toBe("secret");
  expect(expand("file:${D}/two", "/", { D: directory })).toEqual({
    text: "secret",
    expanded: true,
    secrets: ["secret"],
  });
});

test("a file that cannot be read is an error that names it", () => {
  expect(() => expand("file:absent", directory, {})).toThrow("file:absent: does not exist");
  expect(() => expand(`file:${directory}`, directory, {})).toThrow("is not a file");
  writeFileSync(join(directory, "large"), Buffer.alloc(65 * 1024));
  expect(() => expand("file:large", directory, {})).toThrow("file:large: is larger than 65536 bytes");
});

test("what comes from a file, or from a variable with a telling name, is known as a secret", () => {
  expect(expand("x${DB_PASSWORD}", directory, { DB_PASSWORD: "hunter22" }).secrets).toEqual(["hunter22"]);
  expect(expand("${ROOT}", directory, { ROOT: "/srv/sftp" }).secrets).toEqual([]);
});
