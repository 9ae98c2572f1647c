import { describe, expect, it } from "vitest";
import { operationNames } from "./context.ts";
import { nearest } from "./nearest.ts";

describe("nearest", () => {
  it.each([
    ["hostkeys", "hostKeys"],
    ["hostKey", "hostKeys"],
    ["hotsKeys", "hostKeys"],
    ["limit", "limits"],
    ["symlinkorder", "symlinkOrder"],
    ["symlinksOrdering", "symlinkOrder"],
    ["SYMLINKORDER", "symlinkOrder"],
  ])("takes %s for %s", (written, meant) => {
    expect(nearest(written, ["hostKeys", "auth", "banner", "limits", "symlinkOrder"])).toBe(meant);
  });

  it.each([
    ["raed", "read"],
    ["cp", "copy"],
    ["removed", "remove"],
    ["readDir", "readdir"],
  ])("takes the operation %s for %s", (written, meant) => {
    expect(nearest(written, operationNames)).toBe(meant);
  });

  it.each(["maximumBandwidth", "compression", "x".repeat(40)])("takes %s for nothing: no name is near", (written) => {
    expect(nearest(written, ["hostKeys", "auth", "banner", "limits", "symlinkOrder"])).toBeUndefined();
  });

  it("finds nothing where there is nothing", () => {
    expect(nearest("read", [])).toBeUndefined();
  });

  it("finds a name that is written as it should be, and prefers it to all others", () => {
    for (const name of operationNames) expect(nearest(name, operationNames)).toBe(name);
  });
});
