import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttackChannel } from "./channel.ts";
import { Target } from "./oracle.ts";
import type { Peer } from "./peer.ts";
import { random, type Random } from "./random.ts";
import { message, MSG, sftp, str, u32, u64, u8 } from "./wire.ts";

/** SFTP packets on a channel: their lengths, their fields, handles, numbers. */
let target: Target;
beforeAll(async () => {
  target = await Target.start({ limits: { perSource: 100 } });
});
afterAll(() => target?.stop());

const mebibyte = 1024 * 1024;
const FXP = {
  INIT: 1,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
} as const;
const noAttributes = u32(0);

async function session(): Promise<AttackChannel> {
  const channel = await AttackChannel.sftp(await target.peer());
  channel.keepsBodies = true;
  return channel;
}

/** Whether this channel goes on, or was ended; each request was answered once. */
async function consistent(channel: AttackChannel): Promise<void> {
  await channel.allAnswered();
  expect(channel.misanswered).toEqual([]);
  expect(channel.odd).toEqual([]);
}

/** The channel was closed, and its connection still serves others. */
async function endsAlone(channel: AttackChannel): Promise<void> {
  await channel.until(() => channel.closed);
  expect(channel.closed).toBe(true);
  const other = await AttackChannel.sftp(channel.peer);
  expect((await other.ask(FXP.STAT, str("/file.bin"))).type).toBe(FXP.ATTRS);
}

describe("a packet", () => {
  test.each([0, 257 * 1024 + 1, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff])(
    "that says it is %i bytes long ends the session, and no other",
    (length) =>
      target.attack(
        async () => {
          const channel = await session();
          channel.data(Buffer.concat([u32(length), u8(FXP.STAT), u32(1), str("/file.bin")]));
          await endsAlone(channel);
          const first = await AttackChannel.open(channel.peer);
          await first.subsystem();
          first.data(Buffer.concat([u32(length), Buffer.alloc(100)]));
          await endsAlone(first);
        },
        { growth: 24 * mebibyte },
      ),
  );

  test.each([1, 2, 3, 4])("of %i bytes, too short for an id, ends the session", (length) =>
    target.attack(async () => {
      for (const type of Object.values(FXP)) {
        const channel = await session();
        channel.data(Buffer.concat([u32(length), u8(type), Buffer.alloc(length - 1)]));
        await channel.until(() => channel.closed);
        expect(channel.closed).toBe(true);
        channel.peer.close();
      }
    }),
  );

  test("is understood alike in pieces of every size, and with others in one piece", () =>
    target.attack(
      async () => {
        const requests = (channel: AttackChannel): Buffer[] => [
          channel.numbered(FXP.STAT, str("/file.bin")).bytes,
          channel.numbered(FXP.REALPATH, str("/directory/../x")).bytes,
          channel.numbered(FXP.READ, str("no handle"), u64(0), u32(10)).bytes,
          channel.numbered(FXP.EXTENDED, str("limits@openssh.com")).bytes,
          channel.numbered(FXP.OPEN, str("/missing"), u32(1), noAttributes).bytes,
          channel.numbered(FXP.LSTAT, str("/directory")).bytes,
        ];
        const answersOf = async (send: (channel: AttackChannel, all: Buffer) => void): Promise<string> => {
          const channel = await session();
          send(channel, Buffer.concat(requests(channel)));
          await consistent(channel);
          const replies = await Promise.all([1, 2, 3, 4, 5, 6].map((id) => channel.reply(id)));
          channel.peer.close();
          return replies.map(({ type, body }) => `${type} ${body.toString("hex")}`).join("\n");
        };
        const whole = await answersOf((channel, all) => channel.data(all));
        const size = Buffer.concat(requests(new AttackChannel(await target.peer()))).length;
        for (const step of [1, 2, 3, 5, 7, 13, 64]) {
          const pieces = await answersOf((channel, all) => {
            for (let at = 0; at < all.length; at += step) channel.data(all.subarray(at, at + step));
          });
          expect(pieces).toBe(whole);
        }
        for (let cut = 1; cut < size; cut += 3) {
          const halves = await answersOf((channel, all) => {
            channel.data(all.subarray(0, cut));
            channel.data(all.subarray(cut));
          });
          expect(halves).toBe(whole);
        }
      },
      { growth: 96 * mebibyte },
    ));

  test("of the largest size in pieces of one byte does not hold up others", () =>
    target.attack(
      async () => {
        const channel = await session();
        const file = await channel.openFile("/slow.bin", 0x1a);
        const { id, bytes } = channel.numbered(FXP.WRITE, str(file), u64(0), str(Buffer.alloc(100 * 1024, 7)));
        for (let at = 0; at < bytes.length; at++) {
          channel.peer.send(message(MSG.CHANNEL_DATA, u32(channel.remote), str(bytes.subarray(at, at + 1))));
          if (at % 5000 === 0) await channel.peer.flushed();
        }
        expect((await channel.reply(id)).type).toBe(FXP.STATUS);
        await consistent(channel);
      },
      { growth: 96 * mebibyte },
    ));

  test("with a thousand others in few messages is answered like them", () =>
    target.attack(async () => {
      const channel = await session();
      await channel.flow(
        Buffer.concat(Array.from({ length: 1000 }, () => channel.numbered(FXP.STAT, str("/file.bin")).bytes)),
      );
      await consistent(channel);
    }));
});

