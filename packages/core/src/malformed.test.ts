import { afterEach, describe, expect, it } from "vitest";
import type { Duplex } from "node:stream";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  faultyFileSystem,
  latch,
  packet,
  startTestServer,
  type SftpClient,
  type TestConnection,
  type TestServer,
} from "@sluice/testing";
import { maxPacketBytes, SSH_FXP } from "./protocol/packets.ts";
import { Writer } from "./protocol/writer.ts";

const status = { noSuchFile: 2, failure: 4, badMessage: 5, unsupported: 8 };

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function login(): Promise<TestConnection> {
  running = await startTestServer({ fs: createMemoryFileSystem({ files: { "/file": "content" } }) });
  return running.connect();
}

async function start(): Promise<SftpClient> {
  return (await login()).sftp();
}

/** Resolves to what a channel is told when it ends: all bytes, and the exit status. */
function fate(channel: Duplex): Promise<{ readonly bytes: Buffer; readonly exit: unknown }> {
  const pieces: Buffer[] = [];
  let exit: unknown;
  channel.on("data", (piece: Buffer) => pieces.push(piece));
  channel.on("exit", (code: unknown) => (exit = code));
  return new Promise((resolve) => channel.once("close", () => resolve({ bytes: Buffer.concat(pieces), exit })));
}

const init = packet(SSH_FXP.INIT, (writer) => writer.u32(3));
const u32 = (value: number): Buffer => new Writer(4).u32(value).finish();
const id = 0x8000_0007;

/** One whole request of each type, with handles that lead nowhere. */
const handle = Buffer.alloc(16, 1);
const requests: Record<string, Buffer> = {
  OPEN: packet(SSH_FXP.OPEN, (w) => w.u32(id).text("/file").u32(1).u32(0)),
  CLOSE: packet(SSH_FXP.CLOSE, (w) => w.u32(id).bytes(handle)),
  READ: packet(SSH_FXP.READ, (w) => w.u32(id).bytes(handle).u64(0).u32(10)),
  WRITE: packet(SSH_FXP.WRITE, (w) => w.u32(id).bytes(handle).u64(0).text("data")),
  LSTAT: packet(SSH_FXP.LSTAT, (w) => w.u32(id).text("/file")),
  FSTAT: packet(SSH_FXP.FSTAT, (w) => w.u32(id).bytes(handle)),
  SETSTAT: packet(SSH_FXP.SETSTAT, (w) => w.u32(id).text("/file").u32(0xd).u64(5).u32(0o600).u32(1).u32(2)),
  FSETSTAT: packet(SSH_FXP.FSETSTAT, (w) => w.u32(id).bytes(handle).u32(2).u32(1).u32(2)),
  OPENDIR: packet(SSH_FXP.OPENDIR, (w) => w.u32(id).text("/")),
  READDIR: packet(SSH_FXP.READDIR, (w) => w.u32(id).bytes(handle)),
  REMOVE: packet(SSH_FXP.REMOVE, (w) => w.u32(id).text("/no")),
  MKDIR: packet(SSH_FXP.MKDIR, (w) => w.u32(id).text("/d").u32(4).u32(0o700)),
  RMDIR: packet(SSH_FXP.RMDIR, (w) => w.u32(id).text("/no")),
  REALPATH: packet(SSH_FXP.REALPATH, (w) => w.u32(id).text(".")),
  STAT: packet(SSH_FXP.STAT, (w) => w.u32(id).text("/file")),
  RENAME: packet(SSH_FXP.RENAME, (w) => w.u32(id).text("/no").text("/other")),
  READLINK: packet(SSH_FXP.READLINK, (w) => w.u32(id).text("/no")),
  SYMLINK: packet(SSH_FXP.SYMLINK, (w) => w.u32(id).text("/a").text("/b")),
  EXTENDED: packet(SSH_FXP.EXTENDED, (w) => w.u32(id).text("hardlink@openssh.com").text("/no").text("/b")),
};
/** Bytes of type and id. */
const headBytes = 5;

