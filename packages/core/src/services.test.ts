import { describe, expect, it } from "vitest";
import { SetupError } from "./errors.ts";
import { ServiceContainer, type Services } from "./services.ts";
import { token, type Token } from "./token.ts";

interface Counter {
  readonly id: number;
}
const Clock: Token<Counter> = token("test.clock");
const Ledger: Token<Counter> = token("test.ledger");
const Note: Token<Counter> = token("test.note");

/** Makes numbered counters, and remembers with whom it made them. */
function maker(): { make: (services: Services) => Counter; readonly made: Services[] } {
  const made: Services[] = [];
  return { made, make: (services) => ({ id: made.push(services) }) };
}

const problem = (message: RegExp): unknown =>
  expect.objectContaining({ code: "ERR_SLUICE_SERVICE", message: expect.stringMatching(message) as string });

describe("Services of a server", () => {
  it("are made on first use and then the same for everybody", () => {
    const server = new ServiceContainer();
    const { make, made } = maker();
    server.provide(Clock, make);
    expect(made).toHaveLength(0);
    expect(server.has(Clock)).toBe(true);
    const clock = server.get(Clock);
    expect(server.get(Clock)).toBe(clock);
    expect(server.child().get(Clock)).toBe(clock);
    expect(server.child().child().get(Clock)).toBe(clock);
    expect(made).toHaveLength(1);
  });

  it("are told apart by their tokens, not by their names", () => {
    const server = new ServiceContainer();
    const twin: Token<Counter> = token("test.clock");
    server.provide(Clock, () => ({ id: 1 }));
    expect(server.has(twin)).toBe(false);
    server.provide(twin, () => ({ id: 2 }));
    expect([server.get(Clock).id, server.get(twin).id]).toEqual([1, 2]);
  });

  it("are other ones in another server", () => {
    const [one, two] = [new ServiceContainer(), new ServiceContainer()];
    one.provide(Clock, () => ({ id: 1 }));
    expect(two.has(Clock)).toBe(false);
    two.provide(Clock, () => ({ id: 2 }));
    expect([one.get(Clock).id, two.get(Clock).id]).toEqual([1, 2]);
  });

  it("that nobody provides are an error that names them", () => {
    const server = new ServiceContainer();
    expect(server.has(Clock)).toBe(false);
    expect(() => server.get(Clock)).toThrow(problem(/No plugin provides the service "test\.clock"/));
    expect(() => server.child().get(Clock)).toThrow(SetupError);
  });

  it("are provided once: a second recipe is refused, from a connection too", () => {
    const server = new ServiceContainer();
    server.provide(Clock, () => ({ id: 1 }));
    expect(() => server.provide(Clock, () => ({ id: 2 }))).toThrow(problem(/"test\.clock" is provided twice/));
    expect(() => server.child().provide(Clock, () => ({ id: 3 }))).toThrow(problem(/provided twice/));
    expect(server.get(Clock).id).toBe(1);
  });

  it("may be made from each other, in any order of registration", () => {
    const server = new ServiceContainer();
    server.provide(Ledger, (services) => ({ id: services.get(Clock).id + 1 }));
    server.provide(Clock, () => ({ id: 1 }));
    expect(server.get(Ledger).id).toBe(2);
  });

  it("that need themselves are an error, at once or by way of others, and not a loop", () => {
    const server = new ServiceContainer();
    server.provide(Clock, (services) => services.get(Clock));
    expect(() => server.get(Clock)).toThrow(problem(/"test\.clock" needs itself/));
    server.provide(Ledger, (services) => services.get(Note));
    server.provide(Note, (services) => services.get(Ledger));
    expect(() => server.get(Ledger)).toThrow(problem(/"test\.ledger" needs itself/));
  });

  it("that could not be made are tried again", () => {
    const server = new ServiceContainer();
    let ready = false;
    server.provide(Clock, () => {
      if (!ready) throw new Error("not yet");
      return { id: 1 };
    });
    expect(() => server.get(Clock)).toThrow("not yet");
    ready = true;
    expect(server.get(Clock).id).toBe(1);
  });

  it.each([0, "", false, null, undefined, Symbol.iterator, () => 1])("may be any value: %s", (value) => {
    const server = new ServiceContainer();
    const Any: Token<unknown> = token("test.any");
    let made = 0;
    server.provide(Any, () => {
      made += 1;
      return value;
    });
    expect(server.get(Any)).toBe(value);
    expect(server.get(Any)).toBe(value);
    expect(server.child().get(Any)).toBe(value);
    expect(made).toBe(1);
  });
});

