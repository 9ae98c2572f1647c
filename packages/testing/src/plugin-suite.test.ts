import { createServer as createNetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { definePlugin, SftpError, type PluginFactory, type PluginHost } from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { pluginSuite, runSuite, type PluginUnderTest, type SuiteCase } from "./index.ts";

const schema = z.strictObject({ token: z.string() });
type Options = z.infer<typeof schema>;

/** A plugin with a token that does this in its setup. */
const plugin = (setup: (host: PluginHost, options: Options) => void | Promise<void>): PluginFactory<Options> =>
  definePlugin({ name: "under-test", options: schema, setup });

const subject = (): Promise<PluginUnderTest<Options>> =>
  Promise.resolve({ options: { token: "s3cret" }, secrets: ["s3cret"] });

const careful = plugin(async (host) => {
  const server = createNetServer();
  host.onClose(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const tick = setInterval(() => {}, 1000);
  tick.unref();
  host.onClose(() => clearInterval(tick));
  host.use("write", async (_ctx, next) => next());
  host.before((ctx) => {
    if (ctx.op === "remove") throw new SftpError("permissionDenied");
  });
  host.after((ctx) => ctx.log.debug("Seen"));
  host.onSession((session) => session.log.info("Welcome"));
});

runSuite("a careful plugin", pluginSuite({ plugin: careful, create: subject }), { describe, it });

runSuite(
  "a plugin without options",
  pluginSuite({ plugin: definePlugin({ name: "plain", setup: (host) => host.after(() => {}) }) }),
  { describe, it },
);

runSuite(
  "a plugin that needs another and a file system",
  pluginSuite({
    plugin: definePlugin({
      name: "needy",
      requires: ["plain"],
      setup: (host) => host.mount("/needy", createMemoryFileSystem()),
    }),
    except: { "secrets of the options are told neither in the log nor by explain": "its options hold none" },
    create: () =>
      Promise.resolve({
        requires: () => [definePlugin({ name: "plain", setup: () => {} })()],
        fs: () => createMemoryFileSystem({ files: { "/file": "content" } }),
      }),
  }),
  { describe, it },
);

/** Resolves to the names of the cases that a plugin fails. */
async function failedBy(
  factory: PluginFactory<Options>,
  create: () => Promise<PluginUnderTest<Options>> = subject,
): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of pluginSuite({ plugin: factory, create })) {
    try {
      await run();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}

const leaks = [
  "a server that closes leaves nothing behind, nor does a second one",
  "two servers at once do not disturb each other",
  "a setup that fails half way leaves nothing behind",
  "a later plugin's setup that fails closes this one again",
  "requests that are refused do no harm",
  "clients that vanish do no harm",
];

describe("pluginSuite", () => {
  it("notices a timer that is not cleared, though it does not keep the process alive", async () => {
    const timers: NodeJS.Timeout[] = [];
    const forgetful = plugin((host) => {
      timers.push(setInterval(() => {}, 60_000).unref());
      host.after(() => {});
    });
    expect(await failedBy(forgetful)).toEqual(leaks);
    for (const timer of timers) clearInterval(timer);
  });

  it("says where the timer was made", async () => {
    let timer: NodeJS.Timeout | undefined;
    const forgetful = plugin(() => {
      timer = setInterval(() => {}, 60_000).unref();
    });
    const each = caseOf(forgetful, leaks[0]!);
    await expect(each.run()).rejects.toThrow(/Left behind: a timer made at .*plugin-suite\.test\.ts/);
    clearInterval(timer);
  });

  it("notices a listener of the process that is not taken away", async () => {
    const mine = (): void => {};
    const forgetful = plugin(() => void process.on("SIGUSR2", mine));
    await expect(caseOf(forgetful, leaks[0]!).run()).rejects.toThrow('1 × listener of "SIGUSR2"');
    process.removeListener("SIGUSR2", mine);
  });

  it("notices what is closed only when the server has started", async () => {
    const servers: { close(): void }[] = [];
    const late = plugin(async (host) => {
      const server = createNetServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      servers.push(server);
      host.after(() => {});
      host.onClose(() => new Promise<void>((resolve) => server.close(() => resolve())));
    });
    expect(await failedBy(late)).toEqual(["a setup that fails half way leaves nothing behind"]);
    for (const server of servers) server.close();
  });

  it("notices servers that share what they should not", async () => {
    let open = false;
    const sharing = plugin((host) => {
      open = true;
      host.onClose(() => void (open = false));
      host.onConnection(() => {
        if (!open) throw new Error("closed");
      });
    });
    expect(await failedBy(sharing)).toEqual(["two servers at once do not disturb each other"]);
  });

  it("notices options that are taken though they do not exist", async () => {
    const lax = definePlugin<Options>({ name: "lax", options: z.looseObject({ token: z.string() }), setup: () => {} });
    expect(await failedBy(lax)).toEqual(["an option that does not exist is refused with a message that names it"]);
  });

  it("notices what is registered too late", async () => {
    const late = plugin((host) => {
      host.onSession(() => {
        try {
          host.after(() => {});
        } catch {
          // The host is shut.
        }
      });
    });
    expect(await failedBy(late)).toEqual(["nothing is registered after the setup"]);
  });

  it("notices an observer that cannot bear refusals or closed connections", async () => {
    const fragile = plugin((host) => {
      host.after("mkdir", (_ctx, { status }) => {
        if (status !== "ok") throw new Error("unexpected");
      });
    });
    expect(await failedBy(fragile)).toEqual(["requests that are refused do no harm"]);
    const attached = plugin((host) => {
      host.after("close", (ctx) => {
        if (ctx.signal.aborted) throw new Error("too late");
      });
    });
    expect(await failedBy(attached)).toEqual(["clients that vanish do no harm"]);
  });

  it("notices a middleware that keeps files open", async () => {
    const clinging = plugin((host) => {
      host.use("open", async (ctx, next) => {
        await next();
        ctx.result = { ...ctx.result!, handle: { ...ctx.result!.handle, close: () => Promise.resolve() } };
      });
    });
    expect(await failedBy(clinging)).toContain(leaks[0]);
  });

  it("notices secrets in the log, in explain and in messages", async () => {
    const secrets = "secrets of the options are told neither in the log nor by explain";
    const chatty = plugin((host, options) => host.log.info({ options }, "Set up"));
    expect(await failedBy(chatty)).toEqual([secrets]);
    const named = plugin((host, { token }) => host.after(Object.defineProperty(() => {}, "name", { value: token })));
    expect(await failedBy(named)).toEqual([secrets]);
    const quoting = definePlugin<Options>({
      name: "quoting",
      options: schema.refine((options) => options.token === "", {
        error: (issue) => `not ${JSON.stringify(issue.input)}`,
      }),
      setup: () => {},
    });
    expect(await failedBy(quoting)).toContain("an option that does not exist is refused with a message that names it");
  });

  it("notices a name that is none", async () => {
    const odd = definePlugin<Options>({ name: "Odd.Name", options: schema, setup: () => {} });
    expect(await failedBy(odd)).toContain("the plugin's name is a name, and the same everywhere");
  });

  it("waits for what takes its time to close", async () => {
    const slow = plugin((host) => {
      const tick = setInterval(() => {}, 1000);
      host.onClose(async () => {
        await sleep(10);
        clearInterval(tick);
      });
    });
    expect(await failedBy(slow)).toEqual([]);
  });

  it("leaves out what it is told to, and refuses what it does not know", () => {
    const name = "the plugin's name is a name, and the same everywhere";
    const whole = pluginSuite({ plugin: careful, create: subject }).map((each) => each.name);
    const rest = pluginSuite({ plugin: careful, create: subject, except: { [name]: "because" } });
    expect([name, ...rest.map((each) => each.name)]).toEqual(whole);
    const unknown = { nothing: "because" };
    expect(() => pluginSuite({ plugin: careful, except: unknown })).toThrow('no case is called "nothing"');
  });

  it("looks for secrets where there may be any, and skips that where none are given", async () => {
    const named = "secrets of the options are told neither in the log nor by explain";
    const suite = (create?: () => Promise<PluginUnderTest<Options>>): SuiteCase | undefined =>
      pluginSuite({ plugin: careful, ...(create === undefined ? {} : { create }) }).find(({ name }) => name === named);
    expect(suite()).toBeUndefined();
    const reasons: unknown[] = [];
    await suite(async () => ({ options: { token: "t" } }))!.run({ skip: (reason) => reasons.push(reason) });
    expect(reasons).toEqual(["no secrets were given"]);
  });

  it("clears up behind each case", async () => {
    let open = 0;
    const cases = pluginSuite({
      plugin: careful,
      create: async () => {
        open += 1;
        return { ...(await subject()), close: () => Promise.resolve(void (open -= 1)) };
      },
    });
    await cases[0]!.run();
    expect(open).toBe(0);
  });
});

function caseOf(factory: PluginFactory<Options>, name: string): SuiteCase {
  return pluginSuite({ plugin: factory, create: subject }).find((each) => each.name === name)!;
}
