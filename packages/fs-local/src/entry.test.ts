import fs from "node:fs";
import { sftpPath } from "@sluice/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { at, forUpload, get, makeGround, put, refusal, variants, type Ground } from "../test/fixture.ts";

describe.each(variants)("names $title", (variant) => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await makeGround(variant);
    fs.writeFileSync(ground.host("a"), "a");
    fs.writeFileSync(ground.host("b"), "b");
    fs.mkdirSync(ground.host("dir"));
    fs.writeFileSync(ground.host("dir", "inner"), "inner");
    fs.mkdirSync(ground.host("empty"));
    fs.symlinkSync("a", ground.host("link"));
  });
  afterEach(() => ground.cleanUp());

  const rename = (from: string, to: string, overwrite: boolean): Promise<string> =>
    refusal(ground.fs.rename!(at(from), at(to), { overwrite }));
  const text = (...names: string[]): string => fs.readFileSync(ground.host(...names), "utf8");

  it("are removed: files and links, never what a link leads to, never a directory", async () => {
    await ground.fs.remove!(at("/link"));
    expect(text("a")).toBe("a");
    await ground.fs.remove!(at("/a"));
    expect(fs.existsSync(ground.host("a"))).toBe(false);
    expect(await refusal(ground.fs.remove!(at("/dir")))).toBe("isADirectory");
    expect(await refusal(ground.fs.remove!(at("/a")))).toBe("noSuchFile");
    expect(await refusal(ground.fs.remove!(at("/")))).toBe("permissionDenied");
  });

  it("without overwriting are given only if they are free", async () => {
    expect(await rename("/a", "/c", false)).toBe("accepted");
    expect(text("c")).toBe("a");
    expect(fs.existsSync(ground.host("a"))).toBe(false);
    for (const taken of ["/b", "/dir", "/empty", "/c"]) expect(await rename("/c", taken, false)).toBe("alreadyExists");
    expect(text("b")).toBe("b");
    expect(await rename("/dir", "/empty", false)).toBe("alreadyExists");
    expect(await rename("/dir", "/b", false)).toBe("alreadyExists");
    expect(await rename("/dir", "/moved", false)).toBe("accepted");
    expect(text("moved", "inner")).toBe("inner");
  });

  it("without overwriting are not given over a dangling link", async () => {
    fs.symlinkSync("nowhere", ground.host("dangling"));
    expect(await rename("/a", "/dangling", false)).toBe("alreadyExists");
    expect(await rename("/dir", "/dangling", false)).toBe("alreadyExists");
    expect(fs.lstatSync(ground.host("dangling")).isSymbolicLink()).toBe(true);
  });

  it("replace others at once when overwriting", async () => {
    expect(await rename("/a", "/b", true)).toBe("accepted");
    expect(text("b")).toBe("a");
    expect(await rename("/b", "/dir", true)).toBe("isADirectory");
    expect(await rename("/empty", "/dir", true)).toBe("directoryNotEmpty");
    expect(await rename("/dir", "/empty", true)).toBe("accepted");
    expect(text("empty", "inner")).toBe("inner");
    expect(await rename("/empty", "/b", true)).toBe("notADirectory");
  });

  it("of links are given to the link itself", async () => {
    expect(await rename("/link", "/link2", false)).toBe("accepted");
    expect(fs.readlinkSync(ground.host("link2"))).toBe("a");
    expect(await rename("/b", "/link2", true)).toBe("accepted");
    expect(text("link2")).toBe("b");
    expect(text("a")).toBe("a");
  });

  it("cannot put a directory into itself, nor touch the root", async () => {
    expect(await rename("/dir", "/dir/sub", false)).toBe("invalidParameter");
    expect(await rename("/dir", "/dir/sub", true)).toBe("invalidParameter");
    expect(fs.readdirSync(ground.host("dir"))).toEqual(["inner"]);
    expect(await rename("/", "/dir/x", true)).toBe("permissionDenied");
    expect(await rename("/dir", "/", true)).toBe("permissionDenied");
    expect(await rename("/missing", "/x", false)).toBe("noSuchFile");
    expect(await rename("/a", "/missing/x", false)).toBe("noSuchFile");
    expect(await rename("/dir", "/missing/x", false)).toBe("noSuchFile");
  });

  it("raced for by many renames go to exactly one of them", async () => {
    for (const kind of ["file", "directory"]) {
      const sources = Array.from({ length: 12 }, (_, i) => `/${kind}${i}`);
      for (const source of sources) {
        if (kind === "file") fs.writeFileSync(ground.host(source), source);
        else fs.mkdirSync(ground.host(source, "mark"), { recursive: true });
      }
      const outcomes = await Promise.all(sources.map((source) => rename(source, `/${kind}-won`, false)));
      expect(outcomes.filter((outcome) => outcome === "accepted")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "alreadyExists")).toHaveLength(11);
      expect(fs.readdirSync(ground.root).filter((name) => name.startsWith(kind))).toHaveLength(12);
    }
  });

  it("can be given to a file a second time", async () => {
    await ground.fs.link!(at("/dir/second"), at("/a"));
    expect(fs.statSync(ground.host("a")).nlink).toBe(2);
    expect(await refusal(ground.fs.link!(at("/b"), at("/a")))).toBe("alreadyExists");
    expect(await refusal(ground.fs.link!(at("/x"), at("/dir")))).toBe("isADirectory");
    expect(await refusal(ground.fs.link!(at("/x"), at("/missing")))).toBe("noSuchFile");
    await ground.fs.link!(at("/linked"), at("/link"));
    expect(fs.lstatSync(ground.host("linked")).isSymbolicLink()).toBe(true);
  });

  it("of directories are made and removed", async () => {
    await ground.fs.mkdir!(at("/new"), {});
    await ground.fs.mkdir!(at("/special"), { mode: 0o7777 });
    await ground.fs.mkdir!(at("/private"), { mode: 0o700 });
    const mode = (name: string): number => fs.statSync(ground.host(name)).mode & 0o7777;
    expect([mode("new"), mode("special"), mode("private")]).toEqual([0o755, 0o755, 0o700]);
    for (const taken of ["/new", "/a", "/link", "/"]) {
      expect(await refusal(ground.fs.mkdir!(at(taken), {}))).toBe("alreadyExists");
    }
    expect(await refusal(ground.fs.mkdir!(at("/missing/x"), {}))).toBe("noSuchFile");
    await ground.fs.rmdir!(at("/new"));
    expect(fs.existsSync(ground.host("new"))).toBe(false);
    expect(await refusal(ground.fs.rmdir!(at("/dir")))).toBe("directoryNotEmpty");
    expect(await refusal(ground.fs.rmdir!(at("/a")))).toBe("notADirectory");
    expect(await refusal(ground.fs.rmdir!(at("/link")))).toBe("notADirectory");
    expect(await refusal(ground.fs.rmdir!(at("/new")))).toBe("noSuchFile");
    expect(await refusal(ground.fs.rmdir!(at("/")))).toBe("permissionDenied");
  });

  it("in a folder shared by set-group-id stay shared", async () => {
    fs.chmodSync(ground.host("dir"), 0o2775);
    const umask = process.umask(0o077);
    try {
      await ground.fs.mkdir!(at("/dir/sub"), { mode: 0o775 });
      await put(ground.fs, "/dir/f", "");
    } finally {
      process.umask(umask);
    }
    expect(fs.statSync(ground.host("dir", "sub")).mode & 0o7777).toBe(0o2755);
    expect(fs.statSync(ground.host("dir", "f")).mode & 0o7777).toBe(0o644);
  });

  it("of 255 bytes work, and longer ones are refused without being cut", async () => {
    const longest = "ü".repeat(127) + "x";
    await put(ground.fs, `/${longest}`, "long");
    expect(await get(ground.fs, `/${longest}`)).toBe("long");
    expect(fs.readdirSync(ground.root)).toContain(longest);
    expect(() => sftpPath(`/${longest}x`)).toThrow("File name too long");
    // As a link's target, such a name gets past the limit of `sftpPath`.
    fs.symlinkSync("x".repeat(256), ground.host("toolong"));
    expect(await refusal(ground.fs.stat(at("/toolong"), { follow: true }))).toBe("invalidFilename");
    expect(await refusal(ground.fs.open(at("/toolong"), forUpload, {}))).toBe("invalidFilename");
  });

  it("with a NUL byte never reach the disk", async () => {
    expect(() => sftpPath("/a\0b")).toThrow("NUL");
    const forged = "/a\0b" as ReturnType<typeof at>;
    await expect(ground.fs.stat(forged, { follow: true })).rejects.toThrow("null bytes");
    await expect(ground.fs.open(forged, forUpload, {})).rejects.toThrow("null bytes");
    expect(await refusal(ground.fs.symlink!(at("/n"), "a\0b"))).toBe("invalidParameter");
    expect(text("a")).toBe("a");
  });

  it("are not told by their host path in what the client reads", async () => {
    const failures = await Promise.allSettled([
      ground.fs.stat(at("/missing"), { follow: true }),
      ground.fs.open(at("/missing/f"), forUpload, {}),
      ground.fs.mkdir!(at("/a"), {}),
      ground.fs.rename!(at("/dir"), at("/a"), { overwrite: true }),
      ground.fs.rmdir!(at("/dir")),
      ground.fs.readlink!(at("/a")),
    ]);
    for (const failure of failures) {
      expect(failure.status).toBe("rejected");
      const { message } = (failure as PromiseRejectedResult).reason as Error;
      expect(message).not.toContain("/");
      expect(message).not.toMatch(/E[A-Z]{4,}/);
    }
  });
});
