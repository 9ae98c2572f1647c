import { afterEach, describe, expect, test } from "vitest";
import { AttackChannel } from "./channel.ts";
import { Target, type TargetOptions } from "./oracle.ts";
import { passwordRequest } from "./peer.ts";
import { message, MSG, str, u32 } from "./wire.ts";

/** Many connections, and sources that misbehave: who is refused, and who is not. */
let target: Target;
afterEach(() => target?.stop());

async function start(options: TargetOptions): Promise<void> {
  target = await Target.start(options);
}

/** Whether a connection of this address is served. */
async function served(from: string): Promise<boolean> {
  try {
    const peer = await target.peer({ from });
    const { type } = await (await AttackChannel.sftp(peer)).ask(17, str("/file.bin"));
    peer.close();
    return type === 105;
  } catch {
    return false;
  }
}

/** The reasons for which connections were refused. */
function refusals(): string[] {
  return target.records.filter(({ msg }) => msg === "Connection refused").map(({ reason }) => reason ?? "");
}

describe("one source", () => {
  test("may have a few connections that are not logged in; its others are refused, and other sources are not", async () => {
    await start({});
    await target.attack(
      async () => {
        const crowd = await Promise.all(
          Array.from({ length: 100 }, () => target.peer({ stage: "tcp", from: "127.0.2.1" })),
        );
        await target.waitFor(() => (refusals().length >= 95 ? true : undefined));
        await target.waitFor(() => (crowd.filter(({ ending }) => ending === undefined).length <= 5 ? true : undefined));
        expect(await served("127.0.2.2")).toBe(true);
        expect(await served("127.0.2.1")).toBe(false);
        for (const peer of crowd) peer.close();
        await target.waitFor(async () => ((await served("127.0.2.1")) ? true : undefined));
      },
      { connections: 7 },
    );
  });

  test("may have twenty connections in all", async () => {
    await start({});
    await target.attack(
      async () => {
        for (let i = 0; i < 20; i++) await target.peer({ from: "127.0.2.1" });
        expect(await served("127.0.2.1")).toBe(false);
        expect(await served("127.0.2.2")).toBe(true);
      },
      { connections: 21 },
    );
  });
});

describe("all sources together", () => {
  test("may have so many connections that are not logged in; others find room, and who is logged in goes on", async () => {
    await start({ maxStartups: "20:100:20" });
    await target.attack(
      async () => {
        const loggedIn = await AttackChannel.sftp(await target.peer());
        const crowd = await Promise.all(
          Array.from({ length: 100 }, (_, i) => target.peer({ stage: "tcp", from: `127.0.3.${i + 1}` })),
        );
        await target.waitFor(() =>
          crowd.filter(({ ending }) => ending === undefined).length <= 20 ? true : undefined,
        );
        for (let i = 1; i <= 10; i++) expect(await served(`127.0.${3 + i}.1`)).toBe(true);
        expect((await loggedIn.ask(17, str("/file.bin"))).type).toBe(105);
      },
      { connections: 21 },
    );
  });

  test("may have so many connections", async () => {
    await start({ limits: { connections: 10 } });
    await target.attack(
      async () => {
        for (let i = 0; i < 9; i++) await target.peer({ from: `127.0.3.${i + 1}` });
        expect(await served("127.0.4.1")).toBe(false);
      },
      { connections: 9 },
    );
  });
});

describe("a source that misbehaves is refused for a while, and others are not", () => {
  test.each<[string, number, (from: string) => Promise<void>]>([
    [
      "by breaking the protocol once",
      1,
      async (from) => {
        const peer = await target.peer({ from, stage: "keys" });
        peer.send(message(MSG.USERAUTH_SUCCESS));
        await peer.dropped();
      },
    ],
    [
      "by no identification",
      1,
      async (from) => {
        const peer = await target.peer({ from, stage: "tcp" });
        peer.write("GET / HTTP/1.1\r\n\r\n");
        await peer.dropped();
      },
    ],
    [
      "by wrong passwords, one for each connection",
      5,
      async (from) => {
        const peer = await target.peer({ from, stage: "service" });
        peer.send(passwordRequest("tester", "wrong"));
        await peer.expect(MSG.USERAUTH_FAILURE);
        peer.close();
        await peer.ended;
      },
    ],
    [
      "by leaving without a try",
      40,
      async (from) => {
        const peer = await target.peer({ from, stage: "ident" });
        await peer.expect(MSG.KEXINIT);
        peer.close();
        await peer.ended;
      },
    ],
    [
      "by letting the time for its login run out",
      2,
      async (from) => {
        const peer = await target.peer({ from, stage: "ident" });
        await peer.dropped();
      },
    ],
  ])("%s", async (_what, times, offend) => {
    await start({ penalties: {}, limits: { loginGraceMs: 1500 } });
    await target.attack(
      async () => {
        for (let i = 0; i < times; i++) {
          await offend("127.0.5.1").catch((error: unknown) => {
            // Refused before it has offended as often as it wanted to.
            if (!refusals().includes("The source is penalised")) throw error;
          });
        }
        await target.waitFor(async () => ((await served("127.0.5.1")) ? undefined : true));
        await target.waitFor(() => (refusals().includes("The source is penalised") ? true : undefined));
        expect(await served("127.0.5.2")).toBe(true);
      },
      { connections: 2 },
    );
  });

  test("by violations after its login, too", async () => {
    await start({ penalties: {} });
    await target.attack(
      async () => {
        const peer = await target.peer({ from: "127.0.5.1" });
        peer.send(message(MSG.CHANNEL_OPEN, str("session"), u32(0), u32(0), u32(0)));
        await peer.dropped();
        await target.waitFor(async () => ((await served("127.0.5.1")) ? undefined : true));
        expect(await served("127.0.5.2")).toBe(true);
      },
      { connections: 2 },
    );
  });
});

