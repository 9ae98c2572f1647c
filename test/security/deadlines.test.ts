import { connect, createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttackChannel } from "./channel.ts";
import { kexInit, KeyExchange } from "./keys.ts";
import { Target } from "./oracle.ts";
import { account, authRequest, passwordRequest, plainPacket, type Peer, type Stage, within } from "./peer.ts";
import { message, MSG, str, u32, u8 } from "./wire.ts";

/** Peers that take their time, vanish, or come in great numbers; the limits are short so that the tests are. */
let target: Target;
beforeAll(async () => {
  target = await Target.start({
    limits: {
      identMs: 1500,
      loginGraceMs: 2500,
      stallMs: 2000,
      connections: 4000,
      perSource: 400,
      perSourceUnauthenticated: 100,
    },
    maxStartups: "3000:30:4000",
    rekey: { deadlineMs: 2000 },
  });
});
afterAll(() => target?.stop());

const sockets = Number(process.env["SLUICE_ATTACK_SOCKETS"] ?? 2000);
const handshakes = Number(process.env["SLUICE_ATTACK_HANDSHAKES"] ?? 300);

/** One of 50 source addresses. */
function address(i: number): string {
  return `127.0.1.${1 + (i % 50)}`;
}

/** A login by somebody honest while the attack goes on. */
async function loginFromElsewhere(): Promise<void> {
  const peer = await target.peer({ from: "127.0.0.240" });
  const channel = await AttackChannel.sftp(peer);
  const { type } = await channel.ask(17, str("/canary.bin"));
  expect(type).toBe(105);
  peer.close();
}

describe("a client that takes its time", () => {
  test("and says nothing is sent away, as are thousands of them, while others log in", () =>
    target.attack(
      async () => {
        const silent: Peer[] = [];
        // Not more at once than the kernel keeps for the server to accept: it would let the rest wait for a minute.
        while (silent.length < sockets) {
          const more = Math.min(sockets - silent.length, 200);
          const connecting = Array.from({ length: more }, (_, i) => target.peer({ stage: "tcp", from: address(i) }));
          silent.push(...(await Promise.all(connecting)));
        }
        await loginFromElsewhere();
        await Promise.all(silent.map((peer) => peer.dropped(30_000)));
        for (const peer of silent.slice(0, 5)) expect(await target.reasonOf(peer)).toMatch(/identification/);
      },
      // Some 30 KiB for each connection.
      { connections: sockets, growth: 64 * 1024 * 1024 + sockets * 32 * 1024 },
    ));

  test("for its identification is sent away, though it says something all the time", () =>
    target.attack(async () => {
      const slow = await Promise.all(
        Array.from({ length: 20 }, (_, i) => target.peer({ stage: "tcp", from: address(i) })),
      );
      for (const peer of slow) peer.write("SSH-2.0-");
      const drip = setInterval(() => slow.forEach((peer) => peer.write("x")), 100);
      await loginFromElsewhere();
      await Promise.all(slow.map((peer) => peer.dropped()));
      clearInterval(drip);
    }));

  test("for its login is sent away, though it sends something all the time", () =>
    target.attack(
      async () => {
        const silent = (["ident", "kexinit", "keys", "service"] as const).map((stage) => target.peer({ stage }));
        const chatter = [
          message(MSG.IGNORE, str("still here")),
          message(200, str("still here")),
          authRequest("tester", "none"),
          passwordRequest("tester", "wrong"),
        ].map(async (payload) => {
          const peer = await target.peer({ stage: "service" });
          const busy = setInterval(() => peer.send(payload), 200);
          void peer.ended.then(() => clearInterval(busy));
          return peer;
        });
        for (const peer of await Promise.all([...silent, ...chatter])) {
          await peer.dropped();
          expect(await target.reasonOf(peer)).toMatch(/took too long|too many authentication/i);
        }
      },
      { connections: 8 },
    ));

  test("for a question is sent away, and its attempt is forgotten", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      peer.send(authRequest("tester", "keyboard-interactive", str(""), str("")));
      await peer.expect(MSG.USERAUTH_INFO_REQUEST);
      await peer.dropped();
    }));

  test("is sent away, though the decision of its login takes longer still", () =>
    target.attack(async () => {
      const peer = await target.peer({ stage: "service" });
      peer.send(passwordRequest("slow"));
      await peer.dropped();
      await target.release();
      expect(target.linesOf(peer).map(({ msg }) => msg)).not.toContain("Logged in");
    }));

  test("for a key exchange after the login is sent away", () =>
    target.attack(async () => {
      const peer = await target.peer({ answerRekey: false });
      peer.beginRekey();
      await peer.dropped();
      expect(await target.reasonOf(peer)).toMatch(/key exchange took too long/i);
    }));
});

