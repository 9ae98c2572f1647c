import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { faultyFileSystem, latch, packet, SftpClient, startTestServer, type TestServer } from "@sluice/testing";
import type { FileSystem } from "./filesystem.ts";
import { SSH_FXP } from "./protocol/packets.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

/** When another client has been served, whatever the first has sent has arrived. */
async function arrived(): Promise<void> {
  await (await (await running!.connect()).sftp()).realpath("/");
}

async function serve(fs: FileSystem): Promise<SftpClient> {
  running = await startTestServer({ fs });
  return (await running.connect()).sftp();
}

/** A memory file system that notes reads, writes and closes in the order in which they begin and end. */
function noting(notes: string[], files: Record<string, string> = {}): FileSystem {
  const memory = createMemoryFileSystem({ files }) as Required<FileSystem>;
  const fs: FileSystem = {
    list: (path) => memory.list(path),
    stat: (path, options) => memory.stat(path, options),
    open: async (path, flags, attributes) => {
      const handle = await memory.open(path, flags, attributes);
      return {
        read: async (buffer, position) => {
          const bytes = await handle.read(buffer, position);
          notes.push(`read ${position}`);
          return bytes;
        },
        write: async (data, position) => {
          notes.push(`write ${Buffer.from(data).toString()} begins`);
          await handle.write(data, position);
          notes.push(`write ${Buffer.from(data).toString()} ends`);
        },
        stat: () => handle.stat(),
        close: (outcome) => {
          notes.push(`close ${outcome}`);
          return handle.close(outcome);
        },
      };
    },
  };
  return fs;
}

