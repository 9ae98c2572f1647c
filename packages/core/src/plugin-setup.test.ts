import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import {
  capturedLog,
  latch,
  startTestServer,
  testHostKey,
  type TestServer,
  type TestServerOptions,
} from "@sluice/testing";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { SetupError } from "./errors.ts";
import type { FileSystem } from "./filesystem.ts";
import { definePlugin, type Plugin, type PluginHost } from "./plugin.ts";
import { createServer, type Server } from "./server.ts";
import { token } from "./token.ts";

let running: TestServer | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(options: TestServerOptions): Promise<Server> {
  running = await startTestServer({ fs: createMemoryFileSystem(), ...options });
  return running.server;
}

/** A plugin without options. */
const plugin = (
  name: string,
  setup: (host: PluginHost) => void | Promise<void> = () => {},
  requires: string[] = [],
): Plugin => definePlugin({ name, requires, setup })();

/** A server that is not ready yet. */
const unready = (...plugins: Plugin[]): Server => {
  const server = createServer({ hostKeys: [{ key: testHostKey().privateKey }], log: capturedLog() });
  server.authenticate({ name: "any", mechanism: "password", verify: () => ({ is: "proven", user: {} }) });
  server.mount("/", createMemoryFileSystem());
  server.register(...plugins);
  return server;
};

describe("plugins", () => {
  it("are set up one after the other, in the order in which they are listed", async () => {
    const order: string[] = [];
    const slow = plugin("slow", async () => {
      order.push("slow begins");
      await new Promise((resolve) => setImmediate(resolve));
      order.push("slow ends");
    });
    await start({ plugins: [slow, plugin("quick", () => void order.push("quick"))] });
    expect(order).toEqual(["slow begins", "slow ends", "quick"]);
  });

  it("are set up once, however often the server is asked to be ready", async () => {
    let count = 0;
    const server = await start({ plugins: [plugin("once", () => void (count += 1))] });
    await Promise.all([server.ready(), server.ready(), server.explain()]);
    expect(count).toBe(1);
  });

  it("must be listed behind what they require", async () => {
    const [quota, ledger] = [plugin("quota", () => {}, ["ledger"]), plugin("ledger")];
    await unready(ledger, quota).ready();
    await expect(unready(quota, ledger).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_PLUGIN_REQUIRES",
      message: 'Plugin "quota" needs "ledger": list that one first',
    });
    await expect(unready(quota).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_PLUGIN_REQUIRES",
      message: 'Plugin "quota" needs "ledger": register that one too',
    });
  });

  it("must have names that differ and that are names", async () => {
    await expect(unready(plugin("twin"), plugin("twin")).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_PLUGIN_NAME",
      message: 'Plugin "twin" is registered twice',
    });
    for (const name of ["", "Upper", "with space", "../x", "-x"]) {
      await expect(unready(plugin(name)).ready()).rejects.toMatchObject({ code: "ERR_SLUICE_PLUGIN_NAME" });
    }
  });

  it("none of which is set up where one of them cannot be", async () => {
    let touched = false;
    const first = plugin("first", () => void (touched = true));
    await expect(
      unready(
        first,
        plugin("second", () => {}, ["third"]),
      ).ready(),
    ).rejects.toThrow(SetupError);
    expect(touched).toBe(false);
  });
});

