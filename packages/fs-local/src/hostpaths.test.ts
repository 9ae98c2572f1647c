import fs from "node:fs";
import { type FileSystem } from "@sluice/core";
import { describe, expect, it } from "vitest";
import { at, makeGround, refusal, variants } from "../test/fixture.ts";
import { HostPathContainment } from "./hostpaths.ts";

describe("containment by host paths", () => {
  it("refuses on Windows what Windows would take for something else", () => {
    const windows = new HostPathContainment(undefined, "win32");
    const foreign = [
      "a\\b",
      "a:b",
      "c:",
      "x.",
      "x ",
      "CON",
      "con.txt",
      "COM1",
      "lpt9.x",
      "com\u00b9",
      "NUL",
      "PROGRA~1",
      "a*",
      "tab\t",
    ];
    const usual = ["a", "console", "com10", "a.b", "x.con", ".hidden", "ö", "a b"];
    expect([...foreign, ...usual].filter((name) => windows.allows(name))).toEqual(usual);
    expect(new HostPathContainment(undefined, "linux").allows("CON")).toBe(true);
  });
});

// A mount is needed to see it refused; /proc is one that every machine has.
describe.each(variants)("crossing mounts $title", (variant) => {
  const withRoot = async (crossMounts: boolean, use: (system: FileSystem) => Promise<void>): Promise<void> => {
    const ground = await makeGround(variant, { root: () => "/", crossMounts });
    try {
      await use(ground.fs);
    } finally {
      await ground.cleanUp();
    }
  };

  it("is possible unless it is switched off", async () => {
    await withRoot(true, async (system) => {
      expect((await system.stat(at("/proc/self/stat"), { follow: true })).type).toBe("file");
    });
    await withRoot(false, async (system) => {
      expect(fs.statSync("/proc").dev).not.toBe(fs.statSync("/").dev);
      expect(await refusal(system.stat(at("/proc/version"), { follow: true }))).toBe("permissionDenied");
      expect(await refusal(system.list(at("/proc"))[Symbol.asyncIterator]().next())).toBe("permissionDenied");
      expect((await system.stat(at("/etc"), { follow: true })).type).toBe("directory");
    });
  });
});
