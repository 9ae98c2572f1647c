import { afterEach, describe, expect, it } from "vitest";
import { FrameReader, maxPacketBytes, Reader, SSH_FX, SSH_FXP, type Writer } from "@sluice/core/protocol";
import { memorySockets, type MemorySocket } from "@sluice/core/ssh-client";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { packet, SftpClient, startTestServer, StatusError, type SftpClientOptions, type TestServer } from "./index.ts";

let running: TestServer | undefined;
afterEach(async () => running?.close());

async function served(options?: SftpClientOptions): Promise<SftpClient> {
  running = await startTestServer({ fs: createMemoryFileSystem() });
  return (await running.connect()).sftp(options);
}

/** A request as a server sees it: type, id, and its fields. */
interface Seen {
  readonly type: number;
  readonly id: number;
  readonly fields: Reader;
}

/** A client whose server is played by the test: `take` is called for each request, `send` answers. */
async function played(
  take: (request: Seen, send: (type: number, id: number, write?: (writer: Writer) => void) => void) => void,
  options: SftpClientOptions = {},
): Promise<{ readonly client: SftpClient; readonly server: MemorySocket }> {
  const { client, server } = memorySockets();
  server.on("error", () => undefined);
  const frames = new FrameReader(maxPacketBytes);
  const send = (type: number, id: number, write: (writer: Writer) => void = () => {}): void => {
    if (!server.destroyed) server.write(packet(type, (writer) => write(writer.u32(id))));
  };
  server.on("data", (piece: Buffer) => {
    frames.push(piece);
    for (let next = frames.next(); next !== undefined; next = frames.next()) {
      const fields = new Reader(next);
      const type = fields.u8();
      if (type === SSH_FXP.INIT) send(SSH_FXP.VERSION, 3);
      else take({ type, id: fields.u32(), fields }, send);
    }
  });
  return { client: await SftpClient.start(client, options), server };
}

const status =
  (code: number, message = "text") =>
  (writer: Writer): void =>
    void writer.u32(code).text(message).text("");