describe("INIT", () => {
  test.each([0, 1, 2, 3, 4, 6, 0xffff_ffff])("of version %i is answered by version 3, or ends the session", (version) =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.open(peer);
      await channel.subsystem();
      channel.data(sftp(FXP.INIT, u32(version)));
      await channel.until(() => channel.received > 0 || channel.closed);
      if (!channel.closed) expect((await channel.ask(FXP.STAT, str("/file.bin"))).type).toBe(FXP.ATTRS);
    }),
  );

  test("with thousands of extensions, some named like members of every object, is taken or ends the session", () =>
    target.attack(async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.open(peer);
      await channel.subsystem();
      const pairs = Array.from({ length: 8000 }, (_, i) => [
        str(["__proto__", "constructor", `x${i}`][i % 3]!),
        str("1"),
      ]);
      await channel.flow(sftp(FXP.INIT, u32(3), ...pairs.flat()));
      await channel.until(() => channel.received > 0 || channel.closed);
      if (!channel.closed) expect((await channel.ask(FXP.STAT, str("/file.bin"))).type).toBe(FXP.ATTRS);
    }));

  test.each([
    ["another packet comes first", [sftp(FXP.STAT, u32(1), str("/file.bin"))]],
    ["it comes twice", [sftp(FXP.INIT, u32(3)), sftp(FXP.INIT, u32(3))]],
    ["it has no version", [sftp(FXP.INIT)]],
    ["it has half a version", [sftp(FXP.INIT, u8(0), u8(3))]],
    ["a VERSION comes instead", [sftp(2, u32(3))]],
  ])("ends the session when %s", (_what, packets) =>
    target.attack(async () => {
      const channel = await AttackChannel.open(await target.peer());
      await channel.subsystem();
      for (const packet of packets) channel.data(packet);
      await endsAlone(channel);
    }),
  );

  test("need not be waited for", () =>
    target.attack(async () => {
      const channel = await AttackChannel.open(await target.peer());
      await channel.subsystem();
      const many = Array.from({ length: 100 }, () => channel.numbered(FXP.STAT, str("/file.bin")).bytes);
      channel.data(Buffer.concat([sftp(FXP.INIT, u32(3)), ...many]));
      await consistent(channel);
    }));
});

