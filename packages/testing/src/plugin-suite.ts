import assert from "node:assert/strict";
import { definePlugin, type Plugin, type PluginFactory } from "@sluice/core";
import { applicable, type Exceptions } from "./applicable.ts";
import type { SuiteCase } from "./file-system-suite.ts";
import { watched } from "./plugin-suite/host.ts";
import { withoutLeaks } from "./plugin-suite/leaks.ts";
import { PluginStage, type PluginUnderTest, type Running } from "./plugin-suite/stage.ts";

export type { PluginUnderTest } from "./plugin-suite/stage.ts";

/** Options of `pluginSuite`. */
export interface PluginSuiteOptions<Input> {
  /** What the plugin's package exports. */
  readonly plugin: PluginFactory<Input>;
  /** Called once for each case. @default a plugin that needs no options and nothing around it */
  create?(): Promise<PluginUnderTest<Input>>;
  /** Cases that do not apply to this plugin, by name, each with the reason: the suite is without them. @default {} */
  readonly except?: Exceptions;
}

interface Case {
  readonly name: string;
  /** Resolves to why the case does not apply, if it does not. */
  readonly check: <Input>(
    stage: PluginStage<Input>,
    factory: PluginFactory<Input>,
  ) => Promise<string | undefined | void>;
}

const strange = "no-such-option";
const broken = "The suite refuses this";
const secretsCase = "secrets of the options are told neither in the log nor by explain";

const cases: readonly Case[] = [
  {
    name: "the plugin's name is a name, and the same everywhere",
    async check(stage, factory) {
      assert.match(factory.pluginName, /^[a-z0-9][a-z0-9-]*$/, "a name of a-z, 0-9 and dashes is needed");
      assert.equal(stage.plugin().name, factory.pluginName);
    },
  },
  {
    name: "the options that are in order are taken",
    async check(stage) {
      assert.deepEqual(await stage.plugin().validate(), []);
    },
  },
  {
    name: "an option that does not exist is refused with a message that names it",
    async check(stage) {
      const { options } = stage.subject;
      const wrong = { ...(typeof options === "object" ? options : {}), [strange]: 1 };
      await withoutLeaks(async () => {
        const error = await failure(stage, stage.pluginWith(wrong));
        assert.equal((error as { code?: unknown }).code, "ERR_SLUICE_PLUGIN_OPTIONS", error.message);
        const named = error.message.includes(strange) || error.message.endsWith("takes no options");
        assert.ok(named, `the message names the option: ${error.message}`);
        assert.ok(error.message.includes(stage.plugin().name), `the message names the plugin: ${error.message}`);
        assert.equal(secretIn(stage, error.message), undefined, "the message tells a secret");
      });
    },
  },
  {
    name: "a server that closes leaves nothing behind, nor does a second one",
    async check(stage) {
      for (let round = 0; round < 2; round++) {
        await withoutLeaks(() => stage.serve(stage.plugin(), visited));
      }
    },
  },
  {
    name: "two servers at once do not disturb each other",
    async check(stage) {
      await withoutLeaks(() =>
        stage.serve(stage.plugin(), async (first) => {
          await stage.serve(stage.plugin(), async (second) => {
            await first.visit();
            await second.visit();
          });
          await first.visit();
        }),
      );
    },
  },
  {
    name: "a setup that fails half way leaves nothing behind",
    async check(stage) {
      let reached = true;
      for (let nth = 1; reached; nth++) {
        reached = false;
        let count = 0;
        const plugin = watched(stage.plugin(), (method) => {
          // What has been opened and cannot be registered for closing could not be closed by anybody.
          if (method === "onClose" || ++count !== nth) return;
          reached = true;
          throw new Error(broken);
        });
        await withoutLeaks(async () => {
          const error = await attempt(stage, plugin);
          if (reached) assert.match(error?.message ?? "", new RegExp(broken), "the server says why it is not ready");
          else if (error !== undefined) throw error;
        });
      }
    },
  },
  {
    name: "a later plugin's setup that fails closes this one again",
    async check(stage) {
      const failing = definePlugin({
        name: "plugin-suite-failing",
        setup: () => {
          throw new Error(broken);
        },
      });
      await withoutLeaks(async () => {
        assert.match((await failure(stage, stage.plugin(), failing())).message, new RegExp(broken));
      });
    },
  },
  {
    name: "nothing is registered after the setup",
    async check(stage) {
      const late: string[] = [];
      let finished = false;
      const plugin = watched(
        stage.plugin(),
        (method) => {
          if (finished) late.push(method);
        },
        () => (finished = true),
      );
      await stage.serve(plugin, visited);
      assert.deepEqual(late, []);
    },
  },
  {
    name: "requests that are refused do no harm",
    async check(stage) {
      await withoutLeaks(() =>
        stage.serve(stage.plugin(), async (running) => {
          await running.provoke();
          await running.visit();
          quiet(running);
        }),
      );
    },
  },
  {
    name: "clients that vanish do no harm",
    async check(stage) {
      await withoutLeaks(() =>
        stage.serve(stage.plugin(), async (running) => {
          await running.abandon();
          await running.abandon();
          await running.visit();
          quiet(running);
        }),
      );
    },
  },
  {
    name: secretsCase,
    async check(stage) {
      if ((stage.subject.secrets ?? []).length === 0) return "no secrets were given";
      let text = "";
      await stage.serve(stage.plugin(), async (running) => {
        await running.visit();
        await running.provoke();
        await running.abandon();
        text = await running.server.server.explain();
        await running.server.close();
        text += running.log.text();
      });
      assert.equal(secretIn(stage, text), undefined, "a secret was told");
      return undefined;
    },
  },
];

