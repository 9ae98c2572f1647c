import { expect, test } from "vitest";
import { parseText, type ParsedText } from "./document.ts";
import { locate, renderProblems } from "./source.ts";

function parse(text: string, environment: NodeJS.ProcessEnv = {}): ParsedText {
  return parseText(text, "/", environment);
}

function errors(text: string, environment: NodeJS.ProcessEnv = {}): string[] {
  const parsed = parse(text, environment);
  return renderProblems({ shown: "x.yaml", ...parsed }, parsed.problems);
}

test("values keep their positions", () => {
  const { value, located, problems } = parse("a: 1\nb:\n  - x\n  - { c: y }\n");
  expect(problems).toEqual([]);
  expect(value).toEqual({ a: 1, b: ["x", { c: "y" }] });
  expect(locate(located, ["b", 1, "c"])).toMatchObject({ place: { line: 4, column: 10 }, key: { line: 4, column: 7 } });
  expect(locate(located, ["b", 7, "c"])).toMatchObject({ place: { line: 3, column: 3 } });
});

test("JSON is read with positions, tabs included", () => {
  const { value, located } = parse('{\n\t"a": {\n\t\t"b": [1, true, null]\n\t}\n}\n');
  expect(value).toEqual({ a: { b: [1, true, null] } });
  expect(locate(located, ["a", "b", 1])).toMatchObject({ place: { line: 3, column: 12 } });
});

test("expanding a text does not move what follows", () => {
  const { value, located } = parse('a: ["${LONG}", b]\n', { LONG: "x".repeat(50) });
  expect(value).toEqual({ a: ["x".repeat(50), "b"] });
  expect(locate(located, ["a", 1])).toMatchObject({ place: { line: 1, column: 16 } });
});

test("keys are not expanded", () => {
  expect(parse('"${A}": 1', {}).value).toEqual({ "${A}": 1 });
});

test("every error is told, in the order of the file", () => {
  expect(errors("b: ${B}\na: ${A}\nc: file:/nope\n")).toEqual([
    "x.yaml:1:4 b: the environment variable B is not set; set it, or write ${B:-default}",
    "x.yaml:2:4 a: the environment variable A is not set; set it, or write ${A:-default}",
    "x.yaml:3:4 c: file:/nope: does not exist",
  ]);
});

test("a syntax error has its position", () => {
  expect(errors("a: [1, 2\nb: 3\n")[0]).toMatch(/^x\.yaml:2:1: /);
  expect(errors("a: 1\na: 2\n")).toEqual(["x.yaml:2:1: Map keys must be unique"]);
  expect(errors("a: 1\n---\nb: 2\n")[0]).toMatch(/^x\.yaml:2:1: .*multiple documents/);
  expect(errors("a: !thing 1\n")[0]).toMatch(/^x\.yaml:1:4: Unresolved tag: !thing/);
});

test("a reference without quotes inside brackets is explained", () => {
  const hint = 'inside [ ] and { } write "${NAME}" with its quotes';
  expect(errors("a: [${A}]\n")).toEqual([`x.yaml:1:6: Missing , or : between flow sequence items; ${hint}`]);
  expect(errors("a: { b: ${A} }\nc: 1\n")).toEqual([`x.yaml:1:10: Unexpected flow-map-start at node end; ${hint}`]);
});

test("a syntax error does not repeat the text around it", () => {
  const lines = errors('password: "hunter2" "hunter3"\n}hunter4: {\n');
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join("\n")).not.toContain("hunter");
});

test.each(["__proto__", "constructor", "prototype"])("the key %s is refused wherever it is", (key) => {
  expect(errors(`a:\n  - ${key}: { polluted: true }\n`)).toEqual([`x.yaml:2:5 a[0].${key}: this key is not allowed`]);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("a key that is no text is refused", () => {
  expect(errors("a: 1\n2: x\n")).toEqual(["x.yaml:2:1 2: a key must be text"]);
  expect(errors("? [a]\n: x\n")).toEqual(["x.yaml:1:3 ?: a key must be text"]);
});

test("an alias stands for what it refers to", () => {
  expect(parse("a: &x\n  b: ${B}\nc: *x\n", { B: "y" }).value).toEqual({ a: { b: "y" }, c: { b: "y" } });
  expect(errors("a: *nope\n")).toEqual(['x.yaml:1:4 a: no anchor "&nope" comes before this alias']);
});

test("aliases that multiply are refused", () => {
  const bomb = ["a0: &a0 [x, x]"];
  for (let i = 1; i < 30; i++) bomb.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
  expect(errors(bomb.join("\n"))).toEqual([expect.stringContaining("more than 100 aliases are not allowed")]);
});

test("an alias to what it is in is refused", () => {
  expect(errors("a: &a [*a]\n")).toEqual(["x.yaml:1:1: is nested more than 64 levels deep"]);
});

test("a text that is nested beyond reason is refused", () => {
  expect(errors("[".repeat(200_000))).toEqual(["x.yaml:1:1: is nested more than 64 levels deep"]);
  expect(errors(`${"[".repeat(100)}${"]".repeat(100)}`)).toEqual(["x.yaml:1:1: is nested more than 64 levels deep"]);
});
