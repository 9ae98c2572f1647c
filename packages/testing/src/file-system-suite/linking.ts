import assert from "node:assert/strict";
import { sftpPath as path } from "@sluice/core";
import { blocked, isRefused, missing, refused } from "./refusal.ts";
import { check, type Case } from "./case.ts";
import type { Stage } from "./stage.ts";

/** A tree to resolve paths in: /directory/file, /directory/inner. */
async function plant(stage: Stage): Promise<void> {
  await stage.mkdir("/directory");
  await stage.mkdir("/directory/inner");
  await stage.put("/directory/file", "content");
}

/** Symbolic links, hard links and the paths that lead through them. */
export const linking: readonly Case[] = [
  check("symlink: the target is stored as it is given", async (stage) => {
    const readlink = stage.method("readlink");
    for (const [number, target] of ["file", "../up", "/absolute/path", "none/../x", "."].entries()) {
      await stage.symlink(`/link-${number}`, target);
      assert.equal(await readlink(path(`/link-${number}`)), target);
    }
  }),

  check("symlink: a relative target starts at the link's directory", async (stage) => {
    await plant(stage);
    await stage.symlink("/directory/inner/up", "../file");
    await stage.symlink("/down", "directory/file");
    await stage.holds("/directory/inner/up", "content");
    await stage.holds("/down", "content");
  }),

  check("symlink: an absolute target starts at the root of the tree", async (stage) => {
    await plant(stage);
    await stage.symlink("/directory/inner/link", "/directory/file");
    await stage.holds("/directory/inner/link", "content");
  }),

  check("symlink: a link on the way is followed, by whatever method", async (stage) => {
    await plant(stage);
    await stage.symlink("/link", "directory");
    await stage.holds("/link/file", "content");
    assert.equal((await stage.lstat("/link/file")).type, "file");
    await stage.put("/link/new", "new");
    await stage.mkdir("/link/made");
    assert.deepEqual(await stage.names("/directory"), ["file", "inner", "made", "new"]);
    await stage.method("remove")(path("/link/new"));
    await stage.method("rmdir")(path("/link/made"));
    assert.deepEqual(await stage.names("/directory"), ["file", "inner"]);
  }),

  check("symlink: links lead to links", async (stage) => {
    await plant(stage);
    await stage.symlink("/link-0", "directory");
    for (let number = 1; number <= 10; number++) await stage.symlink(`/link-${number}`, `link-${number - 1}`);
    await stage.holds("/link-10/file", "content");
  }),

  check("symlink: no target leads out of the tree", async (stage) => {
    await plant(stage);
    await stage.symlink("/directory/out", "../../../..");
    await stage.symlink("/directory/etc", "../../../../etc/passwd");
    const wasRefused = await isRefused("list", async () => {
      assert.deepEqual(await stage.names("/directory/out"), ["directory"], "above the root is the root");
    });
    if (wasRefused) await refused("stat", () => stage.stat("/directory/out"));
    await refused("open", () => stage.open("/directory/etc", ["read"]));
  }),

  check("symlink: a name that is taken is refused", async (stage) => {
    await plant(stage);
    await stage.symlink("/dangling", "none");
    await refused("by a directory", () => stage.symlink("/directory", "x"), "alreadyExists");
    await refused("by a file", () => stage.symlink("/directory/file", "x"), "alreadyExists");
    await refused("by a link", () => stage.symlink("/dangling", "x"), "alreadyExists");
    await refused("by the root", () => stage.symlink("/", "x"));
    assert.equal(await stage.method("readlink")(path("/dangling")), "none");
  }),

  check("symlink: a missing directory is refused", async (stage) => {
    await refused("symlink", () => stage.symlink("/none/link", "x"), ...missing);
  }),

  check("symlink: loops are refused", async (stage) => {
    await stage.symlink("/self", "self");
    await stage.symlink("/a", "b");
    await stage.symlink("/b", "a");
    for (const name of ["/self", "/a", "/b"]) {
      await refused("stat", () => stage.stat(name), "linkLoop");
      await refused("open", () => stage.open(name, ["read"]), "linkLoop");
      await refused("open to create", () => stage.open(name, ["write", "create"]), "linkLoop");
      await refused("list", () => stage.entries(name), "linkLoop");
      await refused("stat below", () => stage.lstat(`${name}/file`), "linkLoop");
      assert.equal((await stage.lstat(name)).type, "symlink");
    }
    await stage.method("remove")(path("/self"));
    assert.deepEqual(await stage.names(), ["a", "b"]);
  }),

  check("readlink: what is no link is refused", async (stage) => {
    const readlink = stage.method("readlink");
    await plant(stage);
    await refused("a file", () => readlink(path("/directory/file")));
    await refused("a directory", () => readlink(path("/directory")));
    await refused("what is missing", () => readlink(path("/none")), ...missing);
  }),

  check("realpath: links are resolved, a missing last name is not an error", async (stage) => {
    const realpath = stage.method("realpath");
    await plant(stage);
    assert.equal(await realpath(path("/")), "/");
    assert.equal(await realpath(path("/directory/file")), "/directory/file");
    assert.equal(await realpath(path("/directory/none")), "/directory/none");
  }),

  check("realpath: links are resolved, on the way and at the end", async (stage) => {
    const realpath = stage.method("realpath");
    await plant(stage);
    await stage.symlink("/link", "directory");
    await stage.symlink("/directory/inner/up", "../file");
    await stage.symlink("/directory/inner/root", "/");
    assert.equal(await realpath(path("/link")), "/directory");
    assert.equal(await realpath(path("/link/none")), "/directory/none");
    assert.equal(await realpath(path("/link/inner/up")), "/directory/file");
    assert.equal(await realpath(path("/directory/inner/root")), "/");
    assert.equal(await realpath(path("/directory/inner/root/link/inner")), "/directory/inner");
  }),

  check("realpath: loops are refused", async (stage) => {
    const realpath = stage.method("realpath");
    await stage.symlink("/self", "self");
    await refused("realpath", () => realpath(path("/self")), "linkLoop");
  }),

  check("link: a second name is the same file", async (stage) => {
    const link = stage.method("link");
    await stage.put("/file", "content");
    await link(path("/second"), path("/file"));
    await stage.holds("/second", "content");
    const handle = await stage.open("/second", ["write"]);
    await handle.write(Buffer.from("CON"), 0);
    await stage.close(handle);
    await stage.holds("/file", "CONtent");
    assert.equal((await stage.stat("/file")).linkCount ?? 2, 2, "linkCount");
  }),

  check("link: the file stays until its last name goes", async (stage) => {
    const link = stage.method("link");
    const remove = stage.method("remove");
    await stage.put("/file", "content");
    await link(path("/second"), path("/file"));
    await remove(path("/file"));
    await stage.holds("/second", "content");
    await remove(path("/second"));
    assert.deepEqual(await stage.names(), []);
  }),

  check("link: a name that is taken is refused, and stays", async (stage) => {
    const link = stage.method("link");
    await stage.put("/file", "content");
    await stage.put("/taken", "kept");
    await refused("by a file", () => link(path("/taken"), path("/file")), "alreadyExists");
    await refused("by itself", () => link(path("/file"), path("/file")), "alreadyExists");
    await refused("by the root", () => link(path("/"), path("/file")));
    await stage.holds("/taken", "kept");
  }),

  check("link: a directory and what is missing are refused", async (stage) => {
    const link = stage.method("link");
    await plant(stage);
    await refused("a directory", () => link(path("/second"), path("/directory")));
    await refused("what is missing", () => link(path("/second"), path("/none")), ...missing);
    await refused("below a file", () => link(path("/second"), path("/directory/file/none")), ...blocked);
    await refused("in a missing directory", () => link(path("/none/second"), path("/directory/file")), ...missing);
    assert.equal(await stage.exists("/second"), false);
  }),
];