describe("a setup that fails", () => {
  it("is told with the plugin's name, and closes what was set up before, last first", async () => {
    const closed: string[] = [];
    const closing = (name: string): Plugin =>
      plugin(name, (host) => {
        host.onClose(() => void closed.push(`${name} 1`));
        host.onClose(async () => {
          await Promise.resolve();
          closed.push(`${name} 2`);
        });
      });
    const failing = plugin("failing", (host) => {
      host.onClose(() => void closed.push("failing"));
      throw new Error("the directory is down");
    });
    const never = plugin("never", () => void closed.push("never"));
    await expect(unready(closing("a"), closing("b"), failing, never).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_PLUGIN_SETUP",
      message: 'Plugin "failing" failed to set up: the directory is down',
      cause: { message: "the directory is down" },
    });
    expect(closed).toEqual(["failing", "b 2", "b 1", "a 2", "a 1"]);
  });

  it("keeps failing, and nothing is closed twice", async () => {
    let closed = 0;
    const server = unready(
      plugin("first", (host) => host.onClose(() => void (closed += 1))),
      plugin("second", () => Promise.reject(new Error("no"))),
    );
    await expect(server.ready()).rejects.toThrow(/"second"/);
    await expect(server.ready()).rejects.toThrow(/"second"/);
    await expect(server.listen(0)).rejects.toThrow(/"second"/);
    await server.close();
    expect(closed).toBe(1);
  });

  it("that is the fault of another plugin or of the server names the plugin all the same", async () => {
    const Missing = token<string>("ledger");
    const faults: ((host: PluginHost) => void)[] = [
      (host) => void host.services.get(Missing),
      (host) => host.mount("/", createMemoryFileSystem()),
      (host) => host.mount("relative", createMemoryFileSystem()),
      (host) => host.before("unlink" as "remove", () => {}),
      (host) => host.before("remove", undefined as unknown as () => void),
      (host) =>
        host.extend({
          name: "limits@openssh.com",
          operation: "extended",
          decode: () => ({ name: "", data: Buffer.alloc(0) }),
        }),
      (host) => host.authenticate({ name: "any", mechanism: "password", verify: () => ({ is: "unknown" }) }),
    ];
    for (const fault of faults) {
      await expect(unready(plugin("culprit", fault)).ready()).rejects.toMatchObject({
        name: "SetupError",
        message: expect.stringContaining("culprit") as string,
      });
    }
  });

  it("does not keep others from closing where one of them fails to close", async () => {
    const closed: string[] = [];
    const server = await start({
      plugins: [
        plugin("a", (host) => host.onClose(() => void closed.push("a"))),
        plugin("b", (host) => host.onClose(() => Promise.reject(new Error("stuck")))),
        plugin("c", (host) => {
          host.onClose(() => {
            throw new Error("stuck, too");
          });
        }),
      ],
    });
    await server.close();
    expect(closed).toEqual(["a"]);
    const failures = running!.log.records.filter(({ message }) => message === "A plugin failed to close");
    expect(failures.map(({ fields }) => fields["plugin"])).toEqual(["c", "b"]);
  });
});

describe("options of a plugin", () => {
  const schema = (
    validate: StandardSchemaV1.Props<unknown, { size: number }>["validate"],
  ): StandardSchemaV1<unknown, { size: number }> => ({
    "~standard": { version: 1, vendor: "test", validate },
  });

  it("reach its setup as the schema returns them", async () => {
    const seen: unknown[] = [];
    const sized = definePlugin({
      name: "sized",
      options: schema((value) => Promise.resolve({ value: { size: Number((value as { size: string }).size) * 2 } })),
      setup: (_host, options) => void seen.push(options),
    });
    await start({ plugins: [sized({ size: "21" })] });
    expect(seen).toEqual([{ size: 42 }]);
  });

  it("that are wrong are told by plugin and path, and it is not set up", async () => {
    let touched = false;
    const sized = definePlugin({
      name: "sized",
      options: schema(() => ({
        issues: [{ message: "expected number", path: ["limit", { key: "size" }] }, { message: "and so on" }],
      })),
      setup: () => void (touched = true),
    });
    await expect(unready(sized({})).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_PLUGIN_OPTIONS",
      message: "Plugin sized: limit.size: expected number; and so on",
      issues: [{ message: "expected number" }, { message: "and so on" }],
    });
    expect(touched).toBe(false);
  });

  it("whose check itself throws are blamed on the plugin", async () => {
    const broken = definePlugin({
      name: "broken",
      options: schema(() => {
        throw new TypeError("undefined is not a function");
      }),
      setup: () => {},
    });
    await expect(unready(broken({})).ready()).rejects.toMatchObject({
      name: "SetupError",
      message: expect.stringContaining("broken") as string,
    });
  });

  it("are refused by a plugin that takes none", async () => {
    const none = definePlugin({ name: "none", setup: () => {} }) as (options: unknown) => Plugin;
    await expect(unready(none({ size: 1 })).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_PLUGIN_OPTIONS",
      message: "Plugin none: takes no options",
    });
  });
});

