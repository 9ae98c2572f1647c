import assert from "node:assert/strict";
import { sftpPath as path } from "@sluice/core";
import { blocked, missing, refused, winnersOf } from "./refusal.ts";
import { check, Skipped, type Case } from "./case.ts";

/** Making and removing directories, and removing files. */
export const directories: readonly Case[] = [
  check("mkdir: it makes an empty directory", async (stage) => {
    await stage.mkdir("/directory");
    assert.equal((await stage.stat("/directory")).type, "directory");
    assert.deepEqual(await stage.names("/directory"), []);
    await stage.mkdir("/directory/inner");
    assert.deepEqual(await stage.names("/directory"), ["inner"]);
  }),

  check("mkdir: it gives the mode that was asked for", async (stage) => {
    await stage.method("mkdir")(path("/directory"), { mode: 0o750 });
    const { mode } = await stage.stat("/directory");
    if (mode === undefined) throw new Skipped("its stats have no mode");
    assert.equal(mode, 0o750);
  }),

  check("mkdir: a name that is taken is refused, by whatever", async (stage) => {
    await stage.mkdir("/directory");
    await stage.put("/directory/file", "kept");
    await refused("a directory", () => stage.mkdir("/directory"), "alreadyExists");
    await refused("a file", () => stage.mkdir("/directory/file"), "alreadyExists");
    await refused("the root", () => stage.mkdir("/"), "alreadyExists");
    await stage.holds("/directory/file", "kept");
  }),

  check("mkdir: a dangling link is refused", async (stage) => {
    await stage.symlink("/link", "none");
    await refused("mkdir", () => stage.mkdir("/link"), "alreadyExists");
    assert.equal(await stage.exists("/none"), false);
  }),

  check("mkdir: a missing or impossible parent is refused", async (stage) => {
    await stage.put("/file", "");
    await refused("a missing parent", () => stage.mkdir("/none/directory"), ...missing);
    await refused("a file as parent", () => stage.mkdir("/file/directory"), ...blocked);
    assert.deepEqual(await stage.names(), ["file"]);
  }),

  check("mkdir: of many at once, one wins", async (stage) => {
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => stage.mkdir("/directory")));
    assert.equal((await winnersOf(attempts, "alreadyExists")).length, 1, "winners");
  }),

  check("rmdir: it removes an empty directory", async (stage) => {
    await stage.mkdir("/directory");
    await stage.mkdir("/directory/inner");
    const rmdir = stage.method("rmdir");
    await rmdir(path("/directory/inner"));
    await rmdir(path("/directory"));
    assert.deepEqual(await stage.names(), []);
  }),

  check("rmdir: a directory with anything in it is refused", async (stage) => {
    const rmdir = stage.method("rmdir");
    await stage.mkdir("/directory");
    await stage.put("/directory/file", "kept");
    await refused("with a file", () => rmdir(path("/directory")), "directoryNotEmpty");
    await stage.holds("/directory/file", "kept");
    await stage.mkdir("/outer");
    await stage.mkdir("/outer/inner");
    await refused("with a directory", () => rmdir(path("/outer")), "directoryNotEmpty");
  }),

  check("rmdir: what is no directory is refused", async (stage) => {
    const rmdir = stage.method("rmdir");
    await stage.put("/file", "kept");
    await refused("a file", () => rmdir(path("/file")), ...blocked);
    await stage.holds("/file", "kept");
    await refused("what is missing", () => rmdir(path("/none")), ...missing);
  }),

  check("rmdir: a link to a directory is refused", async (stage) => {
    const rmdir = stage.method("rmdir");
    await stage.mkdir("/directory");
    await stage.symlink("/link", "directory");
    await refused("rmdir", () => rmdir(path("/link")));
    assert.deepEqual(await stage.names(), ["directory", "link"]);
  }),

  check("rmdir: the root is refused", async (stage) => {
    const rmdir = stage.method("rmdir");
    await refused("rmdir", () => rmdir(path("/")));
    assert.equal((await stage.stat("/")).type, "directory");
  }),

  check("remove: a file goes, and its name is free", async (stage) => {
    const remove = stage.method("remove");
    await stage.put("/file", "old");
    await remove(path("/file"));
    assert.equal(await stage.exists("/file"), false);
    await refused("a second time", () => remove(path("/file")), ...missing);
    await stage.put("/file", "new");
    await stage.holds("/file", "new");
  }),

  check("remove: a link goes, its target stays", async (stage) => {
    const remove = stage.method("remove");
    await stage.put("/file", "kept");
    await stage.symlink("/link", "file");
    await stage.symlink("/dangling", "none");
    await remove(path("/link"));
    await remove(path("/dangling"));
    assert.deepEqual(await stage.names(), ["file"]);
    await stage.holds("/file", "kept");
  }),

  check("remove: a directory is refused, empty or not", async (stage) => {
    const remove = stage.method("remove");
    await stage.mkdir("/directory");
    await refused("an empty one", () => remove(path("/directory")), "isADirectory", "permissionDenied");
    await stage.put("/directory/file", "kept");
    await refused("a full one", () => remove(path("/directory")), "isADirectory", "permissionDenied");
    await refused("the root", () => remove(path("/")), "isADirectory", "permissionDenied");
    await stage.holds("/directory/file", "kept");
  }),

  check("remove: what is missing is refused", async (stage) => {
    const remove = stage.method("remove");
    await stage.put("/file", "");
    await refused("a missing file", () => remove(path("/none")), ...missing);
    await refused("a missing directory", () => remove(path("/none/file")), ...missing);
    await refused("below a file", () => remove(path("/file/below")), ...blocked);
  }),
];
