import fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { SftpError, type FileSystem } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { at, descriptorsUnder, makeGround, put, variants, type Ground } from "../test/fixture.ts";

/** Nothing here waits for more than promises, so that all of a test is one turn of the event loop. */
describe("the directory that was walked to last", () => {
  let ground: Ground;
  const size = async (path: string, system: FileSystem = ground.fs): Promise<number | string> => {
    try {
      return (await system.stat(at(path), { follow: true })).size;
    } catch (error) {
      if (SftpError.is(error)) return error.status;
      throw error;
    }
  };

  beforeEach(async () => {
    ground = await makeGround(variants[0]!);
    fs.mkdirSync(ground.host("a"));
    fs.writeFileSync(ground.host("a", "file"), "12345");
    await setImmediate();
  });

  afterEach(() => ground.cleanUp());

  it("is not walked to again in the same turn, and is given back after it", async () => {
    const before = descriptorsUnder(ground.base).length;
    await ground.fs.stat(at("/a/file"), { follow: true });
    expect(descriptorsUnder(ground.base)).toHaveLength(before + 1);
    await size("/a/file");
    expect(descriptorsUnder(ground.base)).toHaveLength(before + 1);
    await setImmediate();
    expect(descriptorsUnder(ground.base)).toHaveLength(before);
  });

  it("is forgotten when a directory is renamed, by whichever session", async () => {
    const other = await ground.session();
    await setImmediate();
    expect(await size("/a/file")).toBe(5);
    await other.rename!(at("/a"), at("/b"), { overwrite: false });
    expect(await size("/a/file")).toBe("noSuchFile");
    expect(await size("/b/file")).toBe(5);
  });

  it("is forgotten when it is removed, so that a new one by its name is seen", async () => {
    await ground.fs.remove!(at("/a/file"));
    await ground.fs.rmdir!(at("/a"));
    expect(await size("/a/file")).toBe("noSuchFile");
    await ground.fs.mkdir!(at("/a"), {});
    await put(ground.fs, "/a/file", "123");
    expect(await size("/a/file")).toBe(3);
  });

  it("is left for what a link in it leads to", async () => {
    fs.writeFileSync(ground.host("above"), "1234567");
    fs.symlinkSync("../above", ground.host("a", "link"));
    fs.symlinkSync("../../outside/secret", ground.host("a", "out"));
    expect(await size("/a/file")).toBe(5);
    expect(await size("/a/link")).toBe(7);
    expect(await size("/a/out")).toBe("noSuchFile");
  });

  it("is not another session's", async () => {
    const other = await ground.session("bob");
    await setImmediate();
    expect(await size("/a/file")).toBe(5);
    expect(await size("/a/file", other)).toBe(5);
    await ground.fs.close?.();
    expect(await size("/a/file", other)).toBe(5);
  });
});
