import fs from "node:fs";
import type { FileHandle } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  contentOf,
  exclusively,
  forReading,
  forUpload,
  get,
  inPlace,
  makeGround,
  namesIn,
  put,
  refusal,
  variants,
  type Ground,
} from "../test/fixture.ts";

describe.each(variants)("uploads $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant);
  });
  afterEach(() => ground.cleanUp());

  const onDisk = (): string[] => fs.readdirSync(ground.root).sort();
  const temporaries = (): string[] => onDisk().filter((name) => name.startsWith(".sluice-upload-"));

  it("appear under their name when they are closed as completed, and not before", async () => {
    const handle = await ground.fs.open(at("/f"), forUpload, {});
    await handle.write(Buffer.from("content"), 0);
    expect(onDisk()).not.toContain("f");
    expect(temporaries()).toHaveLength(1);
    await handle.close("completed");
    expect(onDisk()).toEqual(["f"]);
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("content");
  });

  it("leave the old content and no temporary when they are aborted", async () => {
    fs.writeFileSync(ground.host("f"), "old");
    for (const path of ["/f", "/new"]) {
      const handle = await ground.fs.open(at(path), forUpload, {});
      await handle.write(Buffer.from("half"), 0);
      await handle.close("aborted");
    }
    expect(onDisk()).toEqual(["f"]);
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("old");
  });

  it("leave nothing when they are refused", async () => {
    const handle = await ground.fs.open(at("/f"), forUpload, {});
    await handle.write(Buffer.from("refused"), 0);
    await handle.close("refused");
    expect(onDisk()).toEqual([]);
  });

  it("replace a file at once while a reader goes on with the old content", async () => {
    await put(ground.fs, "/f", "old");
    const reader = await ground.fs.open(at("/f"), forReading, {});
    const writer = await ground.fs.open(at("/f"), forUpload, {});
    await writer.write(Buffer.from("new, and longer"), 0);
    expect(await get(ground.fs, "/f")).toBe("old");
    await writer.close("completed");
    expect(await contentOf(reader)).toBe("old");
    expect(await get(ground.fs, "/f")).toBe("new, and longer");
    await reader.close("completed");
  });

  it("keep the permissions of the file that they replace, and do not write through its other names", async () => {
    fs.writeFileSync(ground.host("f"), "old");
    fs.chmodSync(ground.host("f"), 0o4640);
    fs.linkSync(ground.host("f"), ground.host("other"));
    if (process.getuid?.() === 0) fs.chownSync(ground.host("f"), 1234, 2345);
    const { uid, gid } = fs.statSync(ground.host("f"));
    await put(ground.fs, "/f", "new", forUpload, { mode: 0o777 });
    const stats = fs.statSync(ground.host("f"));
    expect([stats.mode & 0o7777, stats.uid, stats.gid]).toEqual([0o640, uid, gid]);
    expect(fs.readFileSync(ground.host("other"), "utf8")).toBe("old");
  });

  it("of one name do not mix: the last to be completed stays", async () => {
    const other = await ground.session();
    const first = await ground.fs.open(at("/f"), forUpload, {});
    const second = await other.open(at("/f"), forUpload, {});
    const third = await ground.fs.open(at("/f"), forUpload, {});
    await first.write(Buffer.from("first, the longest of them"), 0);
    await second.write(Buffer.from("second"), 0);
    await third.write(Buffer.from("third one"), 0);
    await second.close("completed");
    expect(await get(ground.fs, "/f")).toBe("second");
    await first.close("completed");
    expect(await get(other, "/f")).toBe("first, the longest of them");
    await third.close("completed");
    expect(await get(other, "/f")).toBe("third one");
    expect(onDisk()).toEqual(["f"]);
  });

  it("that are exclusive conflict when they are opened, across sessions", async () => {
    const other = await ground.session();
    const handle = await ground.fs.open(at("/f"), exclusively, {});
    expect(await refusal(ground.fs.open(at("/f"), exclusively, {}))).toBe("alreadyExists");
    expect(await refusal(other.open(at("/f"), exclusively, {}))).toBe("alreadyExists");
    await handle.close("aborted");
    const again = await other.open(at("/f"), exclusively, {});
    expect(await refusal(ground.fs.open(at("/f"), exclusively, {}))).toBe("alreadyExists");
    await again.close("completed");
    expect(await refusal(ground.fs.open(at("/f"), exclusively, {}))).toBe("alreadyExists");
  });

  it("that are exclusive are opened by exactly one of many at once", async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, () => ground.session()));
    const opened = await Promise.allSettled(sessions.map((system) => system.open(at("/f"), exclusively, {})));
    const handles = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(handles).toHaveLength(1);
    await handles[0]!.close("completed");
    expect(onDisk()).toEqual(["f"]);
  });

  it("that are exclusive do not replace what has appeared meanwhile", async () => {
    const handle = await ground.fs.open(at("/f"), exclusively, {});
    await handle.write(Buffer.from("mine"), 0);
    fs.writeFileSync(ground.host("f"), "theirs");
    expect(await refusal(handle.close("completed"))).toBe("alreadyExists");
    expect(onDisk()).toEqual(["f"]);
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("theirs");
  });

  it("fail to close where a directory has taken their name", async () => {
    const handle = await ground.fs.open(at("/f"), forUpload, {});
    fs.mkdirSync(ground.host("f"));
    expect(await refusal(handle.close("completed"))).toBe("isADirectory");
    expect(onDisk()).toEqual(["f"]);
  });

  it("land in their folder wherever it has been moved", async () => {
    fs.mkdirSync(ground.host("a"));
    const handle = await ground.fs.open(at("/a/f"), forUpload, {});
    await ground.fs.rename!(at("/a"), at("/b"), { overwrite: false });
    await handle.write(Buffer.from("x"), 0);
    if (variant.tier === "host-paths") {
      expect(await refusal(handle.close("completed"))).toBe("noSuchFile");
    } else {
      await handle.close("completed");
      expect(fs.readFileSync(ground.host("b", "f"), "utf8")).toBe("x");
    }
  });

  it("are durable on request", async () => {
    const durable = await makeGround(variant, { durable: true });
    try {
      await put(durable.fs, "/f", "one");
      await put(durable.fs, "/f", "two");
      await put(durable.fs, "/f", "!", inPlace);
      expect(fs.readFileSync(durable.host("f"), "utf8")).toBe("!wo");
      const handle = await durable.fs.open(at("/g"), forUpload, {});
      await durable.fs.rename!(at("/g"), at("/h"), { overwrite: true });
      await handle.close("completed");
      expect(fs.readdirSync(durable.root).sort()).toEqual(["f", "h"]);
    } finally {
      await durable.cleanUp();
    }
  });

  describe("that are not closed yet", () => {
    it("can be seen, read and changed by path in their own session, and in no other", async () => {
      const other = await ground.session();
      const handle = await ground.fs.open(at("/f"), forUpload, {});
      await handle.write(Buffer.from("half"), 0);
      expect((await ground.fs.stat(at("/f"), { follow: true })).size).toBe(4);
      expect((await ground.fs.stat(at("/f"), { follow: false })).type).toBe("file");
      expect(await get(ground.fs, "/f")).toBe("half");
      expect(await namesIn(ground.fs, "/")).toEqual(["f"]);
      expect(await ground.fs.realpath!(at("/f"))).toBe("/f");
      await ground.fs.setAttributes!(at("/f"), { mode: 0o600, mtimeMs: 1000 }, { follow: true });
      expect(await refusal(other.stat(at("/f"), { follow: true }))).toBe("noSuchFile");
      expect(await refusal(other.open(at("/f"), forReading, {}))).toBe("noSuchFile");
      expect(await namesIn(other, "/")).toEqual([]);
      await handle.close("completed");
      expect((await other.stat(at("/f"), { follow: true })).mtimeMs).toBe(1000);
      expect(fs.statSync(ground.host("f")).mode & 0o777).toBe(0o600);
      expect(await namesIn(ground.fs, "/")).toEqual(["f"]);
    });

    it("give way to a committed file of that name", async () => {
      fs.writeFileSync(ground.host("f"), "committed");
      const handle = await ground.fs.open(at("/f"), forUpload, {});
      await handle.write(Buffer.from("half"), 0);
      expect((await ground.fs.stat(at("/f"), { follow: true })).size).toBe(9);
      expect(await get(ground.fs, "/f")).toBe("committed");
      expect(await namesIn(ground.fs, "/")).toEqual(["f"]);
      await handle.close("aborted");
    });

    it("can be written to through a second handle", async () => {
      const handle = await ground.fs.open(at("/f"), forUpload, {});
      await handle.write(Buffer.from("one "), 0);
      await put(ground.fs, "/f", "two", { ...inPlace, create: true, append: true });
      await handle.close("completed");
      expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("one two");
    });

    it("take their name at once when they are renamed, and go on under it", async () => {
      fs.writeFileSync(ground.host("index"), "old");
      const handle = await ground.fs.open(at("/index.lock"), exclusively, {});
      await handle.write(Buffer.from("ne"), 0);
      expect(await refusal(ground.fs.rename!(at("/index.lock"), at("/index"), { overwrite: false }))).toBe(
        "alreadyExists",
      );
      await ground.fs.rename!(at("/index.lock"), at("/index"), { overwrite: true });
      expect(await get(ground.fs, "/index")).toBe("ne");
      await handle.write(Buffer.from("w"), 2);
      await handle.close("completed");
      expect(onDisk()).toEqual(["index"]);
      expect(fs.readFileSync(ground.host("index"), "utf8")).toBe("new");
    });

    it("are gone for good when they are removed", async () => {
      fs.mkdirSync(ground.host("dir"));
      const handle = await ground.fs.open(at("/dir/f"), forUpload, {});
      expect(await refusal(ground.fs.rmdir!(at("/dir")))).toBe("directoryNotEmpty");
      await ground.fs.remove!(at("/dir/f"));
      expect(await refusal(ground.fs.stat(at("/dir/f"), { follow: true }))).toBe("noSuchFile");
      await ground.fs.rmdir!(at("/dir"));
      await handle.write(Buffer.from("x"), 0);
      await handle.close("completed");
      expect(onDisk()).toEqual([]);
    });

    it("occupy their name for whatever else their session makes", async () => {
      fs.writeFileSync(ground.host("file"), "");
      const handle = await ground.fs.open(at("/f"), forUpload, {});
      expect(await refusal(ground.fs.mkdir!(at("/f"), {}))).toBe("alreadyExists");
      expect(await refusal(ground.fs.symlink!(at("/f"), "file"))).toBe("alreadyExists");
      expect(await refusal(ground.fs.link!(at("/f"), at("/file")))).toBe("alreadyExists");
      expect(await refusal(ground.fs.rename!(at("/file"), at("/f"), { overwrite: false }))).toBe("alreadyExists");
      await ground.fs.rename!(at("/file"), at("/f"), { overwrite: true });
      await handle.write(Buffer.from("lost, as on a plain disk"), 0);
      await handle.close("completed");
      expect(await get(ground.fs, "/f")).toBe("");
      expect(onDisk()).toEqual(["f"]);
    });

    it("can be linked", async () => {
      const handle = await ground.fs.open(at("/f"), forUpload, {});
      await ground.fs.link!(at("/g"), at("/f"));
      await handle.write(Buffer.from("both"), 0);
      await handle.close("completed");
      expect(await get(ground.fs, "/g")).toBe("both");
      expect((await ground.fs.stat(at("/f"), { follow: true })).linkCount).toBe(2);
    });
  });

  it("have temporaries that no client can see, name or make", async () => {
    const handle = await ground.fs.open(at("/f"), forUpload, {});
    const hidden = `/${temporaries()[0]}`;
    const other = await ground.session();
    for (const system of [ground.fs, other]) {
      expect(await namesIn(system, "/")).not.toContain(hidden.slice(1));
      expect(await refusal(system.stat(at(hidden), { follow: false }))).toBe("noSuchFile");
      expect(await refusal(system.open(at(hidden), forReading, {}))).toBe("noSuchFile");
      expect(await refusal(system.open(at(hidden), inPlace, {}))).toBe("noSuchFile");
      expect(await refusal(system.remove!(at(hidden)))).toBe("noSuchFile");
      expect(await refusal(system.rename!(at(hidden), at("/x"), { overwrite: true }))).toBe("noSuchFile");
      expect(await refusal(system.link!(at("/x"), at(hidden)))).toBe("noSuchFile");
      expect(await refusal(system.realpath!(at(hidden)))).toBe("noSuchFile");
      expect(await refusal(system.setAttributes!(at(hidden), { size: 0 }, { follow: true }))).toBe("noSuchFile");
    }
    await ground.fs.symlink!(at("/way"), hidden.slice(1));
    expect(await refusal(ground.fs.open(at("/way"), forReading, {}))).toBe("noSuchFile");
    await handle.close("completed");
    for (const name of ["/.sluice-upload-x", "/.SLUICE-Upload-x", "/.sluice-upload-x/y"]) {
      expect(await refusal(ground.fs.open(at(name), forUpload, {}))).toBe("permissionDenied");
      expect(await refusal(ground.fs.mkdir!(at(name), {}))).toBe("permissionDenied");
      expect(await refusal(ground.fs.symlink!(at(name), "f"))).toBe("permissionDenied");
      expect(await refusal(ground.fs.link!(at(name), at("/f")))).toBe("permissionDenied");
      expect(await refusal(ground.fs.rename!(at("/f"), at(name), { overwrite: true }))).toBe("permissionDenied");
    }
    expect(onDisk()).toEqual(["f", "way"]);
  });
});