/**
 * The tests that hold a plugin to what a server owes its users: it sets up and closes without leaks, in whatever state the server is,
 * refuses options that do not exist, survives refused and abandoned requests, and tells no secrets. Each case runs servers with the
 * plugin and clients that log in to them.
 *
 * Cases look at the timers and sockets of the whole process: run nothing else beside them.
 *
 * @throws TypeError if `except` names a case that does not exist.
 *
 * @example
 * runSuite("my plugin", pluginSuite({
 *   plugin: webhook,
 *   create: async () => ({ options: { url: "http://127.0.0.1:9/", token: "s3cret" }, secrets: ["s3cret"] }),
 * }), { describe, it });
 */
export function pluginSuite<Input>(options: PluginSuiteOptions<Input>): readonly SuiteCase[] {
  // A plugin that is given no options has no secrets.
  const owed = options.create === undefined ? cases.filter(({ name }) => name !== secretsCase) : cases;
  return applicable("pluginSuite", owed, options.except).map(({ name, check }) => ({
    name,
    async run(context) {
      const reason = await perform(check, options);
      if (reason !== undefined) context?.skip(reason);
    },
  }));
}

async function perform<Input>(check: Case["check"], options: PluginSuiteOptions<Input>): Promise<string | undefined> {
  const subject = (await options.create?.()) ?? {};
  try {
    return (await check(new PluginStage(options.plugin, subject), options.plugin)) ?? undefined;
  } finally {
    await subject.close?.();
  }
}

const visited = (running: Running): Promise<void> => running.visit();

/** What a server with these plugins fails to get ready with. */
async function failure<Input>(stage: PluginStage<Input>, plugin: Plugin, ...behind: readonly Plugin[]): Promise<Error> {
  const error = await attempt(stage, plugin, ...behind);
  if (error === undefined) throw new assert.AssertionError({ message: "the server should have refused to get ready" });
  return error;
}

/** Runs a server for a moment; resolves to what it failed with, if it did. */
async function attempt<Input>(
  stage: PluginStage<Input>,
  plugin: Plugin,
  ...behind: readonly Plugin[]
): Promise<Error | undefined> {
  try {
    await stage.serve(plugin, () => Promise.resolve(), behind);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Nothing was logged as an error. */
function quiet(running: Running): void {
  const errors = running.log.records.filter(({ level }) => level === "error" || level === "fatal");
  assert.deepEqual(
    errors.map(({ message, fields }) => `${message}: ${String(fields["err"])}`),
    [],
    "the log has errors",
  );
}

/** The first secret that stands in a text. */
function secretIn<Input>({ subject }: PluginStage<Input>, text: string): string | undefined {
  return subject.secrets?.find((secret) => text.includes(secret));
}
