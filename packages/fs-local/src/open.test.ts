import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  at,
  contentOf,
  exclusively,
  forReading,
  forUpload,
  get,
  inPlace,
  makeFifo,
  makeGround,
  put,
  refusal,
  unprivileged,
  variants,
  type Ground,
} from "../test/fixture.ts";

describe.each(variants)("opening files $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant);
  });
  afterEach(() => ground.cleanUp());

  it("reads what is there, from any position, and nothing behind the end", async () => {
    fs.writeFileSync(ground.host("f"), "0123456789");
    const handle = await ground.fs.open(at("/f"), forReading, {});
    const buffer = Buffer.alloc(4);
    expect(await handle.read(buffer, 3)).toBe(4);
    expect(buffer.toString()).toBe("3456");
    expect(await handle.read(buffer, 8)).toBe(2);
    expect(await handle.read(buffer, 10)).toBe(0);
    expect(await handle.read(buffer, 2 ** 40)).toBe(0);
    await handle.close("completed");
  });

  it("refuses what the flags do not allow", async () => {
    fs.writeFileSync(ground.host("f"), "text");
    const reader = await ground.fs.open(at("/f"), forReading, {});
    expect(await refusal(reader.write(Buffer.from("x"), 0))).toBe("permissionDenied");
    expect(await refusal(reader.setAttributes!({ size: 0 }))).toBe("permissionDenied");
    await reader.close("completed");
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("text");
  });

  it("writes to what may be written to and not read, and does not read it", async () => {
    fs.writeFileSync(ground.host("f"), "text");
    fs.chmodSync(ground.host("f"), 0o222);
    fs.chmodSync(ground.base, 0o711);
    await unprivileged(async () => {
      expect(await refusal(ground.fs.open(at("/f"), { ...inPlace, read: true }, {}))).toBe("permissionDenied");
      const writer = await ground.fs.open(at("/f"), inPlace, {});
      await writer.write(Buffer.from("TE"), 0);
      expect(await refusal(writer.read(Buffer.alloc(4), 0))).toBe("permissionDenied");
      await writer.close("completed");
    });
    fs.chmodSync(ground.host("f"), 0o600);
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("TExt");
  });

  it("writes into an existing file in place when it is not truncated", async () => {
    fs.writeFileSync(ground.host("f"), "0123456789");
    const { ino } = fs.statSync(ground.host("f"));
    const handle = await ground.fs.open(at("/f"), { ...inPlace, create: true }, {});
    await handle.write(Buffer.from("abc"), 4);
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("0123abc789");
    await handle.close("aborted");
    expect(fs.statSync(ground.host("f")).ino).toBe(ino);
  });

  it("appends whatever position is given", async () => {
    fs.writeFileSync(ground.host("f"), "one ");
    const handle = await ground.fs.open(at("/f"), { ...inPlace, append: true }, {});
    await handle.write(Buffer.from("two "), 0);
    await handle.write(Buffer.from("three"), 1000);
    await handle.close("completed");
    expect(await get(ground.fs, "/f")).toBe("one two three");
  });

  it("leaves a hole where a write starts behind the end", async () => {
    fs.writeFileSync(ground.host("f"), "ab");
    const handle = await ground.fs.open(at("/f"), { ...inPlace, read: true }, {});
    await handle.write(Buffer.from("c"), 5);
    expect(await contentOf(handle)).toBe("ab\0\0\0c");
    await handle.close("completed");
  });

  it("reaches positions past 4 GiB", async () => {
    const handle = await ground.fs.open(at("/f"), { ...forUpload, read: true }, {});
    const position = 5 * 2 ** 32 + 1;
    await handle.write(Buffer.from("far"), position);
    const buffer = Buffer.alloc(3);
    expect(await handle.read(buffer, position)).toBe(3);
    expect(buffer.toString()).toBe("far");
    expect((await handle.stat()).size).toBe(position + 3);
    await handle.close("aborted");
  });

  it("says why a name cannot be opened", async () => {
    fs.mkdirSync(ground.host("dir"));
    fs.writeFileSync(ground.host("f"), "");
    const open = (path: string, flags = forReading): Promise<string> => refusal(ground.fs.open(at(path), flags, {}));
    expect(await open("/missing")).toBe("noSuchFile");
    expect(await open("/missing/f", forUpload)).toBe("noSuchFile");
    expect(await open("/f/below", forUpload)).toBe("notADirectory");
    expect(await open("/dir")).toBe("isADirectory");
    expect(await open("/dir", forUpload)).toBe("isADirectory");
    expect(await open("/")).toBe("isADirectory");
    expect(await open("/", forUpload)).toBe("isADirectory");
    expect(await open("/missing", inPlace)).toBe("noSuchFile");
    expect(await open("/f", exclusively)).toBe("alreadyExists");
    expect(await open("/dir", exclusively)).toBe("alreadyExists");
  });

  it("refuses a FIFO at once, for reading and writing", async () => {
    makeFifo(ground.host("fifo"));
    const started = Promise.all(
      Array.from({ length: 100 }, () => refusal(ground.fs.open(at("/fifo"), forReading, {}))),
    );
    expect(new Set(await started)).toEqual(new Set(["failure"]));
    for (const flags of [forReading, inPlace, forUpload, { ...inPlace, read: true }]) {
      expect(await refusal(ground.fs.open(at("/fifo"), flags, {}))).toBe("failure");
    }
    expect(await refusal(ground.fs.setAttributes!(at("/fifo"), { size: 0 }, { follow: true }))).toBe("failure");
    expect(fs.lstatSync(ground.host("fifo")).isFIFO()).toBe(true);
  });

  it("refuses sockets, and devices where the tests may make one", async () => {
    const server = createServer().listen(ground.host("socket"));
    await once(server, "listening");
    const names = ["/socket"];
    if (process.getuid?.() === 0) {
      execFileSync("mknod", [ground.host("null"), "c", "1", "3"]);
      names.push("/null");
    }
    try {
      for (const name of names) {
        for (const flags of [forReading, inPlace, forUpload]) {
          expect(await refusal(ground.fs.open(at(name), flags, {}))).toBe("failure");
        }
        const { mode } = fs.lstatSync(ground.host(name));
        for (const follow of [true, false]) {
          expect(await refusal(ground.fs.setAttributes!(at(name), { mode: 0o666 }, { follow }))).toBe("failure");
        }
        expect(fs.lstatSync(ground.host(name)).mode).toBe(mode);
      }
      expect((await ground.fs.stat(at("/socket"), { follow: true })).type).toBe("socket");
    } finally {
      server.close();
      await once(server, "close");
    }
  });

  it("gives a new file the mode asked for less the umask, and never a special bit", async () => {
    await put(ground.fs, "/plain", "");
    await put(ground.fs, "/asked", "", forUpload, { mode: 0o7777 });
    await put(ground.fs, "/exclusive", "", exclusively, { mode: 0o600 });
    const mode = (name: string): number => fs.statSync(ground.host(name)).mode & 0o7777;
    expect(mode("plain")).toBe(0o644);
    expect(mode("asked")).toBe(0o755);
    expect(mode("exclusive")).toBe(0o600);
  });

  it("takes a size given at opening for a hint only", async () => {
    await put(ground.fs, "/f", "four", forUpload, { size: 1_000_000 });
    expect(fs.statSync(ground.host("f")).size).toBe(4);
  });

  it("refuses to overwrite a file that the process may not write to", async () => {
    fs.chmodSync(ground.base, 0o755);
    fs.chmodSync(ground.root, 0o777);
    fs.writeFileSync(ground.host("f"), "kept");
    fs.chmodSync(ground.host("f"), 0o444);
    await unprivileged(async () => {
      expect(await refusal(ground.fs.open(at("/f"), forUpload, {}))).toBe("permissionDenied");
      expect(await refusal(ground.fs.open(at("/f"), inPlace, {}))).toBe("permissionDenied");
    });
    expect(fs.readFileSync(ground.host("f"), "utf8")).toBe("kept");
    expect(fs.readdirSync(ground.root)).toEqual(["f"]);
  });

  it("closes exactly once, and serves nothing afterwards", async () => {
    fs.writeFileSync(ground.host("f"), "text");
    const handle = await ground.fs.open(at("/f"), { ...forReading, write: true }, {});
    await handle.close("completed");
    expect(await refusal(handle.close("completed"))).toBe("invalidHandle");
    expect(await refusal(handle.read(Buffer.alloc(4), 0))).toBe("invalidHandle");
    expect(await refusal(handle.write(Buffer.alloc(4), 0))).toBe("invalidHandle");
    expect(await refusal(handle.stat())).toBe("invalidHandle");
    expect(await refusal(handle.setAttributes!({ size: 0 }))).toBe("invalidHandle");
    expect(await refusal(handle.sync!())).toBe("invalidHandle");
  });

  it("writes under the final name at once when uploads are not to be atomic", async () => {
    const plain = await makeGround(variant, { atomic: false });
    try {
      fs.writeFileSync(plain.host("old"), "old content");
      fs.chmodSync(plain.host("old"), 0o640);
      const handle = await plain.fs.open(at("/old"), forUpload, {});
      await handle.write(Buffer.from("new"), 0);
      expect(fs.readdirSync(plain.root)).toEqual(["old"]);
      expect(fs.readFileSync(plain.host("old"), "utf8")).toBe("new");
      await handle.close("aborted");
      const fresh = await plain.fs.open(at("/fresh"), exclusively, { mode: 0o666 });
      expect(fs.existsSync(plain.host("fresh"))).toBe(true);
      expect(await refusal(plain.fs.open(at("/fresh"), exclusively, {}))).toBe("alreadyExists");
      await fresh.close("completed");
      expect(fs.statSync(plain.host("fresh")).mode & 0o777).toBe(0o644);
      expect(fs.statSync(plain.host("old")).mode & 0o777).toBe(0o640);
    } finally {
      await plain.cleanUp();
    }
  });
});
