import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer, type TestServer, type TestServerOptions } from "@sluice/testing";
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
    (first as Place).identified();
    expect(sources.admit("192.0.4.1")).toBe("Too many logins at once");
    now = 1000;
    admit(sources, "192.0.4.1").identified();
    admit(sources, "192.0.5.1").identified();
    expect(evicted).toEqual([2, 3]);
    expect(sources.admit("192.0.6.1")).toBe("Too many logins at once");
  });

  it("from which somebody has logged in gets a place, and keeps it, for an hour", () => {
    let now = 0;
    const sources = new Sources({ ...limits, startups: { start: 2, percent: 100, full: 2 } }, Math.random, () => now);
    const known = admit(sources, "192.0.2.1");
    known.authenticated();
    known.leave();
    for (const address of ["192.0.3.1", "192.0.4.1"]) admit(sources, address).identified();
    expect(sources.admit("192.0.5.1")).toBe("Too many logins at once");
    admit(sources, "192.0.2.1");
    admit(sources, "192.0.2.1");
    now = 1000;
    expect(sources.admit("192.0.5.1")).toBe("Too many logins at once");
    now = 3_600_001;
    expect(sources.admit("192.0.2.1")).toBe("Too many logins at once");
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
  afterEach(async () => running?.close());

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

  it("takes nobody from an address that is denied", async () => {
    await start({ deny: ["192.0.2.0/24"] });
    const denied = silent("192.0.2.1");
    await once(denied, "close");
    expect(denied.bytesRead).toBe(0);
    await running!.connect({ address: "198.51.100.1" });
  });
});
