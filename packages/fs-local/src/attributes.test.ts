import fs from "node:fs";
import { type Attributes } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  forReading,
  forUpload,
  inPlace,
  makeGround,
  refusal,
  unprivileged,
  variants,
  type Ground,
} from "../test/fixture.ts";

describe.each(variants)("attributes $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant, { setstat: { owner: "apply" } });
    fs.writeFileSync(ground.host("f"), "0123456789");
    fs.mkdirSync(ground.host("dir"));
  });
  afterEach(() => ground.cleanUp());

  const set = (path: string, attributes: Attributes, follow = true): Promise<void> =>
    ground.fs.setAttributes!(at(path), attributes, { follow });

  it("tell what the disk has", async () => {
    fs.linkSync(ground.host("f"), ground.host("g"));
    const host = fs.statSync(ground.host("f"));
    const stats = await ground.fs.stat(at("/f"), { follow: true });
    expect(stats).toMatchObject({
      type: "file",
      size: 10,
      mode: host.mode & 0o7777,
      uid: host.uid,
      gid: host.gid,
      // To the microsecond: Node's own number has a fraction of it.
      mtimeMs: expect.closeTo(host.mtimeMs, 2),
      atimeMs: expect.closeTo(host.atimeMs, 2),
      linkCount: 2,
    });
    expect((await ground.fs.stat(at("/"), { follow: true })).type).toBe("directory");
    expect(await refusal(ground.fs.stat(at("/missing"), { follow: true }))).toBe("noSuchFile");
    expect(await refusal(ground.fs.stat(at("/f/below"), { follow: true }))).toBe("notADirectory");
  });

  it("set a size, by path and by handle", async () => {
    await set("/f", { size: 4 });
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("0123");
    const handle = await ground.fs.open(at("/f"), inPlace, {});
    await handle.setAttributes!({ size: 6 });
    expect((await handle.stat()).size).toBe(6);
    await handle.close("completed");
    expect(await refusal(set("/dir", { size: 0 }))).toBe("isADirectory");
  });

  it("set permissions without special bits", async () => {
    await set("/f", { mode: 0o7751 });
    expect(fs.statSync(ground.host("f")).mode & 0o7777).toBe(0o751);
    const handle = await ground.fs.open(at("/f"), forReading, {});
    await handle.setAttributes!({ mode: 0o6604 });
    expect((await handle.stat()).mode).toBe(0o604);
    await handle.close("completed");
  });

  it("neither give a folder special bits nor take them away", async () => {
    await set("/dir", { mode: 0o7775 });
    expect(fs.statSync(ground.host("dir")).mode & 0o7777).toBe(0o775);
    fs.chmodSync(ground.host("dir"), 0o3770);
    await set("/dir", { mode: 0o755 });
    expect(fs.statSync(ground.host("dir")).mode & 0o7777).toBe(0o3755);
  });

  it.each([
    0, 1, 999, 1_700_000_000_123, 1_700_000_000_999, 1_699_999_999_001, 3_360_847_096_764, 4_294_967_295_000,
    1_700_000_000_123.25, -5_123, -5_122.75,
  ])("set the time %d and tell the same one", async (mtimeMs) => {
    await set("/f", { atimeMs: 1_600_000_000_001, mtimeMs });
    expect(await ground.fs.stat(at("/f"), { follow: true })).toMatchObject({ atimeMs: 1_600_000_000_001, mtimeMs });
    const handle = await ground.fs.open(at("/f"), forReading, {});
    await handle.setAttributes!({ mtimeMs: mtimeMs + 1 });
    expect(await handle.stat()).toMatchObject({ atimeMs: 1_600_000_000_001, mtimeMs: mtimeMs + 1 });
    await handle.close("completed");
  });

  it("set times last, so that a change of size does not move them", async () => {
    await set("/f", { size: 3, mode: 0o600, mtimeMs: 5000 });
    expect(fs.statSync(ground.host("f"))).toMatchObject({ size: 3, mtimeMs: 5000 });
    await set("/dir", { mtimeMs: 7000 });
    expect(fs.statSync(ground.host("dir")).mtimeMs).toBe(7000);
  });

  it("accept the owner that a file has, and refuse another to a process without privileges", async () => {
    fs.chmodSync(ground.base, 0o755);
    const { uid, gid } = fs.statSync(ground.host("f"));
    await unprivileged(async () => {
      await set("/f", { uid, gid });
      expect(await refusal(set("/f", { uid: uid + 1 }))).toBe("permissionDenied");
      expect(await refusal(set("/f", { uid, gid: gid + 1 }))).toBe("permissionDenied");
    });
  });

  it.runIf(process.getuid?.() === 0)("set the owner where the process may, by number and by name", async () => {
    await set("/f", { uid: 1234, gid: 2345, mode: 0o640 });
    expect(fs.statSync(ground.host("f"))).toMatchObject({ uid: 1234, gid: 2345 });
    await set("/f", { owner: "root", group: "root" });
    expect(fs.statSync(ground.host("f"))).toMatchObject({ uid: 0, gid: 0 });
    await set("/f", { owner: "1234", group: "root@example.org" });
    expect(fs.statSync(ground.host("f"))).toMatchObject({ uid: 1234, gid: 0 });
    expect(fs.statSync(ground.host("f")).mode & 0o777).toBe(0o640);
  });

  it("refuse an owner and a group that nobody knows", async () => {
    expect(await refusal(set("/f", { owner: "nobody-by-that-name" }))).toBe("ownerInvalid");
    expect(await refusal(set("/f", { group: "no-group-by-that-name" }))).toBe("groupInvalid");
  });

  it("refuse what cannot be stored instead of pretending", async () => {
    expect(await refusal(set("/f", { acl: { entries: [] } }))).toBe("unsupported");
    expect(await refusal(set("/f", { extended: new Map([["user.x", new Uint8Array(1)]]) }))).toBe("unsupported");
    await set("/f", { birthtimeMs: 1000, extended: new Map() });
  });

  it("of a link are its own unless it is followed", async () => {
    fs.symlinkSync("f", ground.host("link"));
    await set("/link", { mtimeMs: 1000, mode: 0o600 }, false);
    expect(fs.lstatSync(ground.host("link")).mtimeMs).toBe(1000);
    expect(fs.statSync(ground.host("f")).mtimeMs).not.toBe(1000);
    expect(fs.statSync(ground.host("f")).mode & 0o777).toBe(0o644);
    expect(await refusal(set("/link", { size: 0 }, false))).toBe("invalidParameter");
    await set("/link", { mtimeMs: 2000, mode: 0o600 });
    expect(fs.lstatSync(ground.host("link")).mtimeMs).toBe(1000);
    expect(fs.statSync(ground.host("f"))).toMatchObject({ mtimeMs: 2000 });
  });

  it("set while an upload is open stay when it is completed", async () => {
    const handle = await ground.fs.open(at("/up"), forUpload, {});
    await handle.write(Buffer.from("x"), 0);
    await handle.setAttributes!({ mode: 0o4600, mtimeMs: 3000 });
    await handle.close("completed");
    const stats = fs.statSync(ground.host("up"));
    expect([stats.mode & 0o7777, stats.mtimeMs]).toEqual([0o600, 3000]);
  });

  it("are refused for what does not exist", async () => {
    expect(await refusal(set("/missing", { mode: 0o600 }))).toBe("noSuchFile");
  });
});
