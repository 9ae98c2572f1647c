import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { bytesFromText } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { directoryAt } from "./containment.ts";
import { Names, type Found } from "./names.ts";

const odd = ["caf\u00e9", "x\udcff\udc80y", "\ufeffbom", "new\nline", "日本", "-rf", "~"];

let path: string;
beforeEach(() => {
  path = fs.mkdtempSync(join(os.tmpdir(), "sluice-names-"));
  for (const name of odd) fs.writeFileSync(Buffer.concat([Buffer.from(`${path}/`), bytesFromText(name)]), name);
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(path, { recursive: true });
});

function all(names: Names): Found[] {
  const found: Found[] = [];
  for (let next = names.next(); next !== undefined; next = names.next()) found.push(next);
  names.close();
  return found;
}

const namesOf = (found: readonly Found[]): string[] => found.map(({ name }) => name).sort();

describe("the names of a directory", () => {
  it("come byte for byte, each with a path that leads to it", () => {
    const found = all(new Names(directoryAt(path)));
    expect(namesOf(found)).toEqual([...odd].sort());
    for (const { name, path: way } of found) expect(fs.readFileSync(way, "utf8")).toBe(bytesFromText(name).toString());
  });

  it("lead to their entries where the directory's own path is not ASCII", () => {
    fs.mkdirSync(join(path, "größe"));
    fs.writeFileSync(join(path, "größe", "plain"), "content");
    const [found] = all(new Names(directoryAt(join(path, "größe"))));
    expect(found?.name).toBe("plain");
    expect(fs.readFileSync(found!.path, "utf8")).toBe("content");
  });

  it.each([1, 2, 300])("come once each where the disk does not tell what the entry at %d is", (nth) => {
    for (let i = 0; i < 400; i++) fs.writeFileSync(join(path, `f${i}`), "");
    const whole = namesOf(all(new Names(directoryAt(path))));
    const real = fs.Dir.prototype.readSync;
    let calls = 0;
    vi.spyOn(fs.Dir.prototype, "readSync").mockImplementation(function (this: fs.Dir) {
      // What Node says to a path in bytes and a name in text, when it wants to look for itself.
      if (++calls === nth) throw new TypeError('The "path" argument must be of type string');
      return real.call(this);
    });
    expect(namesOf(all(new Names(directoryAt(path))))).toEqual(whole);
    expect(calls).toBeGreaterThan(nth);
  });

  it("end in an error where the directory cannot be read a second time either, and can still be closed", () => {
    const names = new Names(directoryAt(path));
    vi.spyOn(fs.Dir.prototype, "readSync").mockImplementation(() => {
      throw Object.assign(new Error("EIO: i/o error, scandir"), { code: "EIO" });
    });
    expect(() => names.next()).toThrow("EIO");
    expect(() => names.next()).toThrow("EIO");
    names.close();
  });
});
