import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { FileSystem } from "./filesystem.ts";
import { defineFileSystem, definePlugin, describeIssue, optionsError, type PluginHost } from "./plugin.ts";

const host = { log: {} } as PluginHost;
const schema = z.strictObject({ bytes: z.number().min(1), unit: z.string().default("B") });

describe("definePlugin", () => {
  it("makes plugins with the name, and with what they require", () => {
    const audit = definePlugin({ name: "audit", setup: () => undefined });
    const quota = definePlugin({ name: "quota", requires: ["audit"], setup: () => undefined });
    expect(audit.pluginName).toBe("audit");
    expect(audit()).toMatchObject({ name: "audit", requires: [] });
    expect(quota()).toMatchObject({ name: "quota", requires: ["audit"] });
    expect(quota()).not.toBe(quota());
  });

  it("gives setup the host, and the options as the schema has made them", async () => {
    const seen: unknown[] = [];
    const quota = definePlugin({ name: "quota", options: schema, setup: (...args) => void seen.push(...args) });
    const plugin = quota({ bytes: 5 });
    expect(await plugin.validate()).toEqual([]);
    await plugin.setup(host);
    expect(seen).toEqual([host, { bytes: 5, unit: "B" }]);
  });

  it("gives each of two plugins its own options", async () => {
    const seen: number[] = [];
    const quota = definePlugin({ name: "quota", options: schema, setup: (_, { bytes }) => void seen.push(bytes) });
    const plugins = [quota({ bytes: 1 }), quota({ bytes: 2 })];
    for (const plugin of plugins) await plugin.validate();
    for (const plugin of plugins) await plugin.setup(host);
    expect(seen).toEqual([1, 2]);
  });

  it("tells what is wrong with the options, with the path of each", async () => {
    const quota = definePlugin({ name: "quota", options: schema, setup: () => undefined });
    const issues = await quota({ bytes: 0, unit: 7 as unknown as string }).validate();
    expect(issues.map(({ path }) => path)).toEqual([["bytes"], ["unit"]]);
    expect(await quota(undefined as never).validate()).toHaveLength(1);
  });

  it("refuses options where it takes none", async () => {
    const audit = definePlugin({ name: "audit", setup: () => undefined });
    expect(await audit().validate()).toEqual([]);
    expect(await (audit as (options: unknown) => ReturnType<typeof audit>)({}).validate()).toEqual([
      { message: "takes no options" },
    ]);
  });

  it("waits for a schema and a setup that are asynchronous", async () => {
    const later: StandardSchemaV1<number, string> = {
      "~standard": { version: 1, vendor: "test", validate: async (value) => ({ value: `checked ${String(value)}` }) },
    };
    const seen: string[] = [];
    const plugin = definePlugin({
      name: "later",
      options: later,
      async setup(_, options) {
        await Promise.resolve();
        seen.push(options);
      },
    })(7);
    expect(await plugin.validate()).toEqual([]);
    await plugin.setup(host);
    expect(seen).toEqual(["checked 7"]);
  });

  it("rejects as setup throws, whether at once or later", async () => {
    const fail = (): never => {
      throw new Error("no database");
    };
    const now = definePlugin({ name: "now", setup: fail })();
    const later = definePlugin({ name: "later", setup: () => Promise.reject(new Error("no network")) })();
    await expect(now.setup(host)).rejects.toThrow("no database");
    await expect(later.setup(host)).rejects.toThrow("no network");
  });
});

describe("defineFileSystem", () => {
  const fs = {} as FileSystem;

  it("makes a source from the options as the schema has made them", () => {
    const seen: unknown[] = [];
    const files = defineFileSystem({
      name: "fs-test",
      options: schema,
      create: (options) => {
        seen.push(options);
        return fs;
      },
    });
    expect(files.fileSystemName).toBe("fs-test");
    expect(files({ bytes: 5 })).toBe(fs);
    expect(seen).toEqual([{ bytes: 5, unit: "B" }]);
  });

  it("may do without options where the schema can", () => {
    const files = defineFileSystem({ name: "fs-test", options: schema.optional(), create: () => fs });
    expect(files()).toBe(fs);
    expect(files(undefined)).toBe(fs);
  });

  it("refuses options at once, naming itself and each of them", () => {
    const files = defineFileSystem({ name: "fs-test", options: schema, create: () => fs });
    expect(() => files({ bytes: 0 })).toThrow(
      expect.objectContaining({
        code: "ERR_SLUICE_OPTIONS",
        message: expect.stringMatching(/^fs-test: bytes: /) as string,
        issues: [expect.objectContaining({ path: ["bytes"] })],
      }),
    );
  });

  it("refuses a schema that answers later: a mount is made at once", () => {
    const later: StandardSchemaV1<number> = {
      "~standard": { version: 1, vendor: "test", validate: () => Promise.resolve({ value: 1 }) },
    };
    const files = defineFileSystem({ name: "fs-test", options: later, create: () => fs });
    expect(() => files(1)).toThrow("fs-test: its options cannot be checked synchronously");
  });
});

describe("optionsError", () => {
  it.each([
    [{ message: "Required" }, "Required"],
    [{ message: "Required", path: [] }, "Required"],
    [{ message: "Required", path: ["limits", "handles"] }, "limits.handles: Required"],
    [{ message: "Required", path: [{ key: "auth" }, 0, { key: 1 }] }, "auth.0.1: Required"],
    [{ message: "Required", path: [Symbol("x")] }, "Symbol(x): Required"],
  ])("tells the issue %j in one line", (issue, line) => {
    expect(describeIssue(issue)).toBe(line);
  });

  it("tells all issues and carries them", () => {
    const issues = [
      { message: "Required", path: ["a"] },
      { message: "Too long", path: ["b"] },
    ];
    expect(optionsError("quota", issues)).toMatchObject({
      code: "ERR_SLUICE_OPTIONS",
      message: "quota: a: Required; b: Too long",
      issues,
    });
  });
});
