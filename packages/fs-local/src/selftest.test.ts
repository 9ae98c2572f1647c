import fs from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { descriptorsUnder } from "../test/fixture.ts";
import { missingForDescriptors } from "./selftest.ts";

describe("the self-test of containment", () => {
  it("finds nothing missing on Linux with /proc", () => {
    expect(missingForDescriptors()).toBeUndefined();
  });

  it("says what is missing elsewhere", () => {
    expect(missingForDescriptors("darwin")).toBe("it needs Linux, and this is darwin");
    expect(missingForDescriptors("linux", "/no-proc-here")).toBe("/no-proc-here is not mounted");
  });

  it("does not take any directory for /proc, and leaves nothing open", () => {
    const folder = fs.realpathSync(fs.mkdtempSync(join(os.tmpdir(), "sluice-proc-")));
    try {
      expect(missingForDescriptors("linux", folder)).toBe(`${folder}/self/fd does not lead to open directories`);
      expect(descriptorsUnder(folder)).toEqual([]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
