import assert from "node:assert/strict";
import { sftpPath as path, type FileHandle } from "@sluice/core";
import { check, type Case } from "./case.ts";
import { contentOf, pattern, sameBytes, upload, type Stage } from "./stage.ts";
import { isRefused } from "./refusal.ts";

const half = 70_000;

/** Begins an upload of `letter`s and leaves it open. */
async function begin(stage: Stage, path: string, letter: string): Promise<FileHandle> {
  const handle = await stage.open(path, upload);
  await handle.write(Buffer.alloc(half, letter), 0);
  return handle;
}

/** Writes the second half and closes. */
async function finish(stage: Stage, handle: FileHandle, letter: string): Promise<void> {
  await handle.write(Buffer.alloc(half, letter), half);
  await stage.close(handle);
}

function whole(letter: string): string {
  return letter.repeat(2 * half);
}

/** What becomes of an upload, and of those who look on. */
export const uploads: readonly Case[] = [
  check("close: a completed upload of a new file shows its content", async (stage) => {
    const handle = await begin(stage, "/file", "n");
    await finish(stage, handle, "n");
    await stage.holds("/file", whole("n"));
    assert.deepEqual(await stage.names(), ["file"]);
  }),

  check("close: an aborted upload of a new file leaves nothing", async (stage) => {
    const handle = await begin(stage, "/file", "n");
    await stage.close(handle, "aborted");
    assert.equal(await stage.exists("/file"), false);
    assert.deepEqual(await stage.names(), []);
  }),

  check("close: an upload that is refused leaves nothing, and over a file the old content", async (stage) => {
    await stage.put("/existing", "old");
    for (const name of ["/new", "/existing"]) await stage.close(await begin(stage, name, "r"), "refused");
    assert.deepEqual(await stage.names(), ["existing"]);
    await stage.holds("/existing", "old");
  }),

  check("close: an aborted upload that wrote nothing leaves nothing", async (stage) => {
    await stage.close(await stage.open("/new", ["write", "create"]), "aborted");
    await stage.close(await stage.open("/exclusive", [...upload, "exclusive"]), "aborted");
    assert.deepEqual(await stage.names(), []);
  }),

  check("close: after an aborted upload the name is free", async (stage) => {
    await stage.close(await stage.open("/file", [...upload, "exclusive"]), "aborted");
    const handle = await stage.open("/file", [...upload, "exclusive"]);
    await handle.write(Buffer.from("second"), 0);
    await stage.close(handle);
    await stage.holds("/file", "second");
  }),

  check("close: an aborted upload over a file keeps the old content", async (stage) => {
    await stage.put("/file", "old");
    const handle = await begin(stage, "/file", "n");
    await stage.close(handle, "aborted");
    await stage.holds("/file", "old");
    assert.deepEqual(await stage.names(), ["file"]);
  }),

  check("close: until it is completed, others see the old content and no other names", async (stage) => {
    await stage.put("/file", "old");
    const handle = await begin(stage, "/file", "n");
    await stage.holds("/file", "old");
    assert.equal((await stage.stat("/file")).size, 3);
    assert.deepEqual(await stage.names(), ["file"]);
    await finish(stage, handle, "n");
    await stage.holds("/file", whole("n"));
    assert.deepEqual(await stage.names(), ["file"]);
  }),

  check("close: an upload that is shorter leaves nothing of the old content", async (stage) => {
    await stage.put("/file", pattern(200_000));
    await stage.put("/file", "short");
    await stage.holds("/file", "short");
    await stage.put("/file", "");
    await stage.holds("/file", "");
  }),

  check("close: without truncate, writes go into the existing file", async (stage) => {
    await stage.put("/file", "0123456789");
    const handle = await stage.open("/file", ["write", "create"]);
    await handle.write(Buffer.from("resumed"), 8);
    await stage.close(handle);
    await stage.holds("/file", "01234567resumed");
  }),

  check("close: an upload in a directory that moves meanwhile ends there whole, or is refused", async (stage) => {
    const rename = stage.method("rename");
    await stage.mkdir("/before");
    await stage.put("/before/file", "old content");
    const [over, beside] = [await stage.open("/before/file", upload), await stage.open("/before/new", upload)];
    for (const handle of [over, beside]) await handle.write(Buffer.from("new content"), 0);
    await rename(path("/before"), path("/after"), { overwrite: false });
    const overRefused = await isRefused("close", () => stage.close(over));
    const besideRefused = await isRefused("close", () => stage.close(beside));
    assert.deepEqual(await stage.names(), ["after"], "the old name stays free");
    await stage.holds("/after/file", overRefused ? "old content" : "new content");
    if (besideRefused) assert.deepEqual(await stage.names("/after"), ["file"]);
    else await stage.holds("/after/new", "new content");
  }),

  check("close: hundreds of aborted uploads and downloads leave nothing open and no names", async (stage) => {
    await stage.put("/file", "old");
    for (let number = 0; number < 300; number++) {
      await stage.close(await stage.open(`/new-${number}`, [...upload, "exclusive"]), "aborted");
      await stage.close(await begin(stage, "/file", "n"), "aborted");
      await stage.close(await stage.open("/file", ["read"]), "aborted");
    }
    assert.deepEqual(await stage.names(), ["file"]);
    await stage.holds("/file", "old");
  }),

  check("close: a file opened to read is as it was, however it is closed", async (stage) => {
    await stage.put("/file", "old");
    await stage.close(await stage.open("/file", ["read"]), "aborted");
    await stage.close(await stage.open("/file", ["read"]), "completed");
    await stage.holds("/file", "old");
  }),

  check("close: of two uploads to a new name, the last completed one wins", async (stage) => {
    for (const last of ["a", "b"]) {
      const handles = new Map([
        ["a", await begin(stage, `/file-${last}`, "a")],
        ["b", await begin(stage, `/file-${last}`, "b")],
      ]);
      for (const letter of last === "a" ? ["b", "a"] : ["a", "b"]) {
        const handle = handles.get(letter);
        if (handle !== undefined) await finish(stage, handle, letter);
        await stage.holds(`/file-${last}`, whole(letter), `after ${letter} was completed`);
      }
    }
  }),

  check("close: of two uploads over a file, the last completed one wins", async (stage) => {
    await stage.put("/file", "old");
    const first = await begin(stage, "/file", "a");
    const second = await begin(stage, "/file", "b");
    await finish(stage, second, "b");
    await stage.holds("/file", whole("b"));
    await finish(stage, first, "a");
    await stage.holds("/file", whole("a"));
    assert.deepEqual(await stage.names(), ["file"]);
  }),

  check("close: an aborted upload does not disturb another one to the same name", async (stage) => {
    const first = await begin(stage, "/file", "a");
    const second = await begin(stage, "/file", "b");
    await stage.close(first, "aborted");
    await finish(stage, second, "b");
    await stage.holds("/file", whole("b"));
    const third = await begin(stage, "/file", "c");
    const fourth = await begin(stage, "/file", "d");
    await finish(stage, fourth, "d");
    await stage.close(third, "aborted");
    await stage.holds("/file", whole("d"));
  }),

  check("close: uploads closed at once leave one of them, never a mixture", async (stage) => {
    const letters = ["a", "b", "c", "d", "e", "f"];
    const begun: [FileHandle, string][] = [];
    for (const letter of letters) begun.push([await begin(stage, "/file", letter), letter]);
    // The other way round, so that in a file shared by all of them the halves would differ.
    await Promise.all(begun.reverse().map(([handle, letter]) => finish(stage, handle, letter)));
    const content = (await stage.get("/file")).toString();
    assert.ok(
      letters.some((letter) => content === whole(letter)),
      `a mixture of ${[...new Set(content)].join("")}`,
    );
    assert.deepEqual(await stage.names(), ["file"]);
  }),

  check("read: who opened the old file reads it to its end", async (stage) => {
    await stage.put("/file", whole("o"));
    const reader = await stage.open("/file", ["read"]);
    assert.equal(await reader.read(Buffer.alloc(half), 0), half);
    await stage.put("/file", "new");
    sameBytes(await contentOf(reader), Buffer.from(whole("o")), "the old file");
    await stage.holds("/file", "new");
  }),

  check("remove: a file that is open for reading is read to its end", async (stage) => {
    await stage.put("/file", whole("o"));
    const reader = await stage.open("/file", ["read"]);
    await stage.method("remove")(path("/file"));
    assert.equal(await stage.exists("/file"), false);
    sameBytes(await contentOf(reader), Buffer.from(whole("o")), "the removed file");
    assert.equal((await reader.stat()).size, 2 * half);
  }),

  check("remove: a file that is open for writing does not trip its writer", async (stage) => {
    await stage.put("/file", "old");
    const writer = await stage.open("/file", ["read", "write"]);
    await stage.method("remove")(path("/file"));
    await writer.write(Buffer.from("new"), 0);
    sameBytes(await contentOf(writer), Buffer.from("new"), "the removed file");
    await stage.close(writer);
    assert.equal(await stage.exists("/file"), false, "writing in place does not bring the name back");
  }),

  check("remove: an upload whose target is removed ends in the new content or in nothing", async (stage) => {
    await stage.put("/file", "old");
    const writer = await begin(stage, "/file", "n");
    await stage.method("remove")(path("/file"));
    const wasRefused = await isRefused("close", () => finish(stage, writer, "n"));
    if (!wasRefused && (await stage.exists("/file"))) await stage.holds("/file", whole("n"));
    else assert.deepEqual(await stage.names(), []);
  }),

  check("rename: an open file follows its name", async (stage) => {
    await stage.put("/old", "content");
    const writer = await stage.open("/old", ["read", "write"]);
    await stage.method("rename")(path("/old"), path("/new"), { overwrite: false });
    await writer.write(Buffer.from("CON"), 0);
    await stage.close(writer);
    await stage.holds("/new", "CONtent");
    assert.deepEqual(await stage.names(), ["new"]);
  }),
];
