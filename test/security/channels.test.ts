import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttackChannel, openMessage } from "./channel.ts";
import { Target } from "./oracle.ts";
import { globalRequest, type Peer } from "./peer.ts";
import { message, MSG, sftp, str, u32, u8 } from "./wire.ts";

/** Channels, after the login: their numbers, windows, packet sizes, requests. */
let target: Target;
beforeAll(async () => {
  target = await Target.start({ limits: { perSource: 100 } });
});
afterAll(() => target?.stop());

const mebibyte = 1024 * 1024;

/** The connection works, or has been ended for what it did. */
async function servesOrEnds(peer: Peer): Promise<void> {
  await Promise.race([peer.ended, peer.roundTrip()]).catch((error: unknown) => {
    if (peer.ending === undefined) throw error;
  });
}

/** A channel on which reads wait for a window that does not come: nothing more of it is taken. */
async function stuck(peer: Peer): Promise<AttackChannel> {
  const channel = await AttackChannel.sftp(peer, { window: 1000 });
  const file = await channel.openFile("/large.bin", 1);
  for (let i = 0; i < 100; i++) {
    await channel.flow(channel.numbered(5, str(file), u32(0), u32(i * 1000), u32(255 * 1024)).bytes);
  }
  await peer.roundTrip();
  return channel;
}

describe("a channel", () => {
  test.each([0, 1, 2, 63, 1023])("whose packets hold %i bytes is refused", (packetSize) =>
    target.attack(async () => {
      const peer = await target.peer();
      peer.send(openMessage(0, { packetSize }));
      await Promise.race([peer.ended, peer.expect(MSG.CHANNEL_OPEN_FAILURE)]).catch(() => {});
      expect(peer.counts.get(MSG.CHANNEL_OPEN_CONFIRMATION)).toBeUndefined();
    }),
  );

  test.each([1024, 0x7fff_ffff, 0xffff_ffff])("whose packets hold %i bytes is served", (packetSize) =>
    target.attack(async () => {
      const channel = await AttackChannel.sftp(await target.peer(), { packetSize });
      const file = await channel.openFile("/file.bin", 1);
      expect((await channel.ask(5, str(file), u32(0), u32(0), u32(60_000))).type).toBe(103);
    }),
  );

  test.each([
    "direct-tcpip",
    "forwarded-tcpip",
    "x11",
    "auth-agent@openssh.com",
    "direct-streamlocal@openssh.com",
    "tun@openssh.com",
    "",
    "session\0",
    "SESSION",
    "__proto__",
    "x".repeat(20_000),
  ])("of type %s is refused", (type) =>
    target.attack(async () => {
      const peer = await target.peer();
      const fields = [str("127.0.0.1"), u32(22), str("127.0.0.1"), u32(1)];
      for (const rest of [fields, [], [str("x", 0xffff_ffff)]]) {
        peer.send(openMessage(peer.nextChannel(), { type }, ...rest));
      }
      await servesOrEnds(peer);
      expect(peer.counts.get(MSG.CHANNEL_OPEN_CONFIRMATION)).toBeUndefined();
    }),
  );

  test.each([0, 3, 9, 16, 22])("whose opening is cut to %i bytes is refused", (length) =>
    target.attack(async () => {
      const peer = await target.peer();
      peer.send(openMessage(0).subarray(0, 1 + length));
      await servesOrEnds(peer);
      expect(peer.counts.get(MSG.CHANNEL_OPEN_CONFIRMATION)).toBeUndefined();
    }),
  );

  test("is one of ten at most", () =>
    target.attack(async () => {
      const peer = await target.peer();
      for (let i = 0; i < 200; i++) peer.send(openMessage(i));
      await peer.roundTrip();
      expect(peer.counts.get(MSG.CHANNEL_OPEN_CONFIRMATION)).toBe(10);
      expect(peer.counts.get(MSG.CHANNEL_OPEN_FAILURE)).toBe(190);
    }));

  test("closed before it has a subsystem leaves nothing, however many there are", () =>
    target.attack(
      async () => {
        const peer = await target.peer();
        for (let i = 0; i < 5000 && peer.ending === undefined; i++) {
          peer.send(openMessage(i));
          const reply = await peer
            .expect(MSG.CHANNEL_OPEN_CONFIRMATION, MSG.CHANNEL_OPEN_FAILURE)
            .catch(() => undefined);
          if (reply === undefined) break;
          expect(reply[0]).toBe(MSG.CHANNEL_OPEN_CONFIRMATION);
          peer.send(message(MSG.CHANNEL_CLOSE, u32(reply.readUInt32BE(5))));
        }
        expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
        expect(peer.counts.get(MSG.CHANNEL_OPEN_CONFIRMATION)).toBe(1000);
      },
      { growth: 32 * mebibyte },
    ));

  test("closed before it has a subsystem is answered by a CLOSE", () =>
    target.attack(async () => {
      const channel = await AttackChannel.open(await target.peer());
      channel.sendClose();
      await channel.peer.roundTrip();
      expect(channel.closed).toBe(true);
    }));

  test("with a number that another one has does not confuse them", () =>
    target.attack(async () => {
      const peer = await target.peer();
      const first = await AttackChannel.sftp(peer);
      peer.send(openMessage(first.local));
      await servesOrEnds(peer);
      if (peer.ending === undefined) expect((await first.ask(17, str("/file.bin"))).type).toBe(105);
    }));

  test("that the client closes in the middle of its reads gives its files back", () =>
    target.attack(async () => {
      const peer = await target.peer();
      for (let i = 0; i < 20; i++) {
        const channel = await AttackChannel.sftp(peer);
        const file = await channel.openFile("/large.bin", 1);
        for (let at = 0; at < 30; at++)
          channel.data(channel.numbered(5, str(file), u32(0), u32(at), u32(65_536)).bytes);
        if (i % 2 === 0) channel.sendEof();
        channel.sendClose();
        await channel.until(() => channel.closed);
        expect(channel.odd).toEqual([]);
      }
    }));
});

