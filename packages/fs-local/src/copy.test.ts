import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { type FileHandle } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { at, forReading, forUpload, inPlace, makeGround, refusal, variants, type Ground } from "../test/fixture.ts";

const content = randomBytes(1_500_000);

describe.each(variants)("copying between open files $title", (variant) => {
  let ground: Ground;
  let source: FileHandle;
  beforeEach(async () => {
    ground = await makeGround(variant);
    fs.writeFileSync(ground.host("source"), content);
    fs.writeFileSync(ground.host("same"), "0123456789");
    source = await ground.fs.open(at("/source"), forReading, {});
  });
  afterEach(async () => {
    await source.close("completed");
    await ground.cleanUp();
  });

  const copyOf = async (position: number, length: number, targetPosition: number): Promise<Buffer> => {
    const target = await ground.fs.open(at("/target"), forUpload, {});
    await source.copyTo!(target, position, length, targetPosition);
    await target.close("completed");
    return fs.readFileSync(ground.host("target"));
  };

  it("takes a length of 0 for all that is left", async () => {
    expect((await copyOf(0, 0, 0)).equals(content)).toBe(true);
    expect((await copyOf(1_000_000, 0, 0)).equals(content.subarray(1_000_000))).toBe(true);
  });

  it("leaves the copy its own permissions, wider or narrower than the original's", async () => {
    for (const [original, asked, mode] of [
      [0o600, 0o666, 0o644],
      [0o644, 0o600, 0o600],
      [0o4755, 0o755, 0o755],
    ] as const) {
      fs.chmodSync(ground.host("source"), original);
      const target = await ground.fs.open(at("/target"), forUpload, { mode: asked });
      expect(await source.copyTo!(target, 0, 0, 0)).toBe(content.length);
      await target.close("completed");
      expect(fs.statSync(ground.host("target")).mode & 0o7777).toBe(mode);
      expect(fs.readFileSync(ground.host("target")).equals(content)).toBe(true);
      fs.unlinkSync(ground.host("target"));
    }
  });

  it("copies a range to a position", async () => {
    const copied = await copyOf(700_000, 600_001, 5);
    expect(copied.equals(Buffer.concat([Buffer.alloc(5), content.subarray(700_000, 1_300_001)]))).toBe(true);
  });

  it("copies what there is of a range that goes past the end", async () => {
    expect((await copyOf(1_499_990, 1000, 0)).equals(content.subarray(1_499_990))).toBe(true);
    expect(await copyOf(2_000_000, 1000, 0)).toHaveLength(0);
    expect(await copyOf(2_000_000, 0, 0)).toHaveLength(0);
  });

  it("refuses ranges of one file that overlap, through one handle or two", async () => {
    const one = await ground.fs.open(at("/same"), { ...inPlace, read: true }, {});
    const two = await ground.fs.open(at("/same"), { ...inPlace, read: true }, {});
    for (const target of [one, two]) {
      expect(await refusal(one.copyTo!(target, 0, 5, 4))).toBe("invalidParameter");
      expect(await refusal(one.copyTo!(target, 4, 5, 0))).toBe("invalidParameter");
      expect(await refusal(one.copyTo!(target, 0, 0, 9))).toBe("invalidParameter");
    }
    expect(fs.readFileSync(ground.host("same"), "utf8")).toBe("0123456789");
    await one.copyTo!(one, 0, 3, 3);
    await one.copyTo!(two, 0, 0, 10);
    expect(fs.readFileSync(ground.host("same"), "utf8")).toBe("01201267890120126789");
    await one.close("completed");
    await two.close("completed");
  });

  it("appends a file to itself once, not for ever", async () => {
    const reader = await ground.fs.open(at("/same"), forReading, {});
    const appender = await ground.fs.open(at("/same"), { ...inPlace, append: true }, {});
    await reader.copyTo!(appender, 0, 0, 0);
    expect(fs.readFileSync(ground.host("same"), "utf8")).toBe("01234567890123456789");
    await reader.close("completed");
    await appender.close("completed");
  });

  it("writes to whatever handle it is given, and needs it to be open for writing", async () => {
    const written: Buffer[] = [];
    const elsewhere: Partial<FileHandle> = {
      write: async (data) => {
        written.push(Buffer.from(data));
      },
    };
    await source.copyTo!(elsewhere as FileHandle, 10, 20, 0);
    expect(Buffer.concat(written).equals(content.subarray(10, 30))).toBe(true);
    const reader = await ground.fs.open(at("/same"), forReading, {});
    expect(await refusal(source.copyTo!(reader, 0, 5, 0))).toBe("permissionDenied");
    await reader.close("completed");
    expect(await refusal(source.copyTo!(reader, 0, 5, 0))).toBe("invalidHandle");
  });
});
