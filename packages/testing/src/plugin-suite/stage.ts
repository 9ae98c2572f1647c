import assert from "node:assert/strict";
import { proven, SftpError, type FileSystem, type Plugin, type PluginFactory } from "@sluice/core";
import type { SftpClient } from "../client.ts";
import type { ConnectOptions, TestConnection } from "../connect.ts";
import { faultyFileSystem, type FaultyFileSystem } from "../faulty.ts";
import { latch } from "../latch.ts";
import { capturedLog, type CapturedLog } from "../log.ts";
import { startTestServer, type TestServer } from "../server.ts";
import { StatusError } from "../status-error.ts";
import { suiteFiles } from "./files.ts";

/** A plugin's options, what it needs around it, and how to clear up behind it. */
export interface PluginUnderTest<Input> {
  /** Options that are in order; absent for a plugin that takes none. */
  readonly options?: Input;
  /** The plugins that it requires, made anew for each server. @default none */
  readonly requires?: () => readonly Plugin[];
  /** Mounted at `/`. Its own `close` is called after each server. @default one file, mounted out of the way */
  readonly fs?: () => FileSystem;
  /** How the suite's clients come: for plugins that refuse some. They log in by a method of the suite, which takes any password. */
  readonly connect?: ConnectOptions;
  /** What stands in the options and must not be told, such as passwords. @default none */
  readonly secrets?: readonly string[];
  /** Removes what `create` made. */
  close?(): Promise<void>;
}

/** Where the suite's files are when the author gives none. */
const outOfTheWay = "/sluice-plugin-suite";

/** Servers with the plugin under test, and clients that do to them what clients do. */
export class PluginStage<Input> {
  readonly subject: PluginUnderTest<Input>;
  readonly #factory: PluginFactory<Input>;

  constructor(factory: PluginFactory<Input>, subject: PluginUnderTest<Input>) {
    this.#factory = factory;
    this.subject = subject;
  }

  /** The plugin with the author's options. */
  plugin(): Plugin {
    return this.pluginWith(this.subject.options);
  }

  /** The plugin with other options. */
  pluginWith(options: unknown): Plugin {
    return (this.#factory as unknown as (given: unknown) => Plugin)(options);
  }

  /** Runs a server with this plugin, and closes it. The file system must have been given everything back then. */
  async serve(plugin: Plugin, use: (running: Running) => Promise<void>, behind: readonly Plugin[] = []): Promise<void> {
    const faulty = faultyFileSystem(this.subject.fs?.() ?? suiteFiles());
    const base = this.subject.fs === undefined ? outOfTheWay : "";
    const log = capturedLog();
    const server = await startTestServer({
      log,
      methods: [{ name: "plugin-suite", mechanism: "password", verify: () => proven() }],
      auth: [["plugin-suite"]],
      plugins: [...(this.subject.requires?.() ?? []), plugin, ...behind],
      prepare: (it) => {
        it.mount(base === "" ? "/" : base, faulty.fs);
        it.before((ctx) => {
          if ("path" in ctx.request && ctx.request.path.endsWith("/refused")) throw new SftpError("permissionDenied");
        });
      },
    });
    try {
      await use(new Running(server, faulty, base, this.subject.connect ?? {}));
    } finally {
      await server.close();
    }
    assert.equal(faulty.openHandles, 0, "a file is still open in the file system");
    assert.equal(faulty.openListings, 0, "a listing is still open in the file system");
    assert.deepEqual(faulty.violations, [], "the file system was not used as its contract says");
  }
}

/** A server with the plugin, while it runs. */
export class Running {
  readonly server: TestServer;
  readonly #faulty: FaultyFileSystem;
  readonly #base: string;
  readonly #connect: ConnectOptions;

  constructor(server: TestServer, faulty: FaultyFileSystem, base: string, connect: ConnectOptions) {
    this.server = server;
    this.#faulty = faulty;
    this.#base = base;
    this.#connect = connect;
  }

  get log(): CapturedLog {
    return this.server.log;
  }

  /** Logs in. */
  connect(): Promise<TestConnection> {
    return this.server.connect({ password: "plugin-suite", ...this.#connect });
  }

  /** A client that comes, does a little of everything and goes. Refusals count as answers. */
  async visit(): Promise<void> {
    const connection = await this.connect();
    const client = await connection.sftp();
    const calls: ((client: SftpClient) => Promise<unknown>)[] = [
      () => client.realpath("."),
      () => client.list(this.#path("")),
      () => client.readFile(this.#path("/file")),
      () => client.writeFile(this.#path("/upload"), "a few bytes"),
      () => client.setstat(this.#path("/upload"), { mode: 0o600 }),
      () => client.rename(this.#path("/upload"), this.#path("/renamed")),
      () => client.remove(this.#path("/renamed")),
      () => client.mkdir(this.#path("/directory")),
      () => client.rmdir(this.#path("/directory")),
    ];
    for (const call of calls) await answered(call(client));
    await connection.end();
    await this.server.idle();
  }

  /** Requests that are refused: by a guard, by the file system, and for no fault of the client's. */
  async provoke(): Promise<void> {
    const connection = await this.connect();
    const client = await connection.sftp();
    await answered(client.open(this.#path("/refused"), { write: true, create: true }));
    await answered(client.mkdir(this.#path("/refused")));
    await answered(client.open(this.#path("/missing")));
    await answered(client.read(Buffer.alloc(16), 0, 1));
    await answered(client.extended("no-such-extension@sluice"));
    this.#faulty.plan({ at: "handle.write", nth: 1, rejects: new SftpError("noSpace") });
    await answered(client.writeFile(this.#path("/upload"), "a few bytes"));
    await connection.end();
    await this.server.idle();
  }

  /** A client that vanishes in the middle of an upload and of a download. */
  async abandon(): Promise<void> {
    const connection = await this.connect();
    const client = await connection.sftp();
    const gate = latch();
    this.#faulty.plan({ at: "handle.write", nth: 1, until: gate });
    this.#faulty.plan({ at: "handle.read", nth: 1, until: gate });
    const all = Promise.allSettled([
      client.writeFile(this.#path("/upload"), "a few bytes"),
      client.readFile(this.#path("/file")),
    ]);
    // Where the plugin refuses both, there is nothing to wait for.
    await Promise.race([gate.reached, all]);
    connection.cut();
    await all;
    gate.release();
    await this.server.idle();
  }

  #path(path: string): string {
    return this.#base + path || "/";
  }
}

/** Waits for an answer, whatever it is; a channel that breaks is none. */
async function answered(reply: Promise<unknown>): Promise<void> {
  try {
    await reply;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
  }
}