describe("a window", () => {
  test.each([1, 1000, 32 * 1024])("overrun by %i bytes ends the connection", (excess) =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await stuck(peer);
      while (channel.window > 0) {
        const part = Math.min(channel.window, 32_768);
        channel.window -= part;
        channel.data(Buffer.alloc(part));
        // Whether the server has made room meanwhile.
        if (channel.window === 0) await peer.roundTrip();
      }
      channel.data(Buffer.alloc(excess));
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
      expect(await target.reasonOf(peer)).toMatch(/window/i);
    }),
  );

  test("overrun by 160 MiB, by data or by extended data, ends the connection", () =>
    target.attack(
      async () => {
        for (const type of [MSG.CHANNEL_DATA, MSG.CHANNEL_EXTENDED_DATA]) {
          const peer = await target.peer();
          const channel = await stuck(peer);
          const piece = message(type, u32(channel.remote), ...(type === 94 ? [] : [u32(1)]), str(Buffer.alloc(32_768)));
          for (let sent = 0; sent < 160 * mebibyte && peer.ending === undefined; sent += 32_768) {
            peer.send(piece);
            await peer.flushed();
          }
          if (type === MSG.CHANNEL_DATA) expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
        }
      },
      { growth: 96 * mebibyte, connections: 2 },
    ));

  test.each([32_769, 34_000])("is no leave to send %i bytes in one message", (length) =>
    target.attack(async () => {
      const channel = await AttackChannel.sftp(await target.peer());
      channel.data(Buffer.alloc(length));
      expect(await channel.peer.dropped()).toMatchObject({ disconnect: 2 });
    }),
  );

  test("of a channel without a subsystem takes no memory", () =>
    target.attack(
      async () => {
        const channel = await AttackChannel.open(await target.peer());
        for (let i = 0; i < 1000 && channel.peer.ending === undefined; i++) {
          channel.data(Buffer.alloc(32_768));
          await channel.peer.flushed();
        }
        await servesOrEnds(channel.peer);
      },
      { growth: 32 * mebibyte },
    ));

  test.each([
    [0xffff_ffff, 1000],
    [0x8000_0000, 2],
    [0x7fff_ffff, 4],
  ])("widened by %i, %i times, ends the connection", (bytes, times) =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer);
      for (let i = 0; i < times; i++) channel.adjust(bytes);
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
      expect(await target.reasonOf(peer)).toMatch(/window/i);
      // Nothing is sent on a channel without a subsystem: its window may be lost.
      const bare = await AttackChannel.open(await target.peer());
      for (let i = 0; i < times; i++) bare.adjust(bytes);
      await servesOrEnds(bare.peer);
    }),
  );

  test("that stays shut holds up 10,000 reads, not the memory", () =>
    target.attack(
      async () => {
        const peer = await target.peer();
        const channel = await AttackChannel.sftp(peer, { window: 1000 });
        const file = await channel.openFile("/large.bin", 1);
        const room = Math.floor(channel.window / 60);
        for (let i = 0; i < Math.min(room, 10_000); i++) {
          channel.data(channel.numbered(5, str(file), u32(0), u32(0), u32(255 * 1024)).bytes);
        }
        await peer.roundTrip();
        expect(channel.received).toBeLessThanOrEqual(1000);
      },
      { growth: 24 * mebibyte },
    ));

  test("that opens by one byte at a time delivers the right bytes", () =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer, { window: 400 });
      const file = await channel.openFile("/file.bin", 1);
      const before = channel.received;
      channel.keepsBodies = true;
      const { id, bytes } = channel.numbered(5, str(file), u32(0), u32(0), u32(2000));
      channel.data(bytes);
      for (let i = 0; i < 2100; i++) channel.adjust(1);
      const { body } = await channel.reply(id);
      expect(channel.received - before).toBe(2013);
      expect([...body.subarray(4)]).toEqual(Array.from({ length: 2000 }, (_, i) => (i * 7) & 0xff));
    }));
});