describe("registering", () => {
  const verbs: Record<string, (host: PluginHost) => void> = {
    use: (host) => host.use("stat", (_ctx, next) => next()),
    before: (host) => host.before("stat", () => {}),
    after: (host) => host.after("stat", () => {}),
    divert: (host) => host.divert("stat", () => {}),
    authenticate: (host) =>
      host.authenticate({ name: "late", mechanism: "password", verify: () => ({ is: "unknown" }) }),
    beforeConnection: (host) => host.beforeConnection(() => {}),
    beforeLogin: (host) => host.beforeLogin(() => {}),
    afterLogin: (host) => host.afterLogin(() => {}),
    mount: (host) => host.mount("/late", createMemoryFileSystem()),
    extend: (host) =>
      host.extend({ name: "late", operation: "stat", decode: (fields) => ({ path: fields.path(), follow: true }) }),
    onConnection: (host) => host.onConnection(() => {}),
    onSession: (host) => host.onSession(() => {}),
    onDisconnect: (host) => host.onDisconnect(() => {}),
    onClose: (host) => host.onClose(() => {}),
  };

  it.each(Object.entries(verbs))(
    "by %s works during setup, and is refused when the server is ready",
    async (_name, register) => {
      let kept: PluginHost | undefined;
      const server = await start({
        auth: [["test"]],
        plugins: [
          plugin("late", (host) => {
            register(host);
            kept = host;
          }),
        ],
      });
      expect(() => register(kept!)).toThrow(
        expect.objectContaining({ code: "ERR_SLUICE_HOST_SHUT", message: expect.stringContaining('"late"') as string }),
      );
      expect(() => register(server)).toThrow(expect.objectContaining({ code: "ERR_SLUICE_HOST_SHUT" }));
    },
  );

  it("a plugin is refused when the server is ready", async () => {
    const server = await start({});
    expect(() => server.register(plugin("late"))).toThrow(
      expect.objectContaining({ code: "ERR_SLUICE_ALREADY_STARTED" }),
    );
  });
});

describe("services", () => {
  interface Counter {
    readonly id: number;
  }

  it("of a plugin are there for the plugins behind it, made on first use, and closed last made first", async () => {
    const [Pool, Ledger, Unused] = [token<Counter>("pool"), token<Counter>("ledger"), token<Counter>("unused")];
    const log: string[] = [];
    const server = await start({
      plugins: [
        plugin("provider", (host) => {
          host.services.provide(Pool, () => ({ id: 1, close: () => void log.push("pool closed") }));
          host.services.provide(Unused, () => ({ id: 9, close: () => void log.push("unused closed") }));
          host.services.provide(Ledger, (services) => {
            log.push("ledger made");
            return {
              id: services.get(Pool).id + 1,
              close: () => Promise.resolve().then(() => log.push("ledger closed")),
            };
          });
          host.onClose(() => void log.push("plugin closed"));
        }),
        plugin("user", (host) => {
          expect(host.services.get(Ledger).id).toBe(2);
          expect(host.services.get(Ledger)).toBe(host.services.get(Ledger));
        }),
      ],
    });
    await server.close();
    expect(log).toEqual(["ledger made", "plugin closed", "ledger closed", "pool closed"]);
  });

  it("that the application provides come before those of plugins", async () => {
    const Clock = token<{ now(): number }>("clock");
    const seen: number[] = [];
    await start({
      services: (services) => services.provide(Clock, () => ({ now: () => 42 })),
      plugins: [
        plugin("clock", (host) => {
          if (!host.services.has(Clock)) host.services.provide(Clock, () => ({ now: () => Date.now() }));
          seen.push(host.services.get(Clock).now());
        }),
      ],
    });
    expect(seen).toEqual([42]);
  });

  it("of scope `connection` exist once for each connection and close with it", async () => {
    const Counter = token<Counter>("counter");
    const [made, closed]: [number[], number[]] = [[], []];
    const seen: Counter[] = [];
    await start({
      plugins: [
        plugin("counting", (host) => {
          host.services.provide(
            Counter,
            () => {
              const id = made.length + 1;
              made.push(id);
              return { id, close: () => void closed.push(id) };
            },
            "connection",
          );
          host.onSession((session) => void seen.push(session.connection.services.get(Counter)));
        }),
      ],
    });
    const [one, two] = [await running!.connect(), await running!.connect()];
    await one.sftp();
    await two.sftp();
    await one.sftp();
    expect(seen.map(({ id }) => id)).toEqual([1, 2, 1]);
    await one.end();
    await running!.log.waitFor(({ message }) => message === "Disconnected");
    expect(closed).toEqual([1]);
    await running!.close();
    expect(closed).toEqual([1, 2]);
  });

  it("of scope `connection` are refused to the server", async () => {
    const Counter = token<Counter>("counter");
    const greedy = plugin("greedy", (host) => {
      host.services.provide(Counter, () => ({ id: 1 }), "connection");
      host.services.get(Counter);
    });
    await expect(unready(greedy).ready()).rejects.toMatchObject({
      code: "ERR_SLUICE_SERVICE",
      message: expect.stringContaining("onConnection") as string,
    });
  });
});

