import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), "utf8");

/** Every name that a module hands on, with the module that declares it. */
function exportsOf(file: string): (readonly [name: string, from: string])[] {
  const statements = read(file).matchAll(/^export (?:type )?\{([^}]*)\} from "(.+?)";$/gm);
  return [...statements].flatMap(([, names = "", from = ""]) =>
    names
      .split(",")
      .map((name) => name.trim().replace(/^type /, ""))
      .filter((name) => name !== "")
      .map((name) => [name, from] as const),
  );
}

describe.each(["./index.ts", "./protocol/index.ts"])("What %s exports", (file) => {
  const exported = exportsOf(file);

  it("is names and nothing else", () => {
    const rest = read(file).replace(/^export (?:type )?\{[^}]*\} from ".+?";$/gm, "");
    expect(rest.trim()).toBe("");
    expect(exported.length).toBeGreaterThan(10);
    expect(new Set(exported.map(([name]) => name)).size).toBe(exported.length);
  });

  it.each(exported)("has a comment that says what %s is", (name, from) => {
    const source = read(file.replace("index.ts", from.replace("./", "")));
    const declaration = new RegExp(
      String.raw`(\*/\n)?^export (?:declare )?(?:const|function|async function|class|interface|type) ${name}\b`,
      "m",
    ).exec(source);
    expect(declaration?.[0]).toMatch(/^\*\//);
  });
});