describe("a client that keeps its side open", () => {
  const endings: [string, Stage, (peer: Peer) => void][] = [
    ["garbage for an identification", "tcp", (peer) => peer.write("garbage\r\n")],
    ["garbage for a KEXINIT", "ident", (peer) => peer.write(Buffer.alloc(4096, 0xff))],
    ["garbage behind its keys", "keys", (peer) => peer.write(Buffer.alloc(4096, 0xff))],
    ["a message of the server's", "service", (peer) => peer.send(message(MSG.USERAUTH_SUCCESS))],
    ["a goodbye", "login", (peer) => peer.send(message(MSG.DISCONNECT, u32(11), str("bye"), str("")))],
    ["another login", "login", (peer) => peer.send(passwordRequest())],
    ["another service", "login", (peer) => peer.send(message(MSG.SERVICE_REQUEST, str("ssh-userauth")))],
    [
      "too many wrong passwords",
      "service",
      (peer) => {
        const send = (): void => peer.send(passwordRequest("tester", "wrong"));
        peer.onMessage = ([type]) => (type === MSG.USERAUTH_FAILURE ? send() : undefined);
        send();
      },
    ],
  ];

  test.each([true, false])("has lost its connection all the same, whatever ended it (and reads: %s)", (reads) =>
    target.attack(
      async () => {
        const lost = endings.map(async ([what, stage, act]) => {
          const peer = await target.peer({ stage, halfOpen: true });
          act(peer);
          if (!reads) peer.socket.pause();
          await target.reasonOf(peer).catch((error: unknown) => {
            throw new Error(`The connection outlived ${what}`, { cause: error });
          });
        });
        for (const result of await Promise.allSettled(lost)) if (result.status === "rejected") throw result.reason;
      },
      { connections: endings.length },
    ),
  );

  test("and goes on sending after its violation is not read any more", () =>
    target.attack(
      async () => {
        const peer = await target.peer({ stage: "keys", halfOpen: true });
        peer.send(message(MSG.USERAUTH_SUCCESS));
        const more = setInterval(() => peer.send(message(MSG.IGNORE, str(Buffer.alloc(30_000)))), 10);
        await target.reasonOf(peer);
        clearInterval(more);
      },
      { growth: 32 * 1024 * 1024 },
    ));

  test.each(["FIN", "RST"])("or vanishes by %s at any point leaves nothing behind", (how) =>
    target.attack(
      async () => {
        const leave = (peer: Peer): void => void (how === "FIN" ? peer.socket.end() : peer.socket.resetAndDestroy());
        for (const stage of ["tcp", "ident", "kexinit", "keys", "service", "login"] as const) {
          leave(await target.peer({ stage }));
        }
        const half = await target.peer({ stage: "tcp" });
        half.write("SSH-2.0-ha");
        leave(half);
        const kex = await target.peer({ stage: "ident" });
        kex.write(Buffer.concat([plainPacket(kexInit()), plainPacket(new KeyExchange().init)]));
        leave(kex);
        const packet = await target.peer({ stage: "keys" });
        packet.write(packet.seal(message(MSG.SERVICE_REQUEST, str("ssh-userauth"))).subarray(0, 9));
        leave(packet);
        const pending = await target.peer({ stage: "service" });
        pending.send(passwordRequest("slow"));
        await target.waitFor(async () => ((await target.waiting()) > 0 ? true : undefined));
        leave(pending);
        const asked = await target.peer({ stage: "service" });
        asked.send(authRequest("tester", "keyboard-interactive", str(""), str("")));
        await asked.expect(MSG.USERAUTH_INFO_REQUEST);
        leave(asked);
        const opening = await target.peer();
        await AttackChannel.open(opening);
        leave(opening);
        const rekeying = await target.peer({ answerRekey: false });
        rekeying.beginRekey();
        leave(rekeying);
        for (const window of [undefined, 0]) {
          const reading = await target.peer();
          const channel = await AttackChannel.sftp(reading);
          const file = await channel.openFile("/large.bin", 1);
          if (window === 0) reading.socket.pause();
          const reads = Array.from({ length: 64 }, (_, i) => u32(i));
          for (const at of reads) channel.data(channel.numbered(5, str(file), u32(0), at, u32(255 * 1024)).bytes);
          leave(reading);
        }
        await target.release();
      },
      { connections: 14, growth: 96 * 1024 * 1024 },
    ),
  );
});