describe("a request", () => {
  const names: [string, Buffer[]][] = [
    ["shell", []],
    ["exec", [str("scp -t /")]],
    ["exec", [str("sftp-server")]],
    ["pty-req", [str("xterm"), u32(80), u32(24), u32(0), u32(0), str("")]],
    ["x11-req", [u8(0), str("MIT-MAGIC-COOKIE-1"), str("00"), u32(0)]],
    ["auth-agent-req@openssh.com", []],
    ["env", [str("LD_PRELOAD"), str("/tmp/x.so")]],
    ["window-change", [u32(1), u32(1), u32(1), u32(1)]],
    ["signal", [str("KILL")]],
    ["break", [u32(1000)]],
    ["xon-xoff", [u8(1)]],
    ["exit-status", [u32(0)]],
    ["exit-signal", [str("KILL"), u8(1), str("x"), str("")]],
    ["", []],
    ["x".repeat(20_000), []],
    ["__proto__", []],
    ["exec", [str("x", 0xffff_ffff)]],
    ["pty-req", [str("xterm")]],
    ["pty-req", [str("xterm"), u32(80), u32(24), u32(0), u32(0), str(Buffer.alloc(20_000, 1))]],
    ["x11-req", []],
  ];

  test("for anything but SFTP is refused, answered where an answer is wanted, and does not end the server", () =>
    target.attack(
      async () => {
        for (const [name, fields] of names) {
          for (const wantReply of [true, false]) {
            const channel = await AttackChannel.open(await target.peer());
            channel.request(name, wantReply, ...fields);
            await servesOrEnds(channel.peer);
            expect([channel.peer.counts.get(MSG.CHANNEL_SUCCESS), name]).toEqual([undefined, name]);
            channel.peer.close();
          }
        }
      },
      { connections: names.length * 2 },
    ));

  test.each(["sftp\0", "SFTP", "", "sftp ", "sftp/../x", "netconf", "__proto__", "x".repeat(20_000)])(
    "for the subsystem %s is refused",
    (name) =>
      target.attack(async () => {
        const channel = await AttackChannel.open(await target.peer());
        await expect(channel.subsystem(name)).rejects.toThrow(/refused|closed/);
      }),
  );

  test.each([0, 1, 4])("for a subsystem with %i bytes of its name is refused", (bytes) =>
    target.attack(async () => {
      const channel = await AttackChannel.open(await target.peer());
      channel.request("subsystem", true, str("sftp").subarray(0, bytes));
      await servesOrEnds(channel.peer);
      expect(channel.peer.counts.get(MSG.CHANNEL_SUCCESS)).toBeUndefined();
    }),
  );

  test("for a second subsystem is refused, and the first one goes on", () =>
    target.attack(async () => {
      const channel = await AttackChannel.sftp(await target.peer());
      await expect(channel.subsystem()).rejects.toThrow("refused");
      channel.request("subsystem", false, str("sftp"));
      channel.request("shell", false);
      expect((await channel.ask(17, str("/file.bin"))).type).toBe(105);
    }));

  test("for a subsystem behind the channel's CLOSE does no harm", () =>
    target.attack(async () => {
      for (const subsystemFirst of [true, false]) {
        const peer = await target.peer();
        const channel = await AttackChannel.open(peer);
        if (subsystemFirst) channel.request("subsystem", true, str("sftp"));
        channel.sendClose();
        channel.request("subsystem", true, str("sftp"));
        channel.data(sftp(1, u32(3)));
        await servesOrEnds(peer);
      }
    }));

  test("asked twice in one piece with CLOSE behind it does no harm", () =>
    target.attack(async () => {
      const peer = await target.peer();
      for (let i = 0; i < 20; i++) {
        const channel = new AttackChannel(peer);
        peer.send(openMessage(channel.local));
        const reply = await peer.expect(MSG.CHANNEL_OPEN_CONFIRMATION);
        channel.confirm(reply);
        const subsystem = message(MSG.CHANNEL_REQUEST, u32(channel.remote), str("subsystem"), u8(0), str("sftp"));
        const init = message(MSG.CHANNEL_DATA, u32(channel.remote), str(sftp(1, u32(3))));
        peer.sendNow(
          subsystem,
          subsystem,
          init,
          message(MSG.CHANNEL_EOF, u32(channel.remote)),
          message(MSG.CHANNEL_CLOSE, u32(channel.remote)),
        );
        await channel.until(() => channel.closed);
      }
    }));

  test.each([
    ["to the channel", true],
    ["to the connection", false],
  ])("sent %s thousands of times ends the connection", (_what, toChannel) =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.open(peer);
      for (let i = 0; i < 10_000 && peer.ending === undefined; i++) {
        if (toChannel) channel.request("env", i % 2 === 0, str("A"), str("B"));
        else peer.send(globalRequest("flood@attack", i % 2 === 0));
        if (i % 100 === 0) await peer.flushed();
      }
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
    }),
  );

  test.each([
    ["tcpip-forward", [str("0.0.0.0"), u32(0)]],
    ["cancel-tcpip-forward", [str("0.0.0.0"), u32(22)]],
    ["streamlocal-forward@openssh.com", [str("/tmp/x")]],
    ["no-more-sessions@openssh.com", []],
    ["hostkeys-prove-00@openssh.com", [str("x")]],
    ["tcpip-forward", [str("0.0.0.0", 0xffff_ffff)]],
    ["", []],
  ])("to the connection for %s is refused", (name, fields) =>
    target.attack(async () => {
      const peer = await target.peer();
      peer.send(globalRequest(name, false, ...fields), globalRequest(name, true, ...fields));
      await servesOrEnds(peer);
      expect(peer.counts.get(MSG.REQUEST_SUCCESS)).toBeUndefined();
    }),
  );
});

