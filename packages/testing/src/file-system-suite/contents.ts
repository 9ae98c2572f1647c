import assert from "node:assert/strict";
import { check, type Case } from "./case.ts";
import { contentOf, pattern, random, sameBytes, upload, type Stage } from "./stage.ts";
import { isRefused } from "./refusal.ts";
import type { FileHandle } from "@sluice/core";

const blockBytes = 1024;

/** Reads exactly what is asked for, as one call. */
async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length, 0xee);
  return buffer.subarray(0, await handle.read(buffer, position));
}

/** A file with `content`, open for reading and writing in place. */
async function edit(stage: Stage, content: string | Uint8Array): Promise<FileHandle> {
  await stage.put("/file", content);
  return stage.open("/file", ["read", "write"]);
}

/** What `read` and `write` do with bytes and positions. */
export const contents: readonly Case[] = [
  check("read: an empty file is at its end", async (stage) => {
    await stage.put("/file", "");
    const handle = await stage.open("/file", ["read"]);
    assert.equal(await handle.read(Buffer.alloc(10), 0), 0);
  }),

  check("read: at the end and beyond it there are 0 bytes", async (stage) => {
    await stage.put("/file", "12345");
    const handle = await stage.open("/file", ["read"]);
    for (const position of [5, 6, 100_000, 2 ** 32, 2 ** 40]) {
      assert.equal(await handle.read(Buffer.alloc(10), position), 0, `at ${position}`);
    }
  }),

  check("read: across the end it is short, before it is not", async (stage) => {
    const content = pattern(1_000_000);
    await stage.put("/file", content);
    const handle = await stage.open("/file", ["read"]);
    for (const [position, length] of [
      [0, 1],
      [1, 65_536],
      [65_535, 65_538],
      [700_000, 300_000],
      [700_001, 300_000],
      [999_999, 10],
      [0, 2_000_000],
    ] as const) {
      const expected = content.subarray(position, position + length);
      sameBytes(await readAt(handle, position, length), expected, `${length} bytes at ${position}`);
    }
  }),

  check("read: nothing outside the buffer is touched", async (stage) => {
    await stage.put("/file", "abcdefgh");
    const handle = await stage.open("/file", ["read"]);
    const around = Buffer.from("..........");
    assert.equal(await handle.read(around.subarray(3, 6), 2), 3);
    assert.equal(around.toString(), "...cde....");
  }),

  check("write: blocks in any order make the file", async (stage) => {
    const content = pattern(20 * blockBytes + 7);
    const handle = await stage.open("/file", upload);
    for (const block of [20, 3, 0, 19, 7, 1, 2, 18, 4, 5, 6, 17, 8, 16, 9, 15, 10, 14, 11, 13, 12]) {
      await handle.write(content.subarray(block * blockBytes, (block + 1) * blockBytes), block * blockBytes);
    }
    await stage.close(handle);
    await stage.holds("/file", content);
  }),

  check("write: a large block is written whole", async (stage) => {
    const content = pattern(3_000_001);
    await stage.put("/file", content);
    await stage.holds("/file", content);
    assert.equal((await stage.stat("/file")).size, content.length);
  }),

  check("write: in the middle of a file the rest stays", async (stage) => {
    const handle = await edit(stage, "0123456789");
    await handle.write(Buffer.from("abc"), 4);
    await stage.close(handle);
    await stage.holds("/file", "0123abc789");
  }),

  check("write: what is left out reads as zeros", async (stage) => {
    const handle = await edit(stage, "start");
    await handle.write(Buffer.from("end"), 200_000);
    sameBytes(await readAt(handle, 5, 199_995), Buffer.alloc(199_995), "the hole");
    sameBytes(await readAt(handle, 199_998, 10), Buffer.from("\0\0end"), "the end of the hole");
    await stage.close(handle);
    const content = await stage.get("/file");
    sameBytes(content, Buffer.concat([Buffer.from("start"), Buffer.alloc(199_995), Buffer.from("end")]), "content");
  }),

  check("write: positions and sizes over 2^32 are exact", async (stage) => {
    const far = 5 * 2 ** 30 + 123;
    const handle = await stage.open("/file", ["read", ...upload]);
    await handle.write(Buffer.from("near"), 0);
    await handle.write(Buffer.from("far"), far);
    assert.equal((await handle.stat()).size, far + 3, "size of the open file");
    sameBytes(await readAt(handle, far - 2, 10), Buffer.from("\0\0far"), "the far end");
    sameBytes(await readAt(handle, 0, 6), Buffer.from("near\0\0"), "the near end");
    sameBytes(await readAt(handle, far - 2 ** 32, 4), Buffer.alloc(4), "the position modulo 2^32");
    await stage.close(handle);
    assert.equal((await stage.stat("/file")).size, far + 3, "size of the closed file");
  }),

  check("write: across 2^31 and 2^32 no byte goes astray", async (stage) => {
    const handle = await stage.open("/file", ["read", ...upload]);
    for (const edge of [2 ** 31, 2 ** 32]) {
      const data = Buffer.from(`${edge - 5}, ${edge}, ${edge + 5}`);
      await handle.write(data, edge - 5);
      sameBytes(await readAt(handle, edge - 7, data.length + 4), Buffer.concat([Buffer.alloc(2), data]), `at ${edge}`);
      assert.equal((await handle.stat()).size, edge - 5 + data.length);
    }
    sameBytes(await readAt(handle, 0, 100), Buffer.alloc(100), "the beginning");
    await stage.close(handle);
    assert.equal((await stage.stat("/file")).size, 2 ** 32 - 5 + "4294967291, 4294967296, 4294967301".length);
  }),

  check("write: just below 2^53 it is exact or refused, and never lands elsewhere", async (stage) => {
    const last = Number.MAX_SAFE_INTEGER - 1;
    const handle = await edit(stage, "near");
    assert.equal(await handle.read(Buffer.alloc(10), last), 0, "a read beyond the end");
    const wasRefused = await isRefused("write", () => handle.write(Buffer.from("!"), last));
    assert.equal((await handle.stat()).size, wasRefused ? 4 : last + 1);
    sameBytes(await readAt(handle, last, 1), Buffer.from(wasRefused ? "" : "!"), "the far end");
    sameBytes(await readAt(handle, 0, 5), Buffer.from(wasRefused ? "near" : "near\0"), "the near end");
    // A file that lacks a byte that was sent may be refused as a whole, but only then.
    const closeRefused = await isRefused("close", () => stage.close(handle));
    if (closeRefused) assert.ok(wasRefused, "the close was refused, but no write");
    assert.equal((await stage.stat("/file")).size, wasRefused ? 4 : last + 1);
  }),

  check("write: no bytes change nothing, wherever", async (stage) => {
    const handle = await edit(stage, "content");
    await handle.write(Buffer.alloc(0), 3);
    await handle.write(Buffer.alloc(0), 1_000);
    await stage.close(handle);
    await stage.holds("/file", "content");
  }),

  check("write: the data is the caller's again once it is written", async (stage) => {
    const handle = await stage.open("/file", upload);
    const data = Buffer.alloc(100_000, "a");
    await handle.write(data, 0);
    data.fill("b");
    await handle.write(data.subarray(0, 10), 100_000);
    data.fill("c");
    await stage.close(handle);
    await stage.holds("/file", "a".repeat(100_000) + "b".repeat(10));
  }),

  check("write: with append it goes to the end, whatever the position", async (stage) => {
    await stage.put("/file", "one,");
    const handle = await stage.open("/file", ["write", "append"]);
    await handle.write(Buffer.from("two,"), 0);
    await handle.write(Buffer.from("three"), 1_000_000);
    await stage.close(handle);
    await stage.holds("/file", "one,two,three");
  }),

  check("write: appends at once do not overwrite each other", async (stage) => {
    await stage.put("/log", "");
    const [one, two] = [await stage.open("/log", ["write", "append"]), await stage.open("/log", ["write", "append"])];
    const lines = Array.from({ length: 40 }, (_, number) => `line ${number} `.padEnd(99, "-") + "\n");
    await Promise.all(lines.map((line, number) => (number % 2 === 0 ? one : two).write(Buffer.from(line), 0)));
    await stage.close(one);
    await stage.close(two);
    const found = (await stage.get("/log")).toString().split(/(?<=\n)/);
    assert.deepEqual(found.sort(), lines.sort());
  }),

  check("write: blocks written at once all arrive", async (stage) => {
    const content = pattern(200 * blockBytes);
    const handle = await stage.open("/file", upload);
    const order = Array.from({ length: 200 }, (_, block) => (block * 77) % 200);
    await Promise.all(
      order.map((block) =>
        handle.write(content.subarray(block * blockBytes, (block + 1) * blockBytes), block * blockBytes),
      ),
    );
    await stage.close(handle);
    await stage.holds("/file", content);
  }),

  check("write: many writers through two handles to one file all arrive", async (stage) => {
    const content = pattern(200 * blockBytes);
    await stage.put("/file", Buffer.alloc(content.length));
    const [one, two] = [await stage.open("/file", ["write"]), await stage.open("/file", ["read", "write"])];
    await Promise.all(
      Array.from({ length: 200 }, (_, number) => {
        const from = ((number * 77) % 200) * blockBytes;
        return (number % 2 === 0 ? one : two).write(content.subarray(from, from + blockBytes), from);
      }),
    );
    await stage.close(one);
    await stage.close(two);
    await stage.holds("/file", content);
  }),

  check("write: of overlapping writes at once, every byte is from one of them", async (stage) => {
    const handle = await stage.open("/file", upload);
    await Promise.all([
      handle.write(Buffer.alloc(100_000, "a"), 0),
      handle.write(Buffer.alloc(100_000, "b"), 50_000),
      handle.write(Buffer.alloc(100_000, "c"), 100_000),
    ]);
    await stage.close(handle);
    const content = (await stage.get("/file")).toString();
    assert.equal(content.length, 200_000);
    assert.match(content, /^a{50000}[ab]{50000}[bc]{50000}c{50000}$/);
  }),

  check("read: while others write, it sees old bytes or new ones", async (stage) => {
    const handle = await edit(stage, Buffer.alloc(200_000, "a"));
    const writes = Array.from({ length: 20 }, (_, block) => handle.write(Buffer.alloc(10_000, "b"), block * 10_000));
    const reads = Array.from({ length: 20 }, (_, block) => readAt(handle, block * 9_000, 20_000));
    for (const part of await Promise.all(reads)) {
      assert.equal(part.length, 20_000);
      assert.match(part.toString(), /^[ab]+$/);
    }
    await Promise.all(writes);
    await stage.close(handle);
    await stage.holds("/file", "b".repeat(200_000));
  }),

  check("read: an upload that is open for reading reads what it wrote", async (stage) => {
    const handle = await stage.open("/file", ["read", ...upload]);
    await handle.write(Buffer.from("hello"), 0);
    sameBytes(await contentOf(handle), Buffer.from("hello"), "before the close");
    assert.equal((await handle.stat()).size, 5);
    await handle.write(Buffer.from("y, again"), 4);
    sameBytes(await contentOf(handle), Buffer.from("helly, again"), "after another write");
  }),

  check("read and write: a file behaves as a row of bytes", async (stage) => {
    const handle = await stage.open("/file", ["read", ...upload]);
    const next = random(7);
    let model = Buffer.alloc(0);
    for (let step = 0; step < 300; step++) {
      const position = next() % 150_000;
      const length = next() % 70_000;
      const choice = next() % 8;
      if (choice === 0 && handle.setAttributes !== undefined) {
        await handle.setAttributes({ size: position });
        model = Buffer.concat([model.subarray(0, position), Buffer.alloc(Math.max(0, position - model.length))]);
      } else if (choice < 5) {
        const data = pattern(length, step + 1);
        await handle.write(data, position);
        const size = length === 0 ? model.length : Math.max(model.length, position + length);
        model = Buffer.concat([model, Buffer.alloc(size - model.length)]);
        data.copy(model, position);
      } else {
        const expected = model.subarray(position, position + length);
        sameBytes(await readAt(handle, position, length), expected, `step ${step}`);
      }
    }
    await stage.close(handle);
    await stage.holds("/file", model);
  }),
];
