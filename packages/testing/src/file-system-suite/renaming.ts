import assert from "node:assert/strict";
import { sftpPath as path } from "@sluice/core";
import { blocked, isRefused, missing, refused, winnersOf } from "./refusal.ts";
import { check, type Case } from "./case.ts";

const keep = { overwrite: false };
const overwrite = { overwrite: true };

/** Moving files and directories. */
export const renaming: readonly Case[] = [
  check("rename: a file gets its new name and loses the old one", async (stage) => {
    const rename = stage.method("rename");
    for (const how of [keep, overwrite]) {
      await stage.put("/old", "content");
      await rename(path("/old"), path("/new"), how);
      assert.deepEqual(await stage.names(), ["new"]);
      await stage.holds("/new", "content");
      await stage.method("remove")(path("/new"));
    }
  }),

  check("rename: a file moves between directories", async (stage) => {
    await stage.mkdir("/a");
    await stage.mkdir("/b");
    await stage.put("/a/file", "content");
    await stage.method("rename")(path("/a/file"), path("/b/file"), keep);
    assert.deepEqual([await stage.names("/a"), await stage.names("/b")], [[], ["file"]]);
    await stage.holds("/b/file", "content");
  }),

  check("rename: a directory moves with all that is in it", async (stage) => {
    await stage.mkdir("/old");
    await stage.mkdir("/old/inner");
    await stage.put("/old/inner/file", "content");
    await stage.mkdir("/elsewhere");
    await stage.method("rename")(path("/old"), path("/elsewhere/new"), keep);
    await stage.holds("/elsewhere/new/inner/file", "content");
    assert.deepEqual(await stage.names(), ["elsewhere"]);
  }),

  check("rename: without overwrite a name that is taken is refused, and both stay", async (stage) => {
    const rename = stage.method("rename");
    await stage.put("/from", "from");
    await stage.put("/to", "to");
    await refused("onto a file", () => rename(path("/from"), path("/to"), keep), "alreadyExists");
    await stage.holds("/from", "from");
    await stage.holds("/to", "to");
    await stage.mkdir("/directory");
    await refused("onto a directory", () => rename(path("/from"), path("/directory"), keep), "alreadyExists");
    await stage.mkdir("/other");
    await refused("a directory onto one", () => rename(path("/other"), path("/directory"), keep), "alreadyExists");
    await refused("a directory onto a file", () => rename(path("/other"), path("/to"), keep), "alreadyExists");
    assert.deepEqual(await stage.names(), ["directory", "from", "other", "to"]);
  }),

  check("rename: without overwrite a dangling link is refused", async (stage) => {
    const rename = stage.method("rename");
    await stage.put("/from", "from");
    await stage.symlink("/link", "none");
    await refused("rename", () => rename(path("/from"), path("/link"), keep), "alreadyExists");
    assert.deepEqual(await stage.names(), ["from", "link"]);
  }),

  check("rename: with overwrite the new file takes the place of the old one", async (stage) => {
    await stage.put("/from", "from");
    await stage.put("/to", "the old one was longer");
    await stage.method("rename")(path("/from"), path("/to"), overwrite);
    assert.deepEqual(await stage.names(), ["to"]);
    await stage.holds("/to", "from");
  }),

  check("rename: with overwrite a link is replaced, not followed", async (stage) => {
    await stage.put("/from", "from");
    await stage.put("/target", "kept");
    await stage.symlink("/link", "target");
    await stage.method("rename")(path("/from"), path("/link"), overwrite);
    assert.equal((await stage.lstat("/link")).type, "file");
    await stage.holds("/link", "from");
    await stage.holds("/target", "kept");
  }),

  check("rename: with overwrite a directory with anything in it stays", async (stage) => {
    const rename = stage.method("rename");
    await stage.mkdir("/from");
    await stage.put("/from/a", "a");
    await stage.mkdir("/to");
    await stage.put("/to/b", "b");
    await refused("rename", () => rename(path("/from"), path("/to"), overwrite), "directoryNotEmpty", "alreadyExists");
    await stage.holds("/from/a", "a");
    await stage.holds("/to/b", "b");
  }),

  check("rename: with overwrite a file and a directory do not replace each other", async (stage) => {
    const rename = stage.method("rename");
    await stage.put("/file", "kept");
    await stage.mkdir("/directory");
    await refused("a file onto a directory", () => rename(path("/file"), path("/directory"), overwrite));
    await refused("a directory onto a file", () => rename(path("/directory"), path("/file"), overwrite));
    assert.equal((await stage.stat("/directory")).type, "directory");
    await stage.holds("/file", "kept");
  }),

  check("rename: a link moves itself, not its target", async (stage) => {
    await stage.put("/file", "content");
    await stage.symlink("/old", "file");
    await stage.method("rename")(path("/old"), path("/new"), keep);
    assert.deepEqual(await stage.names(), ["file", "new"]);
    assert.equal((await stage.lstat("/new")).type, "symlink");
    await stage.holds("/new", "content");
  }),

  check("rename: onto itself a file stays what it is", async (stage) => {
    const rename = stage.method("rename");
    await stage.put("/file", "kept");
    await rename(path("/file"), path("/file"), overwrite);
    await stage.holds("/file", "kept");
    await isRefused("without overwrite", () => rename(path("/file"), path("/file"), keep));
    await stage.holds("/file", "kept");
  }),

  check("rename: a directory does not move into itself", async (stage) => {
    const rename = stage.method("rename");
    await stage.mkdir("/directory");
    await stage.mkdir("/directory/inner");
    await stage.put("/directory/inner/file", "kept");
    await refused("into itself", () => rename(path("/directory"), path("/directory/new"), keep));
    await refused("into a child", () => rename(path("/directory"), path("/directory/inner/new"), overwrite));
    await stage.holds("/directory/inner/file", "kept");
  }),

  check("rename: a directory does not move into itself through a link", async (stage) => {
    const rename = stage.method("rename");
    await stage.mkdir("/directory");
    await stage.put("/directory/file", "kept");
    await stage.symlink("/link", "directory");
    await refused("rename", () => rename(path("/directory"), path("/link/new"), keep));
    await stage.holds("/directory/file", "kept");
  }),

  check("rename: the root does not move and is not replaced", async (stage) => {
    const rename = stage.method("rename");
    await stage.mkdir("/directory");
    await refused("from the root", () => rename(path("/"), path("/directory/root"), keep));
    await refused("from the root", () => rename(path("/"), path("/new"), overwrite));
    await refused("to the root", () => rename(path("/directory"), path("/"), keep));
    await refused("to the root", () => rename(path("/directory"), path("/"), overwrite));
    assert.deepEqual(await stage.names(), ["directory"]);
  }),

  check("rename: what is missing is refused", async (stage) => {
    const rename = stage.method("rename");
    await stage.put("/file", "kept");
    await refused("a missing file", () => rename(path("/none"), path("/new"), keep), ...missing);
    await refused("a missing file onto another", () => rename(path("/none"), path("/file"), overwrite), ...missing);
    await refused("to a missing directory", () => rename(path("/file"), path("/none/new"), keep), ...missing);
    await refused("to below a file", () => rename(path("/file"), path("/file/new"), keep));
    await refused("from below a file", () => rename(path("/file/none"), path("/new"), keep), ...blocked);
    await stage.holds("/file", "kept");
  }),

  check("rename: of many to one name without overwrite, one wins and nothing is lost", async (stage) => {
    const rename = stage.method("rename");
    const names = Array.from({ length: 8 }, (_, number) => `from-${number}`);
    for (const name of names) await stage.put(`/${name}`, name);
    const attempts = await Promise.allSettled(
      names.map(async (name) => {
        await rename(path(`/${name}`), path("/to"), keep);
        return name;
      }),
    );
    const winners = await winnersOf(attempts, "alreadyExists");
    assert.equal(winners.length, 1, "winners");
    await stage.holds("/to", winners[0] ?? "");
    assert.deepEqual(await stage.names(), [...names.filter((name) => name !== winners[0]), "to"]);
  }),

  check("rename: while one file takes another's place, the name is never free", async (stage) => {
    const rename = stage.method("rename");
    await stage.put("/to", "number 0");
    for (let number = 1; number <= 10; number++) {
      await stage.put("/from", `number ${number}`);
      const [, ...seen] = await Promise.all([
        rename(path("/from"), path("/to"), overwrite),
        ...Array.from({ length: 5 }, () => stage.get("/to")),
      ]);
      for (const content of seen) {
        assert.ok([`number ${number - 1}`, `number ${number}`].includes(String(content)), `saw ${String(content)}`);
      }
    }
  }),
];