describe("a message for a channel", () => {
  const ids = [1, 7, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
  const makers: [string, (id: number) => Buffer][] = [
    ["WINDOW_ADJUST", (id) => message(93, u32(id), u32(1))],
    ["DATA", (id) => message(94, u32(id), str("x"))],
    ["EXTENDED_DATA", (id) => message(95, u32(id), u32(1), str("x"))],
    ["EOF", (id) => message(96, u32(id))],
    ["CLOSE", (id) => message(97, u32(id))],
    ["REQUEST", (id) => message(98, u32(id), str("subsystem"), u8(1), str("sftp"))],
    ["SUCCESS", (id) => message(99, u32(id))],
    ["FAILURE", (id) => message(100, u32(id))],
    ["OPEN_CONFIRMATION", (id) => message(91, u32(id), u32(0), u32(1), u32(9999))],
    ["OPEN_FAILURE", (id) => message(92, u32(id), u32(1), str("x"), str(""))],
  ];

  test.each(makers)("that does not exist has no effect, or ends the connection: %s", (_name, make) =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer);
      for (const id of ids) peer.send(make(id));
      await servesOrEnds(peer);
      if (peer.ending === undefined) expect((await channel.ask(17, str("/file.bin"))).type).toBe(105);
    }),
  );

  test.each(makers)("that is cut short has no effect, or ends the connection: %s", (_name, make) =>
    target.attack(async () => {
      for (let length = 1; length < make(0).length; length++) {
        const peer = await target.peer();
        await AttackChannel.sftp(peer);
        peer.send(make(0).subarray(0, length));
        await servesOrEnds(peer);
        peer.close();
      }
    }),
  );

  test.each<[string, (channel: AttackChannel) => void]>([
    ["EOF twice", (channel) => (channel.sendEof(), channel.sendEof())],
    ["CLOSE twice", (channel) => (channel.sendClose(), channel.sendClose())],
    ["data behind EOF", (channel) => (channel.sendEof(), channel.data(channel.numbered(17, str("/")).bytes))],
    ["data behind CLOSE", (channel) => (channel.sendClose(), channel.data(channel.numbered(17, str("/")).bytes))],
    ["EOF behind CLOSE", (channel) => (channel.sendClose(), channel.sendEof())],
    ["a window behind CLOSE", (channel) => (channel.sendClose(), channel.adjust(0xffff_ffff))],
    ["EOF, then half a packet", (channel) => (channel.data(u32(100)), channel.sendEof())],
    [
      "extended data",
      (channel) => channel.peer.send(message(95, u32(channel.remote), u32(1), str(Buffer.alloc(30_000)))),
    ],
    ["data of no length", (channel) => Array.from({ length: 1000 }, () => channel.data(Buffer.alloc(0)))],
  ])("may say %s, and others are served all the same", (_what, act) =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer);
      const neighbour = await AttackChannel.sftp(peer);
      act(channel);
      await servesOrEnds(peer);
      expect((await neighbour.ask(17, str("/file.bin"))).type).toBe(105);
      expect(channel.odd).toEqual([]);
    }),
  );
});