describe("a request that is cut short", () => {
  it.each(Object.entries(requests))("as %s is answered BAD_MESSAGE wherever it ends", async (_name, whole) => {
    const client = await start();
    const body = whole.subarray(4);
    for (let length = headBytes; length < body.length; length++) {
      const [reply] = await client.raw(Buffer.concat([u32(length), body.subarray(0, length)]));
      expect(reply![0]).toBe(SSH_FXP.STATUS);
      expect(reply!.readUInt32BE(1)).toBe(id);
      expect(reply!.readUInt32BE(5), `after ${length} bytes`).toBe(status.badMessage);
    }
    expect(await client.readFile("/file")).toHaveLength(7);
  });

  it.each(Object.entries(requests))(
    "as %s is answered BAD_MESSAGE where a length in it is too long",
    async (_name, whole) => {
      const client = await start();
      for (const length of [0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
        const broken = Buffer.from(whole);
        broken.writeUInt32BE(length, 4 + headBytes);
        const [reply] = await client.raw(broken);
        expect(reply!.readUInt32BE(1)).toBe(id);
        expect(reply!.readUInt32BE(5)).toBe(status.badMessage);
      }
    },
  );

  it("in the middle of its id ends the session", async () => {
    for (const length of [1, 2, 3, 4]) {
      const client = await start();
      const stat = requests["STAT"]!.subarray(4, 4 + length);
      await expect(client.raw(Buffer.concat([u32(length), stat]))).rejects.toThrow(/ended|closed/);
      await running!.close();
    }
  });
});

describe("a request that is odd", () => {
  it("because of bytes behind its last field is served: some clients send such", async () => {
    const client = await start();
    const stat = packet(SSH_FXP.STAT, (w) => w.u32(id).text("/file").raw(Buffer.alloc(100, 0xee)));
    expect((await client.raw(stat))[0]![0]).toBe(SSH_FXP.ATTRS);
  });

  it("because nobody knows its type is answered OP_UNSUPPORTED, and the session goes on", async () => {
    const client = await start();
    for (const type of [0, 2, 21, 22, 23, 99, 101, 105, 201, 255]) {
      const [reply] = await client.raw(packet(type, (w) => w.u32(id).raw(Buffer.alloc(20))));
      expect(reply!.readUInt32BE(1)).toBe(id);
      expect(reply!.readUInt32BE(5), `type ${type}`).toBe(status.unsupported);
    }
    expect(await client.stat("/file")).toMatchObject({ size: 7 });
  });

  it("because it names more extended attributes than it holds is answered BAD_MESSAGE", async () => {
    const client = await start();
    const setstat = packet(SSH_FXP.SETSTAT, (w) =>
      w.u32(id).text("/file").u32(0x8000_0000).u32(0xffff_ffff).text("a").text("b"),
    );
    expect((await client.raw(setstat))[0]!.readUInt32BE(5)).toBe(status.badMessage);
  });

  it("because of a size over 2^53 - 1 is refused, and nothing is rounded", async () => {
    const client = await start();
    for (const high of [0x20_0000, 0x7fff_ffff, 0xffff_ffff]) {
      const setstat = packet(SSH_FXP.SETSTAT, (w) => w.u32(id).text("/file").u32(1).u32(high).u32(1));
      expect((await client.raw(setstat))[0]!.readUInt32BE(5)).toBe(status.failure);
    }
    expect(await client.stat("/file")).toMatchObject({ size: 7 });
  });

  it("because its id is in use already is answered all the same, once each", async () => {
    const client = await start();
    const stat = requests["STAT"]!;
    const replies = await client.raw(Buffer.concat([stat, stat, stat]), 3);
    for (const reply of replies) expect([reply[0], reply.readUInt32BE(1)]).toEqual([SSH_FXP.ATTRS, id]);
  });

  it("because its attributes carry names such as __proto__ harms nothing", async () => {
    const client = await start();
    const setstat = packet(SSH_FXP.SETSTAT, (w) =>
      w.u32(id).text("/file").u32(0x8000_0000).u32(2).text("__proto__").text("x").text("toString").text("y"),
    );
    expect((await client.raw(setstat))[0]!.readUInt32BE(5)).toBe(0);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(await client.stat("/file")).toMatchObject({ size: 7 });
  });
});

describe("a packet whose length is", () => {
  it.each([
    ["0", 0],
    ["one more than the limit", maxPacketBytes + 1],
    ["2^31 - 1", 0x7fff_ffff],
    ["2^31", 0x8000_0000],
    ["2^32 - 1", 0xffff_ffff],
  ])("%s ends the session, and no other", async (_name, length) => {
    const connection = await login();
    const [client, other] = [await connection.sftp(), await connection.sftp()];
    await expect(client.raw(Buffer.concat([u32(length), Buffer.alloc(64)]))).rejects.toThrow(/ended|closed/);
    expect(await other.stat("/file")).toMatchObject({ size: 7 });
    const malformed = ({ message }: { message: string }): boolean => message === "The client sent a malformed packet";
    expect((await running!.log.waitFor(malformed)).level).toBe("warn");
  });

  it("the largest allowed is taken", async () => {
    const client = await start();
    const padding = maxPacketBytes - headBytes - 4 - "/file".length;
    const stat = packet(SSH_FXP.STAT, (w) => w.u32(id).text("/file").raw(Buffer.alloc(padding)));
    expect(stat.length).toBe(maxPacketBytes + 4);
    expect((await client.raw(stat))[0]![0]).toBe(SSH_FXP.ATTRS);
  });
});

describe("INIT", () => {
  it("is answered VERSION 3 whatever version from 3 on the client names", async () => {
    const connection = await login();
    for (const version of [3, 4, 6, 0xffff_ffff]) {
      const channel = await connection.channel();
      const answered = new Promise<Buffer>((resolve) => channel.once("data", resolve));
      channel.write(packet(SSH_FXP.INIT, (w) => w.u32(version).text("__proto__").text("1")));
      const reply = await answered;
      expect(reply[4]).toBe(SSH_FXP.VERSION);
      expect(reply.readUInt32BE(5)).toBe(3);
      channel.destroy();
    }
  });

  it("that comes twice ends the session", async () => {
    const client = await start();
    await expect(client.raw(init)).rejects.toThrow(/ended|closed/);
  });

  it("that comes twice in one piece ends the session", async () => {
    const channel = await (await login()).channel();
    const ended = fate(channel);
    channel.write(Buffer.concat([init, init]));
    expect((await ended).exit).toBe(1);
  });

  it("that has no version ends the session without a reply", async () => {
    const channel = await (await login()).channel();
    const ended = fate(channel);
    channel.write(packet(SSH_FXP.INIT));
    expect(await ended).toEqual({ bytes: Buffer.alloc(0), exit: 1 });
  });

  it("that is missing ends the session without a reply", async () => {
    const channel = await (await login()).channel();
    const ended = fate(channel);
    channel.write(requests["STAT"]);
    expect(await ended).toEqual({ bytes: Buffer.alloc(0), exit: 1 });
  });

  it("may have requests close behind it", async () => {
    const channel = await (await login()).channel();
    const ended = fate(channel);
    channel.end(Buffer.concat([init, requests["STAT"]!, requests["REALPATH"]!]));
    const { bytes, exit } = await ended;
    const types: number[] = [];
    for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32BE(at)) types.push(bytes[at + 4]!);
    expect(types).toEqual([SSH_FXP.VERSION, SSH_FXP.ATTRS, SSH_FXP.NAME]);
    expect(exit).toBe(0);
  });
});

