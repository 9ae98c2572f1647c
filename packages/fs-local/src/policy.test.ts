import fs from "node:fs";
import { type Attributes } from "@sluice/core";
import { afterEach, describe, expect, it } from "vitest";
import { at, forUpload, inPlace, makeGround, put, refusal, variants, type Ground } from "../test/fixture.ts";
import type { LocalFilesOptions } from "./options.ts";

describe.each(variants)("what clients may set $title", (variant) => {
  let ground: Ground | undefined;
  afterEach(() => ground?.cleanUp());

  /** A file of ten bytes with mode 0640 and a time of its own, its owner somebody else where the tests run as root. */
  const serve = async (options: Partial<LocalFilesOptions> = {}): Promise<Ground> => {
    ground = await makeGround(variant, options);
    fs.writeFileSync(ground.host("f"), "0123456789");
    fs.chmodSync(ground.host("f"), 0o640);
    fs.utimesSync(ground.host("f"), 1_600_000_000, 1_600_000_000.5);
    return ground;
  };
  const facts = ({ host }: Ground): unknown[] => {
    const { size, mode, uid, gid, mtimeMs } = fs.statSync(host("f"));
    return [size, mode & 0o7777, uid, gid, mtimeMs];
  };
  /** By path, and by handle. */
  const ways = (system: Ground): ((attributes: Attributes) => Promise<void>)[] => [
    (attributes) => system.fs.setAttributes!(at("/f"), attributes, { follow: true }),
    async (attributes) => {
      const handle = await system.fs.open(at("/f"), inPlace, {});
      try {
        await handle.setAttributes!(attributes);
      } finally {
        await handle.close("completed");
      }
    },
  ];
  const changes: readonly [kind: string, Attributes][] = [
    ["size", { size: 3 }],
    ["mode", { mode: 0o600 }],
    ["times", { mtimeMs: 1_500_000_000_000 }],
    ["owner", { uid: 4321, gid: 4321 }],
  ];

  it.each(changes)("a change of %s is left out where it is ignored", async (kind, change) => {
    for (const setstat of ["ignore", { [kind]: "ignore" }] as const) {
      const system = await serve({ setstat });
      const before = facts(system);
      for (const set of ways(system)) await set(change);
      expect(facts(system)).toEqual(before);
      await system.cleanUp();
      ground = undefined;
    }
  });

  it.each(changes)(
    "a change of %s is refused where it is to be, but not what is there already",
    async (kind, change) => {
      const system = await serve({ setstat: { [kind]: "refuse" } });
      const before = facts(system);
      const { mode, uid, gid } = fs.statSync(system.host("f"));
      // A size that is set counts as a modification, even if it is the same.
      const size = kind === "times" ? {} : { size: 10 };
      for (const set of ways(system)) {
        expect(await refusal(set(change))).toBe("permissionDenied");
        await set({ ...size, mode: mode & 0o777, uid, gid, mtimeMs: 1_600_000_000_000, atimeMs: 1_600_000_000_000 });
        await set({});
      }
      if (kind === "times") expect(facts(system)).toEqual(before);
      expect(facts(system).slice(0, 4)).toEqual(before.slice(0, 4));
    },
  );

  it("files are not given away unless that is said", async () => {
    const system = await serve();
    for (const set of ways(system)) expect(await refusal(set({ uid: 4321 }))).toBe("permissionDenied");
    expect(await refusal(system.fs.setAttributes!(at("/"), { gid: 4321 }, { follow: true }))).toBe("permissionDenied");
  });

  it.runIf(process.getuid?.() === 0)("owners can be set where that is said", async () => {
    const system = await serve({ setstat: { owner: "apply" } });
    for (const [i, set] of ways(system).entries()) {
      await set({ uid: 4321 + i, gid: 1234 });
      expect(facts(system).slice(2, 4)).toEqual([4321 + i, 1234]);
    }
  });

  it("an owner that nobody knows is left out with the others where owners are ignored", async () => {
    const system = await serve({ setstat: { owner: "ignore" } });
    for (const set of ways(system)) await set({ owner: "nobody at all", group: "none" });
  });

  it("lists and extended attributes are refused, or left out where that is said", async () => {
    const lists: Attributes = { acl: { entries: [] } };
    const extended: Attributes = { extended: new Map([["user.x", Buffer.from("1")]]) };
    const strict = await serve();
    for (const set of ways(strict)) {
      for (const what of [lists, extended]) expect(await refusal(set(what))).toBe("unsupported");
    }
    await strict.cleanUp();
    const lenient = await serve({ setstat: { acl: "ignore", extended: "ignore" } });
    for (const set of ways(lenient)) for (const what of [lists, extended]) await set(what);
  });

  it("an upload is not refused for its mode, which then is the usual one", async () => {
    for (const setstat of ["ignore", "refuse"] as const) {
      const system = await serve({ setstat, umask: 0o027 });
      await put(system.fs, "/new", "", forUpload, { mode: 0o777 });
      await system.fs.mkdir!(at("/dir"), { mode: 0o700 });
      expect(fs.statSync(system.host("new")).mode & 0o7777).toBe(0o640);
      expect(fs.statSync(system.host("dir")).mode & 0o777).toBe(0o750);
      await system.cleanUp();
      ground = undefined;
    }
  });

  it("masks hold for what is made and for what is set", async () => {
    const system = await serve({ fileMask: "640", directoryMask: 0o750, umask: 0 });
    await put(system.fs, "/new", "", forUpload, { mode: 0o777 });
    await system.fs.mkdir!(at("/dir"), { mode: 0o777 });
    const modes = (): number[] => ["new", "dir"].map((name) => fs.statSync(system.host(name)).mode & 0o777);
    expect(modes()).toEqual([0o640, 0o750]);
    for (const path of ["/new", "/dir"]) await system.fs.setAttributes!(at(path), { mode: 0o777 }, { follow: true });
    expect(modes()).toEqual([0o640, 0o750]);
    await system.fs.setAttributes!(at("/new"), { mode: 0o7777 }, { follow: true });
    expect(fs.statSync(system.host("new")).mode & 0o7777).toBe(0o640);
  });
});

describe.each(variants)("hard links that are denied $title", (variant) => {
  let ground: Ground;
  afterEach(() => ground.cleanUp());

  it.each([true, false])(
    "are not made, nor is a file with several names changed in place; atomic: %s",
    async (atomic) => {
      ground = await makeGround(variant, { hardLinks: "deny", atomic });
      const victim = `${ground.outside}/secret`;
      fs.linkSync(victim, ground.host("f"));
      const before = fs.readFileSync(victim, "utf8");
      expect(await refusal(ground.fs.link!(at("/g"), at("/f")))).toBe("permissionDenied");
      expect(await refusal(ground.fs.open(at("/f"), inPlace, {}))).toBe("permissionDenied");
      expect(await refusal(ground.fs.open(at("/f"), { ...inPlace, append: true }, {}))).toBe("permissionDenied");
      expect(await refusal(ground.fs.setAttributes!(at("/f"), { mode: 0o600 }, { follow: true }))).toBe(
        "permissionDenied",
      );
      if (atomic) {
        await put(ground.fs, "/f", "new");
        expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("new");
      } else {
        expect(await refusal(ground.fs.open(at("/f"), forUpload, {}))).toBe("permissionDenied");
      }
      expect(fs.readFileSync(victim, "utf8")).toBe(before);
      await ground.fs.remove!(at("/f"));
      await put(ground.fs, "/own", "0123");
      await ground.fs.setAttributes!(at("/own"), { size: 2 }, { follow: true });
    },
  );
});