describe("keys", () => {
  test("may be exchanged again in the middle of a download, and every byte is right", () =>
    target.attack(
      async () => {
        const peer = await target.peer();
        const channel = await AttackChannel.sftp(peer);
        channel.keepsBodies = true;
        const file = await channel.openFile("/file.bin", 1);
        for (let round = 0; round < 20; round++) {
          const reads = Array.from({ length: 16 }, (_, i) => ({
            at: (i % 8) * 8192,
            ...channel.numbered(5, str(file), u32(0), u32((i % 8) * 8192), u32(8192)),
          }));
          for (const { bytes } of reads.slice(0, 8)) channel.data(bytes);
          await channel.reply(reads[7]!.id);
          for (const { bytes } of reads.slice(8)) channel.data(bytes);
          await peer.rekey();
          for (const { id, at } of reads) {
            const { body } = await channel.reply(id);
            expect(body.length).toBe(8192 + 4);
            expect(body[4]).toBe((at * 7) & 0xff);
            expect(body[8195]).toBe(((at + 8191) * 7) & 0xff);
          }
        }
        expect(channel.misanswered).toEqual([]);
      },
      { growth: 96 * mebibyte },
    ));

  test("may not be exchanged all the time", () =>
    target.attack(async () => {
      const peer = await target.peer();
      for (let i = 0; i < 100 && peer.ending === undefined; i++) await peer.rekey().catch(() => {});
      expect(await peer.dropped()).toMatchObject({ disconnect: 2 });
      expect(peer.exchanges).toBeLessThan(20);
    }));

  test("being exchanged leave no room for other messages", () =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer);
      peer.beginRekey();
      for (let i = 0; i < 1000; i++) {
        const { bytes } = channel.numbered(17, str("/file.bin"));
        peer.sendNow(message(MSG.CHANNEL_DATA, u32(channel.remote), str(bytes)));
      }
      await peer.dropped();
    }));
});