describe("file systems that are mounted", () => {
  /** A file system that counts how often it is closed. */
  function counting(closed: string[], name: string, fails = false): FileSystem {
    return Object.assign(createMemoryFileSystem(), {
      close: () => {
        closed.push(name);
        return fails ? Promise.reject(new Error(`${name} is stuck`)) : Promise.resolve();
      },
    });
  }

  it("are closed once with the server, after the plugins", async () => {
    const closed: string[] = [];
    const server = await start({
      fs: counting(closed, "root"),
      plugins: [
        plugin("other", (host) => {
          host.mount("/other", counting(closed, "other"));
          host.onClose(() => void closed.push("plugin"));
        }),
      ],
    });
    await server.close();
    await server.close();
    expect(closed).toEqual(["plugin", "root", "other"]);
  });

  it("are closed once where the setup failed, though the server is closed afterwards", async () => {
    const closed: string[] = [];
    const server = unready(
      plugin("mounting", (host) => host.mount("/sub", counting(closed, "sub"))),
      plugin("failing", () => Promise.reject(new Error("no"))),
    );
    await expect(server.ready()).rejects.toThrow(/"failing"/);
    await server.close();
    expect(closed).toEqual(["sub"]);
  });

  it("are closed once though they are mounted twice", async () => {
    const closed: string[] = [];
    const fs = counting(closed, "both");
    const server = await start({ fs, prepare: (it) => it.mount("/again", fs) });
    await server.close();
    expect(closed).toEqual(["both"]);
  });

  it("and services are closed though one of them fails to", async () => {
    const closed: string[] = [];
    const Pool = token<object>("pool");
    const server = await start({
      fs: counting(closed, "root", true),
      prepare: (it) => it.mount("/other", counting(closed, "other")),
      plugins: [
        plugin("pooling", (host) => {
          host.services.provide(Pool, () => ({ close: () => void closed.push("pool") }));
          host.services.get(Pool);
        }),
      ],
    });
    await server.close();
    expect(closed).toEqual(["root", "other", "pool"]);
    expect(running!.log.text()).toContain("root is stuck");
  });
});

describe("a server that is closed while its plugins are being set up", () => {
  it("closes them as well", async () => {
    const gate = latch();
    let open = 0;
    const slow = plugin("slow", async (host) => {
      await gate.wait();
      open += 1;
      host.onClose(() => void (open -= 1));
    });
    const server = unready(slow);
    const ready = server.ready().catch(() => undefined);
    await gate.reached;
    const closed = server.close();
    // Within these turns a server closes that does not wait for its plugins.
    for (let i = 0; i < 20; i++) await turn();
    gate.release();
    await Promise.all([ready, closed]);
    expect(open).toBe(0);
  });
});

describe("a server that has been closed", () => {
  it("sets up no plugins any more: nobody would close them", async () => {
    let touched = false;
    const server = unready(plugin("late", () => void (touched = true)));
    await server.close();
    const closed = { code: "ERR_SLUICE_ALREADY_STARTED", message: "The server has been closed; make a new one" };
    await expect(server.listen(0)).rejects.toMatchObject(closed);
    await expect(server.ready()).rejects.toMatchObject(closed);
    await expect(server.explain()).rejects.toMatchObject(closed);
    expect(touched).toBe(false);
  });
});

describe("explain", () => {
  it("tells plugins, logins, mounts, extensions, and each operation's steps from the outside in", async () => {
    const server = await start({
      plugins: [
        plugin("quota", (host) => {
          host.use("write", async function reserve(_ctx, next) {
            await next();
          });
        }),
        plugin("audit", (host) => {
          host.before("write", () => {});
          host.divert("write", () => {});
          host.after(() => {});
        }),
      ],
    });
    const text = await server.explain();
    expect(text).toContain("Plugins: quota, audit");
    expect(text).toMatch(/Methods: test \(password\)/);
    expect(text).toContain("/ (server)");
    expect(text).toMatch(
      /^ {2}write +after audit( \(.*\))? > divert audit( \(.*\))? > before audit( \(.*\))? > use quota \(reserve\) > file system$/m,
    );
    expect(text).toContain("posix-rename@openssh.com");
  });
});
