import { once } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, testUser, type TestServer, type TestServerOptions } from "@sluice/testing";
import { RawClient } from "../test/raw-client.ts";
import { proven, type AuthMethod } from "./auth/method.ts";
import { defaultPenalties, readStartups, sourceOf, Sources, type Place, type SourceLimits } from "./sources.ts";
import { memorySockets, type MemorySocket } from "./ssh/memory-socket.ts";

const limits: SourceLimits = {
  startups: { start: 100, percent: 30, full: 100 },
  connections: 100,
  perSource: 100,
  perSourceUnauthenticated: 100,
  penalties: undefined,
  allow: undefined,
  deny: undefined,
};

/** A place that must have been given. */
function admit(sources: Sources, address: string): Place {
  const place = sources.admit(address);
  if (typeof place === "string") throw new Error(place);
  return place;
}

/** Numbers from 0 to 1, the same each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

describe("a source", () => {
  it("is an IPv4 address, or an IPv6 network of 64 bits", () => {
    const same = (...addresses: string[]): void =>
      expect(new Set(addresses.map((address) => sourceOf(address))).size).toBe(1);
    expect(sourceOf("192.0.2.1")).toBe("192.0.2.1");
    same("192.0.2.1", "::ffff:192.0.2.1", "::FFFF:192.0.2.1");
    same("2001:db8::1", "2001:db8:0:0:ffff::", "2001:0DB8::", "2001:db8:0:0:1:2:3:4", "2001:db8::1%eth0");
    same("::1", "::2", "0:0:0:0:0:0:0:1");
    expect(sourceOf("2001:db8:0:1::1")).not.toBe(sourceOf("2001:db8::1"));
    expect(sourceOf("192.0.2.1")).not.toBe(sourceOf("192.0.2.2"));
  });

  it("has so many connections and no more, until one ends", () => {
    const sources = new Sources({ ...limits, perSource: 2 });
    const places = [admit(sources, "192.0.2.1"), admit(sources, "192.0.2.1")];
    for (const place of places) place.authenticated();
    expect(sources.admit("192.0.2.1")).toBe("Too many connections of this source");
    admit(sources, "192.0.2.2");
    places[0]!.leave();
    admit(sources, "192.0.2.1");
  });

  it("has so many that have not logged in", () => {
    const sources = new Sources({ ...limits, perSourceUnauthenticated: 2 });
    const places = [admit(sources, "2001:db8::1"), admit(sources, "2001:db8::2")];
    expect(sources.admit("2001:db8::3")).toBe("Too many logins of this source at once");
    places[0]!.authenticated();
    places[0]!.authenticated();
    admit(sources, "2001:db8::3");
    expect(sources.admit("2001:db8::4")).toBe("Too many logins of this source at once");
  });

  it("that is less crowded than others gets a place of theirs when there are too many logins", () => {
    const sources = new Sources({ ...limits, startups: { start: 4, percent: 100, full: 4 } });
    const evicted: string[] = [];
    const crowd = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"].map((address, i) => {
      const place = sources.admit(address, () => evicted.push(`${i}`));
      if (typeof place === "string") throw new Error(place);
      return place;
    });
    admit(sources, "192.0.2.3");
    expect(evicted).toEqual(["0"]);
    admit(sources, "198.51.100.1");
    expect(evicted).toEqual(["0", "1"]);
    // Nobody is more crowded than these would be.
    expect(sources.admit("192.0.2.3")).toBe("Too many logins at once");
    for (const place of crowd) place.leave();
    admit(sources, "192.0.2.3");
  });

  it("that says nothing makes room for others, the oldest first; one that has said who it is does not", () => {
    let now = 0;
    const sources = new Sources({ ...limits, startups: { start: 3, percent: 100, full: 3 } }, Math.random, () => now);
    const evicted: number[] = [];
    const [first] = [1, 2, 3].map((i) => sources.admit(`192.0.${i}.1`, () => evicted.push(i)));
    (first as Place).reached("identified");
    expect(sources.admit("192.0.4.1")).toBe("Too many logins at once");
    now = 1000;
    admit(sources, "192.0.4.1").reached("identified");
    admit(sources, "192.0.5.1").reached("identified");
    expect(evicted).toEqual([2, 3]);
    expect(sources.admit("192.0.6.1")).toBe("Too many logins at once");
  });

  it("from which somebody has logged in gets a place, and keeps it, for an hour", () => {
    let now = 0;
    const sources = new Sources({ ...limits, startups: { start: 2, percent: 100, full: 2 } }, Math.random, () => now);
    const known = admit(sources, "192.0.2.1");
    known.authenticated();
    known.leave();
    for (const address of ["192.0.3.1", "192.0.4.1"]) admit(sources, address).reached("identified");
    expect(sources.admit("192.0.5.1")).toBe("Too many logins at once");
    const back = [admit(sources, "192.0.2.1"), admit(sources, "192.0.2.1")];
    now = 1000;
    expect(sources.admit("192.0.5.1")).toBe("Too many logins at once");
    for (const place of back) place.leave();
    now = 3_600_001;
    // Those that have waited for so long make room once.
    for (const address of ["192.0.6.1", "192.0.7.1"]) admit(sources, address).reached("identified");
    expect(sources.admit("192.0.2.1")).toBe("Too many logins at once");
  });

  it("that takes long to log in makes room for others: the one that has come least far, and of those the oldest", () => {
    let now = 0;
    const sources = new Sources({ ...limits, startups: { start: 4, percent: 100, full: 4 } }, Math.random, () => now);
    const evicted: number[] = [];
    const [asked, first, second, proven] = [1, 2, 3, 4].map((i) =>
      sources.admit(`192.0.${i}.1`, () => evicted.push(i)),
    );
    const reach = (place: Place | string | undefined, stage: Parameters<Place["reached"]>[0]): void =>
      (place as Place).reached(stage);
    reach(proven, "proven");
    reach(proven, "asked");
    reach(asked, "asked");
    reach(first, "keyed");
    reach(second, "identified");
    now = 9999;
    expect(sources.admit("192.0.5.1")).toBe("Too many logins at once");
    now = 10_000;
    for (let i = 5; i <= 7; i++) admit(sources, `192.0.${i}.1`).reached("identified");
    expect(evicted).toEqual([3, 2, 1]);
    // The others have just come, and who has proven something is never in the way.
    expect(sources.admit("192.0.8.1")).toBe("Too many logins at once");
    now = 20_000;
    for (let i = 8; i <= 10; i++) admit(sources, `192.0.${i}.1`).reached("identified");
    expect(evicted).toHaveLength(3);
    expect(sources.admit("192.0.11.1")).toBe("Too many logins at once");
  });

  it("that takes long has more time while there is room", () => {
    let now = 0;
    const startups = { start: 2, percent: 100, full: 6 };
    const sources = new Sources({ ...limits, startups }, Math.random, () => now);
    for (const address of ["192.0.2.1", "192.0.3.1"]) admit(sources, address).reached("asked");
    now = 29_999;
    expect(sources.admit("192.0.4.1")).toBe("Too many logins at once");
    now = 30_000;
    admit(sources, "192.0.4.1");
  });

  it("of a crowd that comes from everywhere and never logs in does not keep out strangers who log in at a person's pace", () => {
    let now = 0;
    const sources = new Sources({ ...limits, startups: readStartups("10:30:100") }, random(1), () => now);
    const evicted = new Set<string>();
    const connect = (address: string): Place | undefined => {
      let leave = (): void => undefined;
      const place = sources.admit(address, () => {
        evicted.add(address);
        leave();
      });
      if (typeof place === "string") return undefined;
      leave = () => place.leave("noAuth");
      place.reached("asked");
      return place;
    };
    const people = new Map<string, Place>();
    let served = 0;
    for (let second = 0; second < 60; second++) {
      now = second * 1000;
      // Whoever was sent away comes back soon.
      if (second % 10 === 0) for (let i = 0; i < 200; i++) connect(`10.${i}.0.1`);
      // Somebody comes every second, tries ten times if need be, and has typed a password eight seconds later.
      for (let attempt = 0; attempt < 10; attempt++) {
        const person = connect(`172.16.${second}.1`);
        if (person === undefined) continue;
        people.set(`172.16.${second}.1`, person);
        break;
      }
      const done = `172.16.${second - 8}.1`;
      people.get(done)?.authenticated();
      people.get(done)?.leave();
      if (people.has(done) && !evicted.has(done)) served += 1;
    }
    expect(served).toBeGreaterThan(40);
  });

  it("gives its place back once, however often it leaves", () => {
    const sources = new Sources({ ...limits, perSource: 2 });
    const [first] = [admit(sources, "192.0.2.1"), admit(sources, "192.0.2.1")];
    first.leave();
    first.leave();
    admit(sources, "192.0.2.1");
    expect(typeof sources.admit("192.0.2.1")).toBe("string");
  });

  it("is forgotten when its last connection has ended", () => {
    const sources = new Sources(limits);
    const places = Array.from({ length: 50 }, (_, i) => admit(sources, `192.0.2.${i}`));
    expect(sources.size).toBe(50);
    for (const place of places) place.leave();
    expect(sources.size).toBe(0);
  });

  it("that cannot be told is counted in total alone", () => {
    const sources = new Sources({ ...limits, connections: 3, perSource: 1 });
    for (let i = 0; i < 3; i++) admit(sources, "");
    expect(sources.admit("")).toBe("Too many connections");
  });
});

describe("all sources", () => {
  it("have so many connections together", () => {
    const sources = new Sources({ ...limits, connections: 2 });
    const place = admit(sources, "192.0.2.1");
    admit(sources, "192.0.2.2");
    expect(sources.admit("192.0.2.3")).toBe("Too many connections");
    place.leave();
    admit(sources, "192.0.2.3");
  });

  it("are dropped at random before they have logged in, more and more until all are", () => {
    let random = 0;
    const sources = new Sources({ ...limits, startups: { start: 2, percent: 30, full: 4 } }, () => random);
    const dropped = (at: number): boolean => {
      random = at;
      const place = sources.admit("192.0.2.1");
      if (typeof place !== "string") place.leave();
      return typeof place === "string";
    };
    expect(dropped(0)).toBe(false);
    admit(sources, "192.0.2.1");
    expect(dropped(0)).toBe(false);
    admit(sources, "192.0.2.1");
    expect([dropped(0.29), dropped(0.31)]).toEqual([true, false]);
    random = 0.9;
    const last = admit(sources, "192.0.2.1");
    expect([dropped(0.64), dropped(0.66)]).toEqual([true, false]);
    admit(sources, "192.0.2.1");
    expect(dropped(0.999)).toBe(true);
    last.authenticated();
    expect(dropped(0.999)).toBe(false);
  });
});

describe("maxStartups", () => {
  it("is read as OpenSSH writes it", () => {
    expect(readStartups("10:30:100")).toEqual({ start: 10, percent: 30, full: 100 });
    for (const text of ["", "10", "10:30", "10:101:100", "10:30:5", "0:30:0", "a:b:c", "10:30:100:1", "-1:30:100"]) {
      expect(() => readStartups(text)).toThrow(expect.objectContaining({ code: "ERR_SLUICE_OPTIONS" }));
    }
  });
});

describe("penalties", () => {
  const start = 1_000_000;

  function punishing(): {
    sources: Sources;
    at: (ms: number) => void;
    offend: (offence: "crash" | "authFail" | "noAuth") => void;
  } {
    let now = start;
    const sources = new Sources(
      { ...limits, penalties: defaultPenalties },
      () => 0.5,
      () => now,
    );
    return {
      sources,
      at: (ms) => (now = start + ms),
      offend: (offence) => admit(sources, "192.0.2.1").leave(offence),
    };
  }

  it("refuse a source that broke the protocol, for as long as they say, and no other", () => {
    const { sources, at, offend } = punishing();
    offend("crash");
    expect(sources.admit("192.0.2.1")).toBe("The source is penalised");
    admit(sources, "192.0.2.2");
    at(89_999);
    expect(sources.admit("192.0.2.1")).toBe("The source is penalised");
    at(90_001);
    admit(sources, "192.0.2.1");
  });

  it("add up, and refuse from a threshold on", () => {
    const { sources, at, offend } = punishing();
    offend("authFail");
    offend("authFail");
    admit(sources, "192.0.2.1").leave();
    offend("authFail");
    expect(sources.admit("192.0.2.1")).toBe("The source is penalised");
    at(15_001);
    admit(sources, "192.0.2.1");
  });

  it("are over for who waits: what is past does not add up", () => {
    const { sources, at, offend } = punishing();
    for (let i = 0; i < 10; i++) {
      offend("authFail");
      at((i + 1) * 5001);
    }
    admit(sources, "192.0.2.1");
  });

  it("are no longer than the longest", () => {
    const { sources, at } = punishing();
    const places = Array.from({ length: 20 }, () => admit(sources, "192.0.2.1"));
    for (const place of places) place.leave("crash");
    at(599_999);
    expect(sources.admit("192.0.2.1")).toBe("The source is penalised");
    at(600_001);
    admit(sources, "192.0.2.1");
  });

  it("of a hundred thousand sources fill no memory", () => {
    const { sources } = punishing();
    for (let i = 0; i < 100_000; i++)
      admit(sources, `2001:db8:${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}::1`).leave("noAuth");
    expect(sources.size).toBeLessThanOrEqual(65_536);
  });
});

describe("allow and deny", () => {
  it("decide by address and network, deny first", () => {
    const sources = new Sources({
      ...limits,
      allow: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"],
      deny: ["10.6.0.0/16"],
    });
    for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:1::1", "192.0.2.7"]) admit(sources, address);
    expect(sources.admit("10.6.1.1")).toBe("The address is denied");
    expect(sources.admit("::ffff:10.6.1.1")).toBe("The address is denied");
    for (const address of ["192.0.2.8", "2001:db9::1", "11.0.0.1"]) {
      expect(sources.admit(address)).toBe("The address is not allowed");
    }
  });

  it("refuse what is no network", () => {
    for (const network of ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0", "localhost", "2001:db8::/129", "10.0.0.0/x", ""]) {
      expect(() => new Sources({ ...limits, allow: [network] })).toThrow(
        expect.objectContaining({ code: "ERR_SLUICE_OPTIONS", message: expect.stringContaining("allow") as string }),
      );
    }
  });
});

describe("a server", () => {
  let running: TestServer | undefined;
  afterEach(async () => {
    vi.useRealTimers();
    await running?.close();
  });

  async function start(options: TestServerOptions): Promise<TestServer> {
    running = await startTestServer({ fs: createMemoryFileSystem(), ...options });
    return running;
  }

  /** A client that says nothing. */
  function silent(address: string): MemorySocket {
    const sockets = memorySockets({ address });
    sockets.client.resume();
    running!.server.accept(sockets.server);
    return sockets.client;
  }

  it("closes the connections of a source that has too many before a byte of SSH, and keeps the others", async () => {
    const { log, connect } = await start({ limits: { perSource: 2 } });
    await connect({ address: "192.0.2.1" });
    const second = await connect({ address: "192.0.2.1" });
    const third = silent("192.0.2.1");
    await once(third, "close");
    expect(third.bytesRead).toBe(0);
    const { fields } = await log.waitFor(({ message }) => message === "Connection refused");
    expect(fields).toMatchObject({ reason: "Too many connections of this source", remote: "192.0.2.1" });
    await connect({ address: "192.0.2.2" });
    await second.end();
    await running!.log.waitFor(({ message }) => message === "Disconnected");
    await connect({ address: "192.0.2.1" });
  });

  it("counts those that have not logged in until they have", async () => {
    const { connect } = await start({ limits: { perSourceUnauthenticated: 1 } });
    const waiting = silent("192.0.2.1");
    const refused = silent("192.0.2.1");
    await once(refused, "close");
    expect(waiting.destroyed).toBe(false);
    waiting.destroy();
    await running!.idle();
    for (let i = 0; i < 5; i++) await connect({ address: "192.0.2.1" });
    expect(running!.server.connections.size).toBe(5);
  });

  it("refuses a source that violates the protocol for a while", async () => {
    const { connect, log } = await start({ penalties: {} });
    const hostile = silent("192.0.2.1");
    hostile.write("GET / HTTP/1.1\r\n\r\n");
    await once(hostile, "close");
    await running!.idle();
    const again = silent("192.0.2.1");
    await once(again, "close");
    await log.waitFor(({ fields: { reason } }) => reason === "The source is penalised");
    await connect({ address: "192.0.2.2" });
  });

  it("sends away who takes long to log in where there is no room, the least advanced first, and never who has proven something", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const methods: AuthMethod[] = [
      { name: "one", mechanism: "password", verify: () => proven() },
      { name: "two", mechanism: "publickey", verify: () => proven() },
    ];
    await start({ methods, auth: [["one", "two"]], maxStartups: "4:100:4" });
    const come = (i: number): { readonly socket: MemorySocket; readonly client: RawClient } => {
      const sockets = memorySockets({ address: `192.0.${i}.1` });
      running!.server.accept(sockets.server);
      return { socket: sockets.client, client: new RawClient(sockets.client) };
    };
    const login = (client: RawClient): Promise<void> => client.login(testUser.username, testUser.password);
    const [proving, asking, idle, silentAfterIdent] = [1, 2, 3, 4].map(come);
    for (const { client } of [proving!, asking!, idle!]) await client.exchange();
    await expect(login(proving!.client)).rejects.toThrow("Message 51");
    await asking!.client.service();
    await asking!.client.authenticate("tester", "ssh-ed25519", Buffer.alloc(51));
    await silentAfterIdent!.client.next();
    vi.setSystemTime(Date.now() + 10_000);
    const gone = [silentAfterIdent!, idle!, asking!];
    for (const [i, { socket }] of gone.entries()) {
      const closed = once(socket, "close");
      await come(10 + i).client.next();
      await closed;
      expect(gone.filter((one) => one.socket.destroyed)).toHaveLength(i + 1);
    }
    await once(silent("192.0.20.1"), "close");
    expect(proving!.socket.destroyed).toBe(false);
  });

  it("takes nobody from an address that is denied", async () => {
    await start({ deny: ["192.0.2.0/24"] });
    const denied = silent("192.0.2.1");
    await once(denied, "close");
    expect(denied.bytesRead).toBe(0);
    await running!.connect({ address: "198.51.100.1" });
  });
});