describe("requests", () => {
  it("that are cut at any byte of the stream are answered as those that come in one piece", async () => {
    running = await startTestServer({ fs: createMemoryFileSystem({ files: { "/file": "content", "/dir/x": "" } }) });
    let connection = await running.connect();
    let sessions = 0;
    let lastId = 0x8000_0000;
    const next = (): number => (lastId += 1);

    /** A stream of requests for one open file; it leaves everything as it was. */
    const stream = (handle: Uint8Array): Buffer => {
      lastId = 0x8000_0000;
      return Buffer.concat([
        packet(SSH_FXP.WRITE, (w) => w.u32(next()).bytes(handle).u64(2).text("NTE")),
        packet(SSH_FXP.READ, (w) => w.u32(next()).bytes(handle).u64(0).u32(100)),
        packet(SSH_FXP.FSETSTAT, (w) => w.u32(next()).bytes(handle).u32(8).u32(5).u32(6)),
        packet(SSH_FXP.FSTAT, (w) => w.u32(next()).bytes(handle)),
        packet(SSH_FXP.REALPATH, (w) => w.u32(next()).text("dir/../file")),
        packet(77, (w) => w.u32(next())),
        packet(SSH_FXP.STAT, (w) => w.u32(next()).raw(Buffer.from([0, 0, 0, 9]))),
        packet(SSH_FXP.EXTENDED, (w) => w.u32(next()).text("no-such@example.com")),
        packet(SSH_FXP.LSTAT, (w) => w.u32(next()).text("/missing")),
        packet(SSH_FXP.CLOSE, (w) => w.u32(next()).bytes(handle)),
      ]);
    };
    const replies = async (pieces: (bytes: Buffer) => Buffer[]): Promise<Buffer[]> => {
      // A connection may open only so many channels in a second.
      if (++sessions % 50 === 0) {
        await connection.end();
        connection = await running!.connect();
      }
      const channel = await connection.channel();
      const client = await SftpClient.start(channel);
      const handle = await client.open("/file", { read: true, write: true });
      const answered: Promise<Buffer[]> = client.raw(Buffer.alloc(0), 10);
      for (const piece of pieces(stream(handle))) channel.write(piece);
      const all = await answered;
      await client.end();
      return all.sort((a, b) => a.readUInt32BE(1) - b.readUInt32BE(1));
    };

    const whole = await replies((bytes) => [bytes]);
    expect(whole.map((reply) => reply[0])).toEqual([101, 103, 101, 105, 104, 101, 101, 101, 101, 101]);
    expect(whole[1]!.toString()).toContain("coNTEnt");
    const length = stream(Buffer.alloc(16)).length;
    for (let cut = 1; cut < length; cut++) {
      expect(await replies((bytes) => [bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(whole);
    }
    expect(await replies((bytes) => Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(whole);
  });

  it("do not wait for a slow read of another file", async () => {
    const slow = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/a": "aaa", "/b": "bbb", "/c": "cccc" } }), [
      { at: "handle.read", nth: 1, until: slow },
    ]);
    const client = await serve(faulty.fs);
    const [a, b] = [await client.open("/a"), await client.open("/b")];
    let read = false;
    const reading = client.read(a, 0, 3).then((data) => {
      read = true;
      return data;
    });
    await slow.reached;
    expect(await client.stat("/c")).toMatchObject({ size: 4 });
    expect(Buffer.from((await client.read(b, 0, 3))!).toString()).toBe("bbb");
    expect(read).toBe(false);
    slow.release();
    expect(Buffer.from((await reading)!).toString()).toBe("aaa");
  });

  it("to read and write one file are served beside each other, and answered in the order in which they came", async () => {
    const [slow, quick] = [latch(), latch()];
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/a": "aaa", "/c": "" } }), [
      { at: "handle.read", nth: 1, until: slow },
      { at: "handle.read", nth: 2, until: quick },
      { at: "handle.read", nth: 3, rejects: new Error("a bad sector") },
    ]);
    const client = await serve(faulty.fs);
    const handle = await client.open("/a", { read: true, write: true });
    const ids = [5, 3, 9, 1].map((id) => 0x8000_0000 + id);
    const [first, second, third, fourth] = ids as [number, number, number, number];
    const answered = client.raw(
      Buffer.concat([
        packet(SSH_FXP.READ, (w) => w.u32(first).bytes(handle).u64(0).u32(1)),
        packet(SSH_FXP.READ, (w) => w.u32(second).bytes(handle).u64(1).u32(1)),
        packet(SSH_FXP.READ, (w) => w.u32(third).bytes(handle).u64(1).u32(1)),
        packet(SSH_FXP.WRITE, (w) => w.u32(fourth).bytes(handle).u64(2).text("b")),
      ]),
      4,
    );
    await Promise.all([slow.reached, quick.reached]);
    quick.release();
    await client.stat("/c");
    expect(faulty.calls("handle.write")).toBe(1);
    slow.release();
    const replies = await answered;
    expect(replies.map((reply) => reply.readUInt32BE(1))).toEqual(ids);
    expect(replies.map((reply) => reply[0])).toEqual([SSH_FXP.DATA, SSH_FXP.DATA, SSH_FXP.STATUS, SSH_FXP.STATUS]);
  });

  it("that overlap on one file keep their order, and those that do not run beside each other", async () => {
    const notes: string[] = [];
    const [slow, beside] = [latch(), latch()];
    const faulty = faultyFileSystem(noting(notes), [
      { at: "handle.write", nth: 1, until: slow },
      { at: "handle.write", nth: 2, until: beside },
    ]);
    const client = await serve(faulty.fs);
    const handle = await client.open("/file", { read: true, write: true, create: true });
    const all = Promise.all([
      client.write(handle, 0, Buffer.from("AAAA")),
      client.write(handle, 2, Buffer.from("BBBB")),
      client.read(handle, 4, 2),
      client.read(handle, 1, 1),
      client.write(handle, 100, Buffer.from("CC")),
    ]);
    await Promise.all([slow.reached, beside.reached]);
    expect(faulty.calls("handle.write")).toBe(2);
    expect(faulty.calls("handle.read")).toBe(0);
    beside.release();
    slow.release();
    const [, , second, first] = await all;
    expect(Buffer.from(second!).toString()).toBe("BB");
    expect(Buffer.from(first!).toString()).toBe("A");
    const order = (note: string): number => notes.indexOf(note);
    expect(order("write CC begins")).toBeLessThan(order("write BBBB begins"));
    expect(order("write AAAA ends")).toBeLessThan(order("write BBBB begins"));
    expect(order("write BBBB ends")).toBeLessThan(order("read 4"));
    expect(order("write AAAA ends")).toBeLessThan(order("read 1"));
    await client.close(handle);
    expect((await client.readFile("/file")).subarray(0, 6).toString()).toBe("AABBBB");
  });

  it("that append keep the order in which they came", async () => {
    const slow = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "handle.write", nth: 1, until: slow }]);
    const client = await serve(faulty.fs);
    const handle = await client.open("/log", { append: true, write: true, create: true });
    const words = ["one ", "two ", "three ", "four "];
    const all = words.map((word, i) => client.write(handle, i * 1000, Buffer.from(word)));
    await slow.reached;
    await arrived();
    expect(faulty.calls("handle.write")).toBe(1);
    slow.release();
    await Promise.all(all);
    await client.close(handle);
    expect((await client.readFile("/log")).toString()).toBe(words.join(""));
  });

  it("on the same file by two handles do not wait for each other", async () => {
    const slow = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "12345" } }), [
      { at: "handle.write", nth: 1, until: slow },
    ]);
    const client = await serve(faulty.fs);
    const [one, two] = [await client.open("/file", { write: true }), await client.open("/file", { write: true })];
    const stuck = client.write(one, 0, Buffer.from("x"));
    await slow.reached;
    await client.write(two, 0, Buffer.from("y"));
    expect(slow.waiting).toBe(1);
    slow.release();
    await stuck;
  });

  it("other than reads and writes keep the order in which they came", async () => {
    const slow = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "mkdir", nth: 1, until: slow }]);
    const client = await serve(faulty.fs);
    const all = [client.mkdir("/a"), client.mkdir("/a/b"), client.rename("/a/b", "/a/c"), client.rmdir("/a/c")];
    await slow.reached;
    await arrived();
    expect(faulty.calls("mkdir")).toBe(1);
    expect(faulty.calls("rename")).toBe(0);
    slow.release();
    await Promise.all(all);
    expect(await client.list("/a")).toEqual([]);
  });
});

