import type { AuthMethod, Login, Mechanism, Verdict } from "./auth/method.ts";
import type { Connection, Disconnect, RemoteEnd } from "./connection.ts";
import type { Diversion, Guard, Middleware, Observer, OperationName } from "./context.ts";
import { operationNames } from "./context.ts";
import { SetupError } from "./errors.ts";
import type { Extension } from "./extension.ts";
import type { FileSystemSource } from "./filesystem.ts";
import type { Logger } from "./log.ts";
import { nearest } from "./nearest.ts";
import type { Mounts } from "./mounts.ts";
import type { Step } from "./pipeline.ts";
import type { PluginHost, Which } from "./plugin.ts";
import type { Explainer } from "./question.ts";
import type { Services } from "./services.ts";
import type { Session } from "./session.ts";

/** A function with the plugin to blame for it. */
export interface Listener<F> {
  readonly plugin: string;
  readonly run: F;
}

/** Everything that plugins have registered, in the order of registration. */
export interface Registrations {
  readonly steps: Step[];
  readonly methods: AuthMethod[];
  readonly extensions: Map<string, Extension>;
  readonly mounts: Mounts;
  readonly beforeConnection: Listener<(remote: RemoteEnd) => void | Promise<void>>[];
  readonly beforeLogin: Listener<(login: Login) => void | Promise<void>>[];
  readonly afterLogin: Listener<(login: Login, verdict: Verdict) => void>[];
  readonly onConnection: Listener<(connection: Connection) => void | Promise<void>>[];
  readonly onSession: Listener<(session: Session) => void | Promise<void>>[];
  readonly onDisconnect: Listener<(connection: Connection, how: Disconnect) => void>[];
  readonly onExplain: Listener<Explainer>[];
  readonly onClose: Listener<() => void | Promise<void>>[];
  /** After this, registering is an error: the pipelines are compiled. */
  shut: boolean;
  /** Plugins are set up, and nothing will be served. */
  rehearsal: boolean;
}

/** What one plugin registers with, under its name. */
export class Host implements PluginHost {
  readonly log: Logger;
  readonly services: Services;
  readonly #plugin: string;
  readonly #to: Registrations;

  constructor(plugin: string, to: Registrations, services: Services, log: Logger) {
    this.#plugin = plugin;
    this.#to = to;
    this.services = services;
    this.log = log;
  }

  get rehearsal(): boolean {
    return this.#to.rehearsal;
  }

  use<K extends OperationName>(...args: [Middleware] | [Which<K>, Middleware<K>]): void {
    this.#step("serve", args);
  }

  before<K extends OperationName>(...args: [Guard] | [Which<K>, Guard<K>]): void {
    this.#step("guard", args);
  }

  after<K extends OperationName>(...args: [Observer] | [Which<K>, Observer<K>]): void {
    this.#step("observe", args);
  }

  divert<K extends OperationName>(...args: [Diversion] | [Which<K>, Diversion<K>]): void {
    this.#step("divert", args);
  }

  authenticate<M extends Mechanism>(method: AuthMethod<M>): void {
    this.#open();
    const twin = this.#to.methods.find((other) => other.name === method.name && other.mechanism === method.mechanism);
    if (twin !== undefined) {
      throw new SetupError(
        "ERR_SLUICE_PLUGIN_SETUP",
        `Plugin "${this.#plugin}": a method "${method.name}" for ${method.mechanism} is registered already`,
      );
    }
    this.#to.methods.push(method);
  }

  beforeConnection(guard: (remote: RemoteEnd) => void | Promise<void>): void {
    this.#listen(this.#to.beforeConnection, guard);
  }

  beforeLogin(guard: (login: Login) => void | Promise<void>): void {
    this.#listen(this.#to.beforeLogin, guard);
  }

  afterLogin(observer: (login: Login, verdict: Verdict) => void): void {
    this.#listen(this.#to.afterLogin, observer);
  }

  mount(path: string, source: FileSystemSource): void {
    this.#open();
    this.#to.mounts.add(path, source, this.#plugin);
  }

  extend<K extends OperationName>(extension: Extension<K>): void {
    this.#open();
    if (extension.name === "" || this.#to.extensions.has(extension.name)) {
      throw new SetupError(
        "ERR_SLUICE_EXTENSION_NAME",
        `Plugin "${this.#plugin}": the extension name "${extension.name}" is empty or taken`,
      );
    }
    this.#to.extensions.set(extension.name, extension);
  }

  onConnection(listener: (connection: Connection) => void | Promise<void>): void {
    this.#listen(this.#to.onConnection, listener);
  }

  onSession(listener: (session: Session) => void | Promise<void>): void {
    this.#listen(this.#to.onSession, listener);
  }

  onDisconnect(listener: (connection: Connection, how: Disconnect) => void): void {
    this.#listen(this.#to.onDisconnect, listener);
  }

  onExplain(explainer: Explainer): void {
    this.#listen(this.#to.onExplain, explainer);
  }

  onClose(close: () => void | Promise<void>): void {
    this.#listen(this.#to.onClose, close);
  }

  #listen<F>(list: Listener<F>[], run: F): void {
    this.#open();
    this.#checkFunction(run);
    list.push({ plugin: this.#plugin, run });
  }

  #step(phase: Step["phase"], args: readonly unknown[]): void {
    this.#open();
    const [which, run] = args.length > 1 ? args : [undefined, args[0]];
    this.#checkFunction(run);
    const operations = which === undefined ? undefined : ([which].flat() as OperationName[]);
    for (const name of operations ?? []) {
      if (operationNames.includes(name)) continue;
      const near = nearest(name, operationNames);
      const hint = near === undefined ? "" : `; did you mean "${near}"?`;
      throw new SetupError(
        "ERR_SLUICE_PLUGIN_SETUP",
        `Plugin "${this.#plugin}": no operation is named "${name}"${hint}`,
      );
    }
    this.#to.steps.push({ plugin: this.#plugin, operations, phase, run } as unknown as Step);
  }

  #checkFunction(run: unknown): void {
    if (typeof run === "function") return;
    throw new SetupError("ERR_SLUICE_PLUGIN_SETUP", `Plugin "${this.#plugin}": a function is needed to register`);
  }

  #open(): void {
    if (!this.#to.shut) return;
    throw new SetupError(
      "ERR_SLUICE_HOST_SHUT",
      `Plugin "${this.#plugin}" registers after the server has started; register everything before listen()`,
    );
  }
}