describe("Services of a connection", () => {
  it("are made once for each connection, by whoever asks first", () => {
    const server = new ServiceContainer();
    const { make, made } = maker();
    server.provide(Note, make, "connection");
    const [one, two] = [server.child(), server.child()];
    expect(one.get(Note)).toBe(one.get(Note));
    expect(one.get(Note)).not.toBe(two.get(Note));
    expect(made).toEqual([one, two]);
  });

  it("are an error where the server is asked, which has no connection", () => {
    const server = new ServiceContainer();
    server.provide(Note, () => ({ id: 1 }), "connection");
    expect(server.has(Note)).toBe(true);
    expect(() => server.get(Note)).toThrow(problem(/"test\.note" exists once per connection/));
  });

  it("cannot be built into a service of the server, even when a connection asks for that one first", () => {
    const server = new ServiceContainer();
    server.provide(Note, () => ({ id: 7 }), "connection");
    server.provide(Ledger, (services) => ({ id: services.get(Note).id }));
    const connection = server.child();
    connection.get(Note);
    expect(() => connection.get(Ledger)).toThrow(problem(/"test\.note" exists once per connection/));
  });

  it("see the server's services, and these see only the server, whoever asked first", () => {
    const server = new ServiceContainer();
    const { make, made } = maker();
    server.provide(Clock, make);
    server.provide(Note, (services) => ({ id: services.get(Clock).id * 10 }), "connection");
    const [one, two] = [server.child(), server.child()];
    expect(one.get(Note).id).toBe(10);
    expect(two.get(Note).id).toBe(10);
    expect(made).toEqual([server]);
  });

  it("never leak from one connection into another", () => {
    const server = new ServiceContainer();
    server.provide(Note, () => ({ id: Math.random() }), "connection");
    server.provide(Clock, () => ({ id: 1 }));
    server.provide(Ledger, (services) => ({ id: services.get(Note).id }), "connection");
    const connections = Array.from({ length: 20 }, () => server.child());
    const ids = connections.map((connection) => {
      connection.get(Clock);
      return connection.get(Ledger).id;
    });
    expect(new Set(ids).size).toBe(20);
    expect(connections.map((connection) => connection.get(Note).id)).toEqual(ids);
  });
});

describe("Closing services", () => {
  const closing = (log: string[], name: string): { close(): void } => ({ close: () => void log.push(name) });

  it("closes what was made and nothing else, last made first", async () => {
    const server = new ServiceContainer();
    const log: string[] = [];
    for (const name of ["a", "b", "c", "unused"]) {
      server.provide(token(name), () => closing(log, name));
    }
    const [A, B, C] = ["a", "b", "c"].map((name) => token<unknown>(name));
    server.provide(A!, () => closing(log, "A"));
    server.provide(B!, (services) => (services.get(A!), closing(log, "B")));
    server.provide(C!, () => closing(log, "C"));
    server.get(C!);
    server.get(B!);
    await server.close();
    expect(log).toEqual(["B", "A", "C"]);
    await server.close();
    expect(log).toEqual(["B", "A", "C"]);
  });

  it("waits for each before the next, and closes the others where one fails", async () => {
    const server = new ServiceContainer();
    const log: string[] = [];
    const slow = {
      async close() {
        log.push("slow begins");
        await new Promise((resolve) => void setImmediate(resolve));
        log.push("slow ends");
      },
    };
    const values: readonly unknown[] = [
      closing(log, "first"),
      slow,
      { close: () => Promise.reject(new Error("stuck")) },
      {
        close: () => {
          throw new Error("broken");
        },
      },
      { close: "no function" },
      null,
      7,
    ];
    for (const value of values) {
      const key = token<unknown>("x");
      server.provide(key, () => value);
      server.get(key);
    }
    const failure: unknown = await server.close().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect((failure as AggregateError).errors.map((error: Error) => error.message)).toEqual(["broken", "stuck"]);
    expect(log).toEqual(["slow begins", "slow ends", "first"]);
  });

  it("calls close on the service that it belongs to", async () => {
    class Pool {
      open = true;
      close(): void {
        this.open = false;
      }
    }
    const server = new ServiceContainer();
    const Pools: Token<Pool> = token("pool");
    server.provide(Pools, () => new Pool());
    const pool = server.get(Pools);
    await server.close();
    expect(pool.open).toBe(false);
  });

  it("closes with a connection only what is the connection's own", async () => {
    const server = new ServiceContainer();
    const log: string[] = [];
    const [Shared, Own] = [token<unknown>("shared"), token<unknown>("own")];
    server.provide(Shared, () => closing(log, "shared"));
    server.provide(Own, () => closing(log, "own"), "connection");
    const [one, two] = [server.child(), server.child()];
    one.get(Shared);
    one.get(Own);
    two.get(Own);
    await one.close();
    expect(log).toEqual(["own"]);
    await two.close();
    await server.close();
    expect(log).toEqual(["own", "own", "shared"]);
  });
});

describe("a default of core", () => {
  interface Clock {
    readonly name: string;
  }
  const Clock: Token<Clock> = token("clock");

  it("gives way to what a plugin provides", () => {
    const services = new ServiceContainer();
    services.provideDefault(Clock, () => ({ name: "default" }));
    services.provide(Clock, () => ({ name: "plugin" }));
    expect(services.get(Clock).name).toBe("plugin");
    expect(() => services.provide(Clock, () => ({ name: "another" }))).toThrow(/provided twice/);
  });

  it("stays once somebody uses it, and the plugin that comes late is told where it belongs", () => {
    const services = new ServiceContainer();
    services.provideDefault(Clock, () => ({ name: "default" }));
    expect(services.get(Clock).name).toBe("default");
    expect(() => services.provide(Clock, () => ({ name: "late" }))).toThrow(
      /in use already; list the plugin that provides it before/,
    );
  });
});
