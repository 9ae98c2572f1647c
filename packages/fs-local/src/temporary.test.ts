import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { at, makeGround, refusal, variants, type Ground } from "../test/fixture.ts";
import { isAbandoned, isReserved, temporaryName } from "./temporary.ts";

const now = Date.now();
const longAgo = now - 25 * 60 * 60 * 1000;

describe("the name of a temporary", () => {
  it("is reserved, never given twice, and short enough for any file system", () => {
    const names = Array.from({ length: 100 }, temporaryName);
    expect(new Set(names)).toHaveLength(100);
    expect(names.every(isReserved)).toBe(true);
    expect(Math.max(...names.map((name) => name.length))).toBeLessThan(143);
  });

  it("tells that its process lives, however old it is", () => {
    expect(isAbandoned(temporaryName(), longAgo)).toBe(false);
  });

  it("tells that its process is gone", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const gone = temporaryName().replace(`-${process.pid}-`, `-${child.pid}-`);
    expect(isAbandoned(gone, now)).toBe(true);
  });

  it("is not fooled by another process that has got the number", () => {
    const [, start] = /-(\d+)-[0-9a-f]{32}$/.exec(temporaryName())!;
    expect(isAbandoned(temporaryName().replace(`-${start}-`, `-${Number(start) - 1}-`), now)).toBe(true);
  });

  it("of another machine, boot or container is given up after a day only", () => {
    const foreign = temporaryName().replace(/^(\.sluice-upload-)[0-9a-f]{16}/, "$10123456789abcdef");
    expect(isAbandoned(foreign, now)).toBe(false);
    expect(isAbandoned(foreign, longAgo)).toBe(true);
  });

  it("is nothing that merely looks like one", () => {
    for (const name of [".sluice-upload-", ".sluice-upload-x", "f", `${temporaryName()}x`]) {
      expect(isAbandoned(name, longAgo)).toBe(false);
    }
  });
});

describe.each(variants)("a directory that looks empty $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant);
    fs.mkdirSync(ground.host("dir"));
  });
  afterEach(() => ground.cleanUp());

  const dead = (): string => temporaryName().replace(/-\d+-([0-9a-f]{32})$/, "-1-$1");

  it("can be removed although a dead process left temporaries in it", async () => {
    fs.writeFileSync(ground.host("dir", dead()), "");
    fs.writeFileSync(ground.host("dir", dead()), "");
    await ground.fs.rmdir!(at("/dir"));
    expect(fs.readdirSync(ground.root)).toEqual([]);
  });

  it("loses nothing if it has something else too", async () => {
    fs.writeFileSync(ground.host("dir", dead()), "");
    fs.writeFileSync(ground.host("dir", "f"), "");
    expect(await refusal(ground.fs.rmdir!(at("/dir")))).toBe("directoryNotEmpty");
    fs.rmSync(ground.host("dir", "f"));
    fs.writeFileSync(ground.host("dir", temporaryName()), "");
    expect(await refusal(ground.fs.rmdir!(at("/dir")))).toBe("directoryNotEmpty");
    expect(fs.readdirSync(ground.host("dir"))).toHaveLength(2);
  });
});