describe("who guesses at a user from many sources, one try for each connection", () => {
  const guess = async (from: string): Promise<void> => {
    const peer = await target.peer({ from, stage: "service" });
    peer.send(passwordRequest("tester", "wrong"));
    await peer.expect(MSG.USERAUTH_FAILURE);
    peer.close();
  };

  test("gets no further than the bound for a user, and the user logs in from where he did before", async () => {
    await start({ limits: { authFailuresPerUser: 20 } });
    await target.attack(
      async () => {
        expect(await served("127.0.6.200")).toBe(true);
        for (let i = 1; i <= 20; i++) await guess(`127.0.6.${i}`);
        expect(await served("127.0.6.100")).toBe(false);
        expect(await served("127.0.6.200")).toBe(true);
      },
      { connections: 23 },
    );
  });

  test("gets no further than the bound for a source, and others are served", async () => {
    await start({ limits: { authFailuresPerSource: 10 } });
    await target.attack(
      async () => {
        for (let i = 1; i <= 10; i++) await guess("127.0.6.1");
        expect(await served("127.0.6.1")).toBe(false);
        expect(await served("127.0.6.2")).toBe(true);
      },
      { connections: 12 },
    );
  });
});

test("key exchanges of the server's come after so many bytes, and a transfer goes on through them", async () => {
  await start({ rekey: { bytes: 256 * 1024 } });
  await target.attack(
    async () => {
      const peer = await target.peer();
      const channel = await AttackChannel.sftp(peer);
      const file = await channel.openFile("/large.bin", 1);
      for (let i = 0; i < 100; i++) {
        const { type, body } = await channel.ask(5, str(file), u32(0), u32(i * 32_768), u32(32_768));
        expect([type, body.readUInt32BE(0)]).toEqual([103, 32_768]);
      }
      expect(peer.exchanges).toBeGreaterThanOrEqual(5);
      expect(channel.misanswered).toEqual([]);
    },
    { growth: 96 * 1024 * 1024 },
  );
});

test("a client that never answers the server's key exchange is dropped", async () => {
  await start({ rekey: { bytes: 256 * 1024, deadlineMs: 1500 } });
  await target.attack(async () => {
    const peer = await target.peer({ answerRekey: false });
    const channel = await AttackChannel.sftp(peer);
    const file = await channel.openFile("/large.bin", 1);
    for (let i = 0; i < 100; i++)
      channel.data(channel.numbered(5, str(file), u32(0), u32(i * 32_768), u32(32_768)).bytes);
    await peer.dropped();
    expect(await target.reasonOf(peer)).toMatch(/key exchange took too long/i);
  });
});

test("a client that logs in and asks for nothing is sent away, whatever else it says", async () => {
  await start({ limits: { idleMs: 1500 } });
  await target.attack(
    async () => {
      const silent = await target.peer();
      const chatty = await target.peer();
      const busy = setInterval(() => chatty.send(message(MSG.IGNORE, str("still here"))), 100);
      const asking = await target.peer();
      const channel = await AttackChannel.sftp(asking);
      const half = await AttackChannel.sftp(await target.peer());
      half.data(u32(1000));
      const drip = setInterval(() => half.data(Buffer.alloc(1)), 200);
      const shut = await AttackChannel.sftp(await target.peer(), { window: 500 });
      const file = await shut.openFile("/large.bin", 1);
      shut.data(shut.numbered(5, str(file), u32(0), u32(0), u32(32_768)).bytes);
      const gone = [silent, chatty, half.peer, shut.peer];
      const asks = setInterval(() => channel.data(channel.numbered(17, str("/file.bin")).bytes), 200);
      const reasons = await Promise.all(gone.map((peer) => target.reasonOf(peer).catch(() => "none: it was kept")));
      clearInterval(asks);
      clearInterval(drip);
      clearInterval(busy);
      expect(reasons).toEqual(gone.map(() => "The connection was idle"));
      await channel.allAnswered();
      expect(channel.closed).toBe(false);
    },
    { connections: 5 },
  );
});