describe("a request", () => {
  /** The fields of every request there is, with a handle that is open. */
  function samples(file: Buffer, directory: Buffer): [number, Buffer[]][] {
    const attributes = Buffer.concat([
      u32(0x8000_000f),
      u64(10),
      u32(1),
      u32(2),
      u32(0o644),
      u32(1),
      u32(2),
      u32(1),
      str("a@b"),
      str("c"),
    ]);
    const extended = (name: string, ...fields: Buffer[]): [number, Buffer[]] => [FXP.EXTENDED, [str(name), ...fields]];
    return [
      [FXP.OPEN, [str("/fuzz/a"), u32(0x0b), attributes]],
      [FXP.READ, [str(file), u64(0), u32(100)]],
      [FXP.WRITE, [str(file), u64(0), str("data")]],
      [FXP.LSTAT, [str("/file.bin")]],
      [FXP.FSTAT, [str(file)]],
      [FXP.SETSTAT, [str("/fuzz/b"), attributes]],
      [FXP.FSETSTAT, [str(file), attributes]],
      [FXP.OPENDIR, [str("/fuzz")]],
      [FXP.READDIR, [str(directory)]],
      [FXP.REMOVE, [str("/fuzz/c")]],
      [FXP.MKDIR, [str("/fuzz/d"), attributes]],
      [FXP.RMDIR, [str("/fuzz/d")]],
      [FXP.REALPATH, [str("/fuzz/../x")]],
      [FXP.STAT, [str("/file.bin")]],
      [FXP.RENAME, [str("/fuzz/e"), str("/fuzz/f")]],
      [FXP.READLINK, [str("/fuzz/g")]],
      [FXP.SYMLINK, [str("/fuzz/h"), str("/fuzz/i")]],
      [FXP.CLOSE, [str("0123456789abcdef")]],
      extended("posix-rename@openssh.com", str("/fuzz/j"), str("/fuzz/k")),
      extended("hardlink@openssh.com", str("/fuzz/l"), str("/fuzz/m")),
      extended("statvfs@openssh.com", str("/")),
      extended("space-available", str("/")),
      extended("fstatvfs@openssh.com", str(file)),
      extended("fsync@openssh.com", str(file)),
      extended("lsetstat@openssh.com", str("/fuzz/n"), attributes),
      extended("limits@openssh.com"),
      extended("expand-path@openssh.com", str("~/x")),
      extended("home-directory", str("tester")),
      extended("users-groups-by-id@openssh.com", str(u32(1)), str(u32(2))),
      extended("copy-data", str(file), u64(0), u64(1), str(file), u64(100)),
      extended("unknown@attack", str("x")),
      [99, [str("x")]],
      [255, [str("x")]],
    ];
  }

  test("cut short at any byte, or with lengths that lie, or with more behind it, is answered once", () =>
    target.attack(
      async () => {
        const setUp = await session();
        await setUp.ask(FXP.MKDIR, str("/fuzz"), noAttributes);
        const count = samples(Buffer.alloc(16), Buffer.alloc(16)).length;
        let cases = 0;
        for (let sample = 0; sample < count; sample++) {
          const channel = await AttackChannel.sftp(setUp.peer);
          const file = await channel.openFile("/fuzz/open.bin", 0x0b);
          const opened = await channel.ask(FXP.OPENDIR, str("/directory"));
          const [type, fields] = samples(file, opened.body.subarray(4))[sample]!;
          const whole = Buffer.concat(fields);
          const variants: Buffer[] = [Buffer.concat([whole, u8(0)]), Buffer.concat([whole, Buffer.alloc(100, 0xff)])];
          for (let length = 0; length < whole.length; length++) variants.push(whole.subarray(0, length));
          let at = 0;
          for (const field of fields) {
            for (const lie of [0, field.length - 5, field.length - 3, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
              const changed = Buffer.from(whole);
              if (at + 4 <= changed.length) changed.writeUInt32BE(lie >>> 0, at);
              variants.push(changed);
            }
            at += field.length;
          }
          for (const variant of variants) await channel.flow(channel.numbered(type, variant).bytes);
          cases += variants.length;
          await consistent(channel);
          expect(channel.closed).toBe(false);
          channel.sendClose();
        }
        expect(cases).toBeGreaterThan(1000);
      },
      { growth: 96 * mebibyte },
    ));

  test("with attributes that say they have billions of extensions is answered, and computes nothing", () =>
    target.attack(
      async () => {
        const channel = await session();
        for (const count of [0xffff_ffff, 0x7fff_ffff, 100_000, 2]) {
          const { type } = await channel.ask(FXP.SETSTAT, str("/file.bin"), u32(0x8000_0000), u32(count), str("a"));
          expect(type).toBe(FXP.STATUS);
        }
        const pairs = ["__proto__", "constructor", "toString", "hasOwnProperty"].flatMap((name) => [
          str(name),
          str("x"),
        ]);
        expect((await channel.ask(FXP.MKDIR, str("/named"), u32(0x8000_0000), u32(4), ...pairs)).type).toBe(FXP.STATUS);
        const many = Array.from({ length: 10_000 }, (_, i) => [str(`n${i}`), str("")]).flat();
        const { id, bytes } = channel.numbered(FXP.SETSTAT, str("/file.bin"), u32(0x8000_0000), u32(10_000), ...many);
        await channel.flow(bytes);
        await channel.reply(id);
        await consistent(channel);
      },
      { growth: 32 * mebibyte },
    ));

  test("for enormous lengths and offsets is clamped or refused, never rounded", () =>
    target.attack(async () => {
      const channel = await session();
      const file = await channel.openFile("/file.bin", 1);
      const whole = await channel.ask(FXP.READ, str(file), u64(0), u32(0xffff_ffff));
      expect(whole.type).toBe(FXP.DATA);
      expect(whole.body.readUInt32BE(0)).toBe(64 * 1024);
      for (const offset of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
        for (const length of [0, 1, 0xffff_ffff]) {
          const { type } = await channel.ask(FXP.READ, str(file), u64(offset), u32(length));
          expect(type).toBe(FXP.STATUS);
        }
      }
      const written = await channel.openFile("/written.bin", 0x1a);
      for (const offset of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
        const { body } = await channel.ask(FXP.WRITE, str(written), u64(offset), str("x"));
        expect(body.readUInt32BE(0)).not.toBe(0);
        const set = await channel.ask(FXP.FSETSTAT, str(written), u32(1), u64(offset));
        expect(set.body.readUInt32BE(0)).not.toBe(0);
      }
      await consistent(channel);
    }));

  test("for offsets beyond 2^52 reads the bytes that are there", () =>
    target.attack(async () => {
      const channel = await session();
      const file = await channel.openFile("/sparse.bin", 0x1b);
      for (const offset of [2n ** 32n - 1n, 2n ** 40n + 1n]) {
        const { body } = await channel.ask(FXP.WRITE, str(file), u64(offset), str("here"));
        if (body.readUInt32BE(0) !== 0) continue;
        const read = await channel.ask(FXP.READ, str(file), u64(offset + 1n), u32(3));
        expect(read.body.subarray(4).toString()).toBe("ere");
      }
      await channel.ask(FXP.CLOSE, str(file));
      await channel.ask(FXP.REMOVE, str("/sparse.bin"));
    }));

  test("may have the id of another one, each is answered", () =>
    target.attack(async () => {
      const channel = await session();
      const ids = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
      for (const id of ids) channel.answers.set(id, 0);
      for (let i = 0; i < 100; i++) channel.data(sftp(FXP.STAT, u32(ids[i % ids.length]!), str("/file.bin")));
      await channel.until(() => [...channel.answers.values()].every((count) => count >= 20));
      await channel.peer.roundTrip();
      expect([...channel.answers.values()]).toEqual([20, 20, 20, 20, 20]);
      expect(channel.odd).toEqual([]);
    }));

  test.each([2, 21, 22, 23, 50, 100, 101, 102, 103, 104, 105, 201, 202, 255])("of type %i is unsupported", (type) =>
    target.attack(async () => {
      const channel = await session();
      const { type: answered, body } = await channel.ask(type, str("/file.bin"));
      expect([answered, body.readUInt32BE(0)]).toEqual([FXP.STATUS, 8]);
    }),
  );
});

describe("a handle", () => {
  test("that was guessed, closed, of another session, or of the wrong kind is refused", () =>
    target.attack(async () => {
      const channel = await session();
      const file = await channel.openFile("/file.bin", 1);
      const closed = await channel.openFile("/file.bin", 1);
      await channel.ask(FXP.CLOSE, str(closed));
      const directory = (await channel.ask(FXP.OPENDIR, str("/directory"))).body.subarray(4);
      const neighbour = await AttackChannel.sftp(channel.peer);
      const foreign = await neighbour.openFile("/file.bin", 1);
      const elsewhere = await (await session()).openFile("/file.bin", 1);
      const bad = [
        closed,
        foreign,
        elsewhere,
        Buffer.alloc(0),
        Buffer.alloc(16),
        Buffer.alloc(257, 1),
        file.subarray(0, 15),
      ];
      bad.push(Buffer.concat([file, u8(0)]), Buffer.alloc(200_000, 1), Buffer.from("__proto__"));
      for (const handle of [...bad, directory]) {
        for (const fields of [
          [FXP.READ, u64(0), u32(1)],
          [FXP.WRITE, u64(0), str("x")],
        ] as const) {
          const [type, ...rest] = fields;
          const { id, bytes } = channel.numbered(type, str(handle), ...rest);
          await channel.flow(bytes);
          const reply = await channel.reply(id);
          expect([reply.type, reply.body.readUInt32BE(0)]).not.toEqual([FXP.STATUS, 0]);
          expect(reply.type).toBe(FXP.STATUS);
        }
      }
      for (const handle of [...bad, file]) {
        expect((await channel.ask(FXP.READDIR, str(handle.subarray(0, 300)))).type).toBe(FXP.STATUS);
      }
      expect((await channel.ask(FXP.READ, str(file), u64(0), u32(1))).type).toBe(FXP.DATA);
      expect((await channel.ask(FXP.READDIR, str(directory))).type).toBe(FXP.NAME);
      await consistent(channel);
    }));

  test("is not found by thousands of guesses", () =>
    target.attack(
      async () => {
        const { seed, next } = announced("handles");
        const channel = await session();
        const file = await channel.openFile("/file.bin", 1);
        for (let i = 0; i < 20_000; i++) {
          const guess = Buffer.from(file);
          // Near the one that is known, if they were counted.
          if (i % 2 === 0) guess[Math.floor(next() * 16)]! ^= 1 << Math.floor(next() * 8);
          else for (let at = 0; at < 16; at++) guess[at] = Math.floor(next() * 256);
          if (guess.equals(file)) continue;
          await channel.flow(channel.numbered(FXP.FSTAT, str(guess)).bytes);
        }
        await consistent(channel);
        for (let id = 2; id < 20_000; id += 997)
          expect((await channel.reply(id)).type, `seed ${seed}`).toBe(FXP.STATUS);
      },
      { growth: 96 * mebibyte },
    ));

  test("is one of 256 at most, and others can still open theirs", () =>
    target.attack(
      async () => {
        const channel = await session();
        for (let i = 0; i < 5000; i++) {
          const open = i % 2 === 0 ? [str("/file.bin"), u32(1), noAttributes] : [str("/directory")];
          await channel.flow(channel.numbered(i % 2 === 0 ? FXP.OPEN : FXP.OPENDIR, ...open).bytes);
        }
        await consistent(channel);
        let open = 0;
        for (let id = 1; id <= 5000; id++) if ((await channel.reply(id)).type === FXP.HANDLE) open += 1;
        expect(open).toBe(256);
        const other = await session();
        await other.openFile("/file.bin", 1);
      },
      { growth: 48 * mebibyte },
    ));

  test("closed while it is used answers everything once, in order", () =>
    target.attack(async () => {
      const { next } = announced("close");
      for (let round = 0; round < 20; round++) {
        const channel = await session();
        const file = await channel.openFile("/race.bin", 0x0b);
        const burst: Buffer[] = [];
        const at = Math.floor(next() * 40);
        let close = 0;
        for (let i = 0; i < 40; i++) {
          if (i === at) {
            const { id, bytes } = channel.numbered(FXP.CLOSE, str(file));
            burst.push(bytes, channel.numbered(FXP.CLOSE, str(file)).bytes);
            burst.push(channel.numbered(FXP.REMOVE, str("/race.bin")).bytes);
            close = id;
          }
          const use =
            i % 2 === 0
              ? [FXP.WRITE, str(file), u64(i * 100), str("x".repeat(100))]
              : [FXP.READ, str(file), u64(0), u32(100)];
          burst.push(channel.numbered(use[0] as number, ...(use.slice(1) as Buffer[])).bytes);
        }
        await channel.flow(Buffer.concat(burst));
        await consistent(channel);
        expect((await channel.reply(close)).body.readUInt32BE(0)).toBe(0);
        expect((await channel.reply(close + 1)).body.readUInt32BE(0)).not.toBe(0);
        for (let id = close + 3; id < close + 3 + 40 - at; id++) {
          const { type, body } = await channel.reply(id);
          expect([type, body.readUInt32BE(0)]).not.toEqual([FXP.STATUS, 0]);
          expect(type).toBe(FXP.STATUS);
        }
        channel.peer.close();
      }
    }));
});

describe("a connection that ends with requests under way", () => {
  test("gives its files back", () =>
    target.attack(
      async () => {
        const { next } = announced("cut");
        for (let round = 0; round < 30; round++) {
          const channel = await session();
          const file = await channel.openFile("/large.bin", 1);
          const upload = await channel.openFile(`/upload${round}.bin`, 0x1a);
          const burst: Buffer[] = [];
          for (let i = 0; i < 64; i++) {
            burst.push(
              next() < 0.5
                ? channel.numbered(FXP.READ, str(file), u64(i * 1000), u32(255 * 1024)).bytes
                : channel.numbered(FXP.WRITE, str(upload), u64(i * 1000), str(Buffer.alloc(1000))).bytes,
            );
          }
          const all = Buffer.concat(burst);
          channel.data(all.subarray(0, Math.min(32_000, Math.floor(next() * all.length))));
          if (next() < 0.3) await channel.peer.flushed();
          leave(channel.peer, next());
        }
        const cleaner = await session();
        for (let round = 0; round < 30; round++) await cleaner.ask(FXP.REMOVE, str(`/upload${round}.bin`));
      },
      { connections: 31, growth: 96 * mebibyte },
    ));

  function leave(peer: Peer, chance: number): void {
    if (chance < 0.4) peer.socket.resetAndDestroy();
    else if (chance < 0.7) peer.socket.end();
    else peer.send(message(MSG.DISCONNECT, u32(11), str(""), str("")));
  }
});

describe("a listing", () => {
  test("of many names comes in small replies, and may be left", () =>
    target.attack(
      async () => {
        const channel = await session();
        await channel.ask(FXP.MKDIR, str("/many"), noAttributes);
        for (let i = 0; i < 5000; i++)
          await channel.flow(channel.numbered(FXP.MKDIR, str(`/many/${i}`), noAttributes).bytes);
        await consistent(channel);
        for (let i = 0; i < 100; i++) {
          const { body } = await channel.ask(FXP.OPENDIR, str("/many"));
          const names = await channel.ask(FXP.READDIR, str(body.subarray(4)));
          // What limits.readdirEntries allows, and what every client takes.
          expect(names.body.readUInt32BE(0)).toBeLessThanOrEqual(256);
          expect(names.body.length).toBeLessThanOrEqual(64 * 1024);
        }
        for (let i = 0; i < 5000; i++) await channel.flow(channel.numbered(FXP.RMDIR, str(`/many/${i}`)).bytes);
        await consistent(channel);
      },
      { growth: 64 * mebibyte },
    ));
});

describe("an extension", () => {
  test.each([
    ["unknown@attack", [str("x")]],
    ["", []],
    ["__proto__", []],
    ["constructor", [str("x")]],
    ["x".repeat(30_000), []],
    ["copy-data", [str("forged"), u64(0), u64(0), str("forged"), u64(0)]],
    ["fsync@openssh.com", [str("forged")]],
    ["fstatvfs@openssh.com", [str("forged")]],
    ["expand-path@openssh.com", [str("~root/../../etc")]],
    ["expand-path@openssh.com", [str("~".repeat(4000))]],
    ["home-directory", [str("root")]],
    ["home-directory", [str("../../etc")]],
    ["users-groups-by-id@openssh.com", [str(Buffer.alloc(3)), str(Buffer.alloc(5))]],
    ["users-groups-by-id@openssh.com", [str(Buffer.alloc(240_000)), str("")]],
    ["statvfs@openssh.com", [str("/../../../..")]],
    ["space-available", [str("/../../../..")]],
    ["vendor-id", [str("a"), str("b"), str("c"), u64(1)]],
    ["check-file", [str("x"), str("sha256"), u64(0), u64(0), u32(0)]],
  ])("%s is answered, and shows nothing", (name, fields) =>
    target.attack(
      async () => {
        const channel = await session();
        const { id, bytes } = channel.numbered(FXP.EXTENDED, str(name), ...fields);
        await channel.flow(bytes);
        const { body } = await channel.reply(id);
        expect(body.toString("latin1")).not.toMatch(/node_modules|\.ts:|root:x/);
        await consistent(channel);
      },
      { growth: 32 * mebibyte },
    ),
  );

  test("copies of a file onto itself, beyond its end and of enormous lengths come to an end", () =>
    target.attack(async () => {
      const channel = await session();
      const file = await channel.openFile("/copied.bin", 0x1b);
      await channel.ask(FXP.WRITE, str(file), u64(0), str(Buffer.alloc(10_000, 1)));
      const numbers: [bigint, bigint, bigint][] = [
        [0n, 0n, 0n],
        [0n, 5000n, 2500n],
        [0n, 0n, 5n],
        [5000n, 0n, 0n],
        [0n, 2n ** 53n - 1n, 20_000n],
        [0n, 2n ** 64n - 1n, 0n],
        [2n ** 63n, 1n, 0n],
        [0n, 1n, 2n ** 64n - 1n],
      ];
      for (const [position, length, to] of numbers) {
        const fields = [str(file), u64(position), u64(length), str(file), u64(to)];
        expect((await channel.ask(FXP.EXTENDED, str("copy-data"), ...fields)).type).toBe(FXP.STATUS);
      }
      const { body } = await channel.ask(FXP.FSTAT, str(file));
      expect(body.readBigUInt64BE(4)).toBeLessThan(1_000_000n);
      await channel.ask(FXP.CLOSE, str(file));
      await channel.ask(FXP.REMOVE, str("/copied.bin"));
    }));
});

/** A random sequence that can be had again. */
function announced(what: string): Random & { readonly seed: number } {
  const seed = Number(process.env["SLUICE_SEED"] ?? 1);
  console.log(`${what}: SLUICE_SEED=${seed}`);
  return { seed, ...random(seed) };
}