describe("a flood of handshakes", () => {
  test("from many addresses does not keep others from logging in", () =>
    target.attack(
      async () => {
        let started = 0;
        const worker = async (): Promise<void> => {
          while (started < handshakes) {
            const peer = await target.peer({ stage: "kexinit", from: address(started++) });
            await peer.expect(MSG.NEWKEYS);
            peer.close();
          }
        };
        const flood = Promise.all(Array.from({ length: 8 }, worker));
        for (let i = 0; i < 10; i++) await loginFromElsewhere();
        await flood;
      },
      { connections: handshakes + 10, growth: 96 * 1024 * 1024 },
    ));
});

describe("a byte that was changed on its way", () => {
  const ciphers = [
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
    ...(process.env["SLUICE_WITHOUT_ADDON"] === "1" ? [] : ["chacha20-poly1305@openssh.com" as const]),
  ] as const;

  test.each(ciphers)("under %s ends the connection, wherever it is", (cipher) =>
    target.attack(
      async () => {
        // The identification and the KEXINIT are the first 1,200 bytes or so; the login and a request are behind them.
        const offsets = Array.from({ length: 24 }, (_, i) => (i < 8 ? i * 5 : i * 90));
        await Promise.all(offsets.map((offset) => flipped(cipher, offset)));
      },
      { connections: 24 },
    ),
  );

  /** A login through a proxy that flips the lowest bit of one byte. Resolves when the connection is gone. */
  async function flipped(cipher: ssh2.CipherAlgorithm, offset: number): Promise<void> {
    let passed = 0;
    let flips = 0;
    const proxy = createServer((near) => {
      const far = connect(target.port, "127.0.0.1");
      near.on("data", (piece: Buffer) => {
        if (offset >= passed && offset < passed + piece.length) {
          piece[offset - passed]! ^= 1;
          flips += 1;
        }
        passed += piece.length;
        far.write(piece);
      });
      far.on("data", (piece: Buffer) => near.write(piece));
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
        one.on("end", () => other.end());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const client = new ssh2.Client();
    const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.on("error", () => {});
    client.on("ready", () => {
      client.sftp((error, sftp) => {
        // Many at once: where the length of a packet was changed, the server waits for the rest of it.
        const again = (): void => {
          if (passed > offset + 8192) client.end();
          else for (let i = 0; i < 32; i++) sftp.stat("/canary.bin", i === 31 ? again : () => {});
        };
        if (error === undefined) again();
      });
    });
    const { port } = proxy.address() as AddressInfo;
    client.connect({
      host: "127.0.0.1",
      port,
      ...account,
      algorithms: { cipher: [cipher], hmac: ["hmac-sha2-256"] },
    });
    await within(gone, 30_000, `A connection whose byte ${offset} was changed did not end`);
    proxy.close();
    expect(flips).toBe(1);
    expect(passed - offset, "bytes that were taken behind the changed one").toBeLessThan(8192);
  }
});

test("a client that stops reading in the middle of a download is given up", () =>
  target.attack(
    async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer, { window: 0xffff_ffff });
      const file = await channel.openFile("/large.bin", 1);
      peer.socket.pause();
      for (let i = 0; i < 400; i++) {
        channel.data(channel.numbered(5, str(file), u32(0), u32((i % 32) * 255 * 1024), u32(255 * 1024)).bytes);
        if (i % 50 === 0) await sleep(1);
      }
      await target.waitFor(() => (target.linesOf(peer).some(({ msg }) => msg === "Disconnected") ? true : undefined));
      expect(await target.reasonOf(peer)).toMatch(/does not read/);
    },
    { growth: 64 * 1024 * 1024 },
  ));

test("a window that stays shut holds up the requests, not the memory", () =>
  target.attack(
    async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.open(peer, { window: 0 });
      channel.request("subsystem", false, str("sftp"));
      // VERSION cannot leave, so the handle of the file cannot be known: requests without one are as good.
      channel.data(Buffer.concat([u32(5), u8(1), u32(3)]));
      for (let i = 0; i < 2000; i++) channel.data(channel.numbered(17, str(`/${"x".repeat(1000)}`)).bytes);
      await peer.roundTrip();
      expect(channel.received).toBe(0);
    },
    { growth: 24 * 1024 * 1024 },
  ));