describe("CLOSE", () => {
  it("waits for the reads and writes of its file, and for those of no other", async () => {
    const notes: string[] = [];
    const [slowWrite, slowRead] = [latch(), latch()];
    const faulty = faultyFileSystem(noting(notes, { "/a": "aaaa", "/b": "bbbb" }), [
      { at: "handle.write", nth: 1, until: slowWrite },
      { at: "handle.read", nth: 1, until: slowRead },
    ]);
    const client = await serve(faulty.fs);
    const [a, b] = [await client.open("/a", { read: true, write: true }), await client.open("/b")];
    const all = [client.write(a, 0, Buffer.from("x")), client.read(a, 2, 1)];
    await Promise.all([slowWrite.reached, slowRead.reached]);
    const closed = client.close(a);
    await client.read(b, 0, 1);
    expect(notes).toEqual(["read 0"]);
    slowWrite.release();
    await all[0];
    expect(faulty.calls("handle.close")).toBe(0);
    slowRead.release();
    await closed;
    expect(notes.at(-1)).toBe("close completed");
    await Promise.all(all);
    expect(faulty.violations).toEqual([]);
  });

  it("comes after writes that were sent just before it, though none was answered yet", async () => {
    const notes: string[] = [];
    const client = await serve(noting(notes));
    const handle = await client.open("/file", { write: true, create: true });
    await Promise.all([
      ...["a", "b", "c"].map((letter, i) => client.write(handle, i, Buffer.from(letter))),
      client.close(handle),
    ]);
    expect(notes.filter((note) => !note.endsWith("begins"))).toEqual([
      "write a ends",
      "write b ends",
      "write c ends",
      "close completed",
    ]);
    expect((await client.readFile("/file")).toString()).toBe("abc");
  });
});

describe("FSTAT", () => {
  it("comes after the writes that were sent before it", async () => {
    const slow = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem(), [{ at: "handle.write", nth: 1, until: slow }]);
    const client = await serve(faulty.fs);
    const handle = await client.open("/file", { write: true, create: true });
    const writing = client.write(handle, 0, Buffer.from("12345"));
    const asked = client.fstat(handle);
    await slow.reached;
    await arrived();
    expect(faulty.calls("handle.stat")).toBe(0);
    slow.release();
    expect(await asked).toMatchObject({ size: 5 });
    await writing;
  });
});