describe("a channel", () => {
  it("that the client ends in order is ended with exit status 0, and whose packets are malformed with 1", async () => {
    const connection = await login();
    const orderly = await connection.channel();
    const [well, ill] = [
      fate(orderly),
      connection.channel().then((channel) => {
        const ended = fate(channel);
        channel.write(Buffer.concat([init, u32(0)]));
        return ended;
      }),
    ];
    orderly.end(init);
    expect((await well).exit).toBe(0);
    expect((await ill).exit).toBe(1);
  });

  it("that the client ends is ended when its last request has been answered", async () => {
    const gate = latch();
    const faulty = faultyFileSystem(createMemoryFileSystem({ files: { "/file": "" } }), [{ at: "stat", until: gate }]);
    running = await startTestServer({ fs: faulty.fs });
    const connection = await running.connect();
    const channel = await connection.channel();
    const ended = fate(channel);
    channel.end(Buffer.concat([init, requests["STAT"]!]));
    await gate.reached;
    await (await connection.sftp()).realpath("/");
    gate.release();
    const { bytes, exit } = await ended;
    expect(bytes.at(4 + bytes.readUInt32BE(0) + 4)).toBe(SSH_FXP.ATTRS);
    expect(exit).toBe(0);
  });

  it("that ends in the middle of a packet is ended", async () => {
    const channel = await (await login()).channel();
    const ended = fate(channel);
    channel.end(Buffer.concat([init, requests["STAT"]!.subarray(0, 7)]));
    await ended;
    expect(running!.server.connections.size).toBe(1);
  });

  it("that ends before anything was sent is ended", async () => {
    const channel = await (await login()).channel();
    const ended = fate(channel);
    channel.end();
    expect((await ended).bytes).toHaveLength(0);
  });
});
