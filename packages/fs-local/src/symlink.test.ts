import fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  exclusively,
  forReading,
  forUpload,
  get,
  makeGround,
  namesIn,
  put,
  refusal,
  variants,
  type Ground,
} from "../test/fixture.ts";

describe.each(variants)("symbolic links $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant);
    fs.mkdirSync(ground.host("a/b"), { recursive: true });
    fs.writeFileSync(ground.host("a/b/f"), "found");
  });
  afterEach(() => ground.cleanUp());

  const link = (target: string, ...names: string[]): void => fs.symlinkSync(target, ground.host(...names));

  it.each([
    ["relative", "a/b/f"],
    ["relative with dots", "./a/../a/./b//f"],
    ["absolute, from the root of the tree", "/a/b/f"],
    ["climbing over the root, which holds", "../../../../a/b/f"],
  ])("that are %s are followed as the last name", async (_, target) => {
    link(target, "link");
    expect(await get(ground.fs, "/link")).toBe("found");
    expect((await ground.fs.stat(at("/link"), { follow: true })).type).toBe("file");
    expect((await ground.fs.stat(at("/link"), { follow: false })).type).toBe("symlink");
    expect(await ground.fs.realpath!(at("/link"))).toBe("/a/b/f");
    expect(await ground.fs.readlink!(at("/link"))).toBe(target);
  });

  it.each(["a", "/a", "../a", "./a/", "a/b/.."])("to a folder (%s) are followed on the way", async (target) => {
    link(target, "link");
    expect(await get(ground.fs, "/link/b/f")).toBe("found");
    expect(await ground.fs.realpath!(at("/link/b"))).toBe("/a/b");
    expect(await namesIn(ground.fs, "/link")).toEqual(["b"]);
    await put(ground.fs, "/link/new", "new");
    expect(fs.readFileSync(ground.host("a", "new"), "utf8")).toBe("new");
    await ground.fs.mkdir!(at("/link/sub"), {});
    await ground.fs.rename!(at("/link/new"), at("/link/sub/newer"), { overwrite: false });
    expect(fs.existsSync(ground.host("a", "sub", "newer"))).toBe(true);
  });

  it("to the root or to a parent end at that directory", async () => {
    link("/", "root");
    link("..", "a", "up");
    link("../..", "a", "b", "upper");
    for (const path of ["/root", "/a/up", "/a/b/upper", "/root/a/up"]) {
      expect(await ground.fs.realpath!(at(path))).toBe("/");
      expect((await ground.fs.stat(at(path), { follow: true })).type).toBe("directory");
      expect(await namesIn(ground.fs, path)).toEqual(["a", "root"]);
    }
    await ground.fs.setAttributes!(at("/a/up"), { mtimeMs: 1000 }, { follow: true });
    expect(fs.statSync(ground.root).mtimeMs).toBe(1000);
  });

  it("in a chain of forty are followed, one more is not, and neither is a loop", async () => {
    fs.writeFileSync(ground.host("0"), "end");
    for (let i = 1; i <= 41; i++) link(String(i - 1), String(i));
    expect(await get(ground.fs, "/40")).toBe("end");
    expect(await refusal(get(ground.fs, "/41"))).toBe("linkLoop");
    link("loop", "loop");
    link("pong", "ping");
    link("ping", "pong");
    for (const path of ["/loop", "/ping", "/loop/x", "/ping/x/y"]) {
      expect(await refusal(get(ground.fs, path))).toBe("linkLoop");
      expect(await refusal(ground.fs.open(at(path), forUpload, {}))).toBe("linkLoop");
      expect(await refusal(ground.fs.realpath!(at(path)))).toBe("linkLoop");
    }
  });

  it("with long targets one after another do not add up to endless work", async () => {
    const around = "a/../".repeat(800);
    link(`${around}a`, "1");
    for (let i = 2; i < 30; i++) link(`${around}${i - 1}`, String(i));
    expect(await refusal(ground.fs.stat(at("/29"), { follow: true }))).toBe("linkLoop");
  });

  it("that dangle can be seen, make their target when written to, and hold an exclusive creation off", async () => {
    link("/a/target", "dangling");
    expect(await refusal(get(ground.fs, "/dangling"))).toBe("noSuchFile");
    expect(await refusal(ground.fs.open(at("/dangling"), exclusively, {}))).toBe("alreadyExists");
    expect(fs.existsSync(ground.host("a", "target"))).toBe(false);
    expect(await ground.fs.realpath!(at("/dangling"))).toBe("/a/target");
    await put(ground.fs, "/dangling", "made");
    expect(fs.readFileSync(ground.host("a", "target"), "utf8")).toBe("made");
    expect(fs.lstatSync(ground.host("dangling")).isSymbolicLink()).toBe(true);
    link("/nowhere/target", "lost");
    expect(await refusal(ground.fs.open(at("/lost"), forUpload, {}))).toBe("noSuchFile");
  });

  it("stay when what they lead to is replaced by an upload", async () => {
    link("../a/b/f", "a", "link");
    await put(ground.fs, "/a/link", "new");
    expect(fs.readlinkSync(ground.host("a", "link"))).toBe("../a/b/f");
    expect(fs.readFileSync(ground.host("a", "b", "f"), "utf8")).toBe("new");
  });

  it("to a file are no folder on the way", async () => {
    link("a/b/f", "link");
    expect(await refusal(get(ground.fs, "/link/x"))).toBe("notADirectory");
    expect(await refusal(namesIn(ground.fs, "/link"))).toBe("notADirectory");
  });

  it("are made with the target as it was given, byte for byte", async () => {
    for (const target of ["a/b/f", "/etc/passwd", "../../x", "x\udcffy", "not//cleaned/./at/all/"]) {
      await ground.fs.symlink!(at("/link"), target);
      expect(await ground.fs.readlink!(at("/link"))).toBe(target);
      expect(await refusal(ground.fs.symlink!(at("/link"), target))).toBe("alreadyExists");
      await ground.fs.remove!(at("/link"));
    }
    expect(await refusal(ground.fs.symlink!(at("/link"), ""))).toBe("invalidParameter");
    expect(await refusal(ground.fs.symlink!(at("/link"), "x".repeat(4096)))).toBe("invalidFilename");
    expect(await refusal(ground.fs.symlink!(at("/"), "a"))).toBe("permissionDenied");
  });

  it("are the only thing that can be read as one", async () => {
    expect(await refusal(ground.fs.readlink!(at("/a")))).toBe("invalidParameter");
    expect(await refusal(ground.fs.readlink!(at("/a/b/f")))).toBe("invalidParameter");
    expect(await refusal(ground.fs.readlink!(at("/missing")))).toBe("noSuchFile");
  });

  describe("when they are denied", () => {
    let denying: Ground;
    beforeEach(async () => {
      denying = await makeGround(variant, { symlinks: "deny" });
      fs.mkdirSync(denying.host("a"));
      fs.writeFileSync(denying.host("a", "f"), "found");
      fs.symlinkSync("a", denying.host("dir"));
      fs.symlinkSync("a/f", denying.host("file"));
    });
    afterEach(() => denying.cleanUp());

    it("are neither followed, made nor read", async () => {
      const { fs: system } = denying;
      for (const work of [
        () => get(system, "/file"),
        () => get(system, "/dir/f"),
        () => system.open(at("/file"), forUpload, {}),
        () => system.open(at("/dir/new"), forUpload, {}),
        () => system.stat(at("/file"), { follow: true }),
        () => system.stat(at("/dir/f"), { follow: false }),
        () => system.setAttributes!(at("/file"), { mode: 0o600 }, { follow: true }),
        () => system.mkdir!(at("/dir/new"), {}),
        () => system.remove!(at("/dir/f")),
        () => namesIn(system, "/dir"),
        () => system.realpath!(at("/dir/f")),
        () => system.readlink!(at("/file")),
        () => system.symlink!(at("/new"), "a"),
      ]) {
        expect(await refusal(work())).toBe("permissionDenied");
      }
      expect(fs.readdirSync(denying.host("a"))).toEqual(["f"]);
    });

    it("can still be seen, renamed and removed", async () => {
      const { fs: system } = denying;
      expect(await namesIn(system, "/")).toEqual(["a", "dir", "file"]);
      expect((await system.stat(at("/file"), { follow: false })).type).toBe("symlink");
      expect(await system.realpath!(at("/file"))).toBe("/file");
      await system.rename!(at("/file"), at("/renamed"), { overwrite: false });
      await system.remove!(at("/renamed"));
      await system.remove!(at("/dir"));
      expect(await namesIn(system, "/")).toEqual(["a"]);
    });
  });

  it("and everything else resolve in realpath without telling what is outside", async () => {
    expect(await ground.fs.realpath!(at("/"))).toBe("/");
    expect(await ground.fs.realpath!(at("/a/b/missing"))).toBe("/a/b/missing");
    expect(await refusal(ground.fs.realpath!(at("/missing/x")))).toBe("noSuchFile");
    link(ground.outside, "out");
    link(`${ground.base}/not-there`, "out-missing");
    const existing = await refusal(ground.fs.realpath!(at("/out/secret")));
    expect(existing).toBe(await refusal(ground.fs.realpath!(at("/out-missing/secret"))));
    expect(existing).toBe("noSuchFile");
    expect(await refusal(ground.fs.open(at("/out"), forReading, {}))).toBe("noSuchFile");
  });
});