// A full disk needs a file system of its own: the kernel's /dev/full cannot be opened through here, as it is a device.
describe("a write that fails", () => {
  it("keeps the upload from being completed, whatever was written later", async () => {
    const ground = await makeGround(variants[0]!);
    try {
      fs.writeFileSync(ground.host("f"), "old");
      const handle = await ground.fs.open(at("/f"), forUpload, {});
      await handle.write(Buffer.from("begin"), 0);
      // Past the largest file that any file system of Linux can have.
      expect(await refusal(handle.write(Buffer.from("x"), Number.MAX_SAFE_INTEGER))).toBe("invalidParameter");
      await handle.write(Buffer.from("end"), 5);
      expect(await refusal(handle.close("completed"))).toBe("invalidParameter");
      expect(fs.readdirSync(ground.root)).toEqual(["f"]);
      expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("old");
    } finally {
      await ground.cleanUp();
    }
  });
});

describe.each(variants)("uploads whose remains are kept $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant, { keepPartial: true });
  });
  afterEach(() => ground.cleanUp());

  const cutOff = async (path: string, outcome: "aborted" | "refused" = "aborted"): Promise<void> => {
    const handle = await ground.fs.open(at(path), forUpload, {});
    await handle.write(Buffer.from("half"), 0);
    await handle.close(outcome);
  };

  it("leave what had arrived of a new file under its name, so that the client can go on from there", async () => {
    await cutOff("/new");
    expect(fs.readdirSync(ground.root)).toEqual(["new"]);
    const resumed = await ground.fs.open(at("/new"), inPlace, {});
    await resumed.write(Buffer.from(" and half"), 4);
    await resumed.close("completed");
    expect(fs.readFileSync(ground.host("new"), "utf8")).toBe("half and half");
  });

  it("keep the old content of a file that was to be replaced, and of one that has appeared meanwhile", async () => {
    await put(ground.fs, "/old", "old");
    await cutOff("/old");
    const handle = await ground.fs.open(at("/appears"), forUpload, {});
    await handle.write(Buffer.from("half"), 0);
    fs.writeFileSync(ground.host("appears"), "other");
    await handle.close("aborted");
    expect(fs.readdirSync(ground.root).sort()).toEqual(["appears", "old"]);
    expect(fs.readFileSync(ground.host("old"), "utf8")).toBe("old");
    expect(fs.readFileSync(ground.host("appears"), "utf8")).toBe("other");
  });

  it("keep nothing behind a hole: what was refused before it got here, or a size that was set in advance", async () => {
    for (const [name, leave] of [
      ["hole", (handle: FileHandle) => handle.write(Buffer.from("after the hole"), 100)],
      ["size", (handle: FileHandle) => handle.setAttributes!({ size: 1_000_000 })],
    ] as const) {
      const handle = await ground.fs.open(at(`/${name}`), forUpload, {});
      await handle.write(Buffer.from("half"), 0);
      await leave(handle);
      await handle.close("aborted");
      expect(fs.readFileSync(ground.host(name), "utf8")).toBe("half");
      const whole = await ground.fs.open(at(`/${name}-whole`), forUpload, {});
      await whole.write(Buffer.from("half"), 0);
      await leave(whole);
      await whole.close("completed");
      expect(fs.statSync(ground.host(`${name}-whole`)).size).toBeGreaterThan(100);
    }
  });

  it("keep nothing that a middleware refused, or that a write failed in", async () => {
    await cutOff("/refused", "refused");
    const handle = await ground.fs.open(at("/holes"), forUpload, {});
    expect(await refusal(handle.write(Buffer.from("x"), Number.MAX_SAFE_INTEGER))).not.toBe("accepted");
    await handle.close("aborted");
    expect(fs.readdirSync(ground.root)).toEqual([]);
  });
});