describe("SftpClient", () => {
  it("tells the version and the extensions that the server announced", async () => {
    const client = await served();
    expect(client.version).toBe(3);
    expect(client.extensions.get("statvfs@openssh.com")).toBe("2");
  });

  it("uploads and downloads files of any length", async () => {
    const client = await served();
    for (const length of [0, 1, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1_000_003]) {
      const data = Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
      await client.writeFile("/file", data);
      expect((await client.readFile("/file")).equals(data)).toBe(true);
    }
  });

  it("rejects a status other than OK with its code and its text", async () => {
    const error: unknown = await (await served()).stat("/missing").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StatusError);
    expect(error).toMatchObject({ name: "StatusError", code: 2, message: "No such file" });
  });

  it("takes paths as text and as bytes", async () => {
    const client = await served();
    const name = Buffer.from([0x2f, 0x61, 0xff]);
    await client.writeFile(name, "x");
    const [entry] = await client.list("/");
    expect((await client.readFile(`/${entry!.name}`)).toString()).toBe("x");
  });

  it("finds the request of each reply, in whatever order they come", async () => {
    const waiting: (() => void)[] = [];
    const { client } = await played(({ id, fields }, send) => {
      const path = fields.text();
      waiting.push(() => send(SSH_FXP.NAME, id, (w) => w.u32(1).text(`${path}!`).text("").u32(0)));
      if (waiting.length === 3) for (const answer of waiting.reverse()) answer();
    });
    expect(await Promise.all(["a", "b", "c"].map((path) => client.realpath(path)))).toEqual(["a!", "b!", "c!"]);
  });

  it("sends no more requests at once than it was told, and the others in order", async () => {
    const seen: string[] = [];
    const waiting: (() => void)[] = [];
    const { client } = await played(
      ({ id, fields }, send) => {
        seen.push(fields.text());
        waiting.push(() => send(SSH_FXP.STATUS, id, status(SSH_FX.OK)));
        // A third would come now, if it came.
        if (waiting.length < 2) return;
        setImmediate(() => {
          expect(waiting).toHaveLength(2);
          for (const answer of waiting.splice(0)) answer();
        });
      },
      { requestsInFlight: 2 },
    );
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    await Promise.all(paths.map((path) => client.remove(path)));
    expect(seen).toEqual(paths);
  });

  it("rejects what is pending, what waits and what comes later, when the channel closes", async () => {
    const { client, server } = await played(() => server.destroy(), { requestsInFlight: 1 });
    const results = await Promise.allSettled([client.stat("/a"), client.stat("/b"), client.raw(Buffer.alloc(0))]);
    for (const result of results) {
      expect(result).toMatchObject({ status: "rejected", reason: { message: /ended|closed/ } });
    }
    await client.closed;
    await expect(client.stat("/c")).rejects.toThrow(/ended|closed/);
    await expect(client.raw(Buffer.alloc(0))).rejects.toThrow(/ended|closed/);
  });

  it("rejects a reply of a type that does not fit, and goes on", async () => {
    const { client } = await played(({ type, id }, send) => {
      if (type === SSH_FXP.STAT) send(SSH_FXP.HANDLE, id, (w) => w.text("h"));
      else send(SSH_FXP.STATUS, id, status(SSH_FX.OK));
    });
    await expect(client.stat("/a")).rejects.toThrow("type 102, which does not fit");
    await expect(client.open("/a")).rejects.toMatchObject({ code: SSH_FX.OK });
    await client.mkdir("/a");
  });

  it("takes a status without a text, as old servers send it", async () => {
    const { client } = await played(({ id }, send) => send(SSH_FXP.STATUS, id, (w) => w.u32(3)));
    await expect(client.stat("/a")).rejects.toMatchObject({ code: 3, message: "" });
  });

  it("gives up a server that sends what nobody asked for without end, or packets without measure", async () => {
    const { client, server } = await played(() => {
      for (let id = 0; id < 2000; id++) server.write(packet(SSH_FXP.STATUS, (w) => w.u32(0x9000_0000 + id)));
    });
    await expect(client.stat("/a")).rejects.toThrow("answer no request");
    const other = await played(() => other.server.write(Buffer.from([0x7f, 0xff, 0xff, 0xff])));
    await expect(other.client.stat("/a")).rejects.toThrow("Packet too long");
  });

  it("refuses a server that does not answer INIT with VERSION", async () => {
    const { client, server } = memorySockets();
    server.once("data", () => server.write(packet(SSH_FXP.STATUS, status(4))));
    await expect(SftpClient.start(client)).rejects.toThrow("answered INIT with a packet of type 101");
  });

  it("sends raw bytes and gives back raw replies", async () => {
    const client = await served();
    const [pending, replies] = await Promise.all([
      client.realpath("/x"),
      client.raw(
        Buffer.concat([
          packet(77, (writer) => writer.u32(0x8000_0001)),
          packet(SSH_FXP.REALPATH, (writer) => writer.u32(0x8000_0002).text("/y")),
        ]),
        2,
      ),
    ]);
    expect(pending).toBe("/x");
    expect(replies.map((reply) => [reply[0], reply.readUInt32BE(1)])).toEqual([
      [SSH_FXP.STATUS, 0x8000_0001],
      [SSH_FXP.NAME, 0x8000_0002],
    ]);
  });

  it("reads on where a server gives less than was asked for", async () => {
    const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) & 0xff));
    const { client } = await played(({ type, id, fields }, send) => {
      if (type === SSH_FXP.OPEN) return send(SSH_FXP.HANDLE, id, (w) => w.text("h"));
      if (type === SSH_FXP.CLOSE) return send(SSH_FXP.STATUS, id, status(SSH_FX.OK));
      fields.bytes();
      const position = fields.u64();
      const length = Math.min(fields.u32(), 10_007);
      if (position >= content.length) return send(SSH_FXP.STATUS, id, status(SSH_FX.EOF));
      return send(SSH_FXP.DATA, id, (w) => w.bytes(content.subarray(position, position + length)));
    });
    expect((await client.readFile("/file")).equals(content)).toBe(true);
  });

  it("refuses more data than it asked for", async () => {
    const { client } = await played(({ id }, send) => send(SSH_FXP.DATA, id, (w) => w.bytes(Buffer.alloc(11))));
    await expect(client.read(Buffer.from("h"), 0, 10)).rejects.toThrow("more data than was asked for");
  });

  it("closes the handle of an upload that fails, and tells the first reason", async () => {
    const types: number[] = [];
    const { client } = await played(({ type, id }, send) => {
      types.push(type);
      if (type === SSH_FXP.OPEN) send(SSH_FXP.HANDLE, id, (w) => w.text("h"));
      else send(SSH_FXP.STATUS, id, status(4, type === SSH_FXP.WRITE ? "disk full" : "close failed"));
    });
    await expect(client.writeFile("/file", Buffer.alloc(10_000_000))).rejects.toMatchObject({ message: "disk full" });
    expect(types.filter((type) => type === SSH_FXP.CLOSE)).toHaveLength(1);
    expect(types.at(-1)).toBe(SSH_FXP.CLOSE);
    expect(types.length).toBeLessThan(100);
  });

  it("closes the handle of a listing that fails", async () => {
    const types: number[] = [];
    const { client } = await played(({ type, id }, send) => {
      types.push(type);
      if (type === SSH_FXP.OPENDIR) send(SSH_FXP.HANDLE, id, (w) => w.text("h"));
      else send(SSH_FXP.STATUS, id, status(type === SSH_FXP.CLOSE ? SSH_FX.OK : 3));
    });
    await expect(client.list("/")).rejects.toMatchObject({ code: 3 });
    expect(types).toEqual([SSH_FXP.OPENDIR, SSH_FXP.READDIR, SSH_FXP.CLOSE]);
  });

  it.each(["target-first", "link-first"] as const)(
    "sends the paths of SYMLINK %s where it is told so",
    async (symlinkOrder) => {
      let sent: string[] = [];
      const { client } = await played(
        ({ id, fields }, send) => {
          sent = [fields.text(), fields.text()];
          send(SSH_FXP.STATUS, id, status(SSH_FX.OK));
        },
        { symlinkOrder },
      );
      await client.symlink("/link", "target");
      expect(sent).toEqual(symlinkOrder === "target-first" ? ["target", "/link"] : ["/link", "target"]);
    },
  );

  it("gives the payload of an extension's reply, and nothing for a bare OK", async () => {
    const { client } = await played(({ id, fields }, send) => {
      if (fields.text() === "data@x") send(SSH_FXP.EXTENDED_REPLY, id, (w) => w.text("answer"));
      else send(SSH_FXP.STATUS, id, status(SSH_FX.OK));
    });
    expect(await client.extended("data@x")).toEqual(Buffer.from("\0\0\0\u0006answer"));
    expect(await client.extended("ok@x", Buffer.from("ignored"))).toBeUndefined();
    await expect(client.limits()).rejects.toThrow("where it owes data");
  });

  it("ends its session in order", async () => {
    const client = await served();
    await client.end();
    await expect(client.stat("/")).rejects.toThrow(/ended|closed/);
  });
});
