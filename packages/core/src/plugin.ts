import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { AuthMethod, Login, Mechanism, Verdict } from "./auth/method.ts";
import type { Connection, Disconnect, RemoteEnd } from "./connection.ts";
import type { Diversion, Guard, Middleware, Observer, OperationName } from "./context.ts";
import type { Extension } from "./extension.ts";
import type { FileSystemSource } from "./filesystem.ts";
import type { Logger } from "./log.ts";
import type { Explainer } from "./question.ts";
import type { Services } from "./services.ts";
import type { Session } from "./session.ts";
import { SetupError } from "./errors.ts";
import { nameSource } from "./mounts.ts";

/** One operation, or several. */
export type Which<K extends OperationName> = K | readonly K[];

/** What a plugin's `setup` is given, and what a server is itself. Everything is registered before the server listens. */
export interface PluginHost {
  /** Lines carry the plugin's name. */
  readonly log: Logger;
  readonly services: Services;
  /**
   * Nothing will be served: `sluice check` and `sluice explain` set plugins up to hear what is wrong and what they would do, often while another
   * process serves. Check and register as always; write, lock, connect and start nothing.
   */
  readonly rehearsal: boolean;

  /** Wraps operations: may refuse, answer instead, change the result, or pair things around `next()`. */
  use(middleware: Middleware): void;
  use<K extends OperationName>(operations: Which<K>, middleware: Middleware<K>): void;
  /** Judges what will be served; throws to refuse. */
  before(guard: Guard): void;
  before<K extends OperationName>(operations: Which<K>, guard: Guard<K>): void;
  /** Sees how each request ended, refused ones too. */
  after(observer: Observer): void;
  after<K extends OperationName>(operations: Which<K>, observer: Observer<K>): void;
  /** Changes what is asked for, before every guard. */
  divert(diversion: Diversion): void;
  divert<K extends OperationName>(operations: Which<K>, diversion: Diversion<K>): void;

  authenticate<M extends Mechanism>(method: AuthMethod<M>): void;
  /** Runs before any SSH byte is spent; throws to drop the connection. */
  beforeConnection(guard: (remote: RemoteEnd) => void | Promise<void>): void;
  /** Runs before each attempt is verified; throws to refuse it. */
  beforeLogin(guard: (login: Login) => void | Promise<void>): void;
  /** Sees each attempt's verdict. */
  afterLogin(observer: (login: Login, verdict: Verdict) => void): void;
  /** Puts a file system into the tree. The longest path wins. */
  mount(path: string, source: FileSystemSource): void;
  /** Adds an SFTP extension; it is announced to clients automatically. */
  extend<K extends OperationName>(extension: Extension<K>): void;

  onConnection(listener: (connection: Connection) => void | Promise<void>): void;
  onSession(listener: (session: Session) => void | Promise<void>): void;
  /** Runs exactly once for each connection. */
  onDisconnect(listener: (connection: Connection, how: Disconnect) => void): void;
  /** Answers `server.explain(question)`: says what this plugin would decide, and why, without doing it. */
  onExplain(explainer: Explainer): void;
  /** Last registered, first run; also when a later plugin's `setup` failed. */
  onClose(close: () => void | Promise<void>): void;
}

/** What `definePlugin` is given. */
export interface PluginDefinition<Input, Output> {
  /** The last part of the package's name; the `plugin` field in logs. */
  readonly name: string;
  /** Plugins that must be listed before this one. */
  readonly requires?: readonly string[];
  /** Checks the options given in code and in configuration alike: zod, valibot, arktype … */
  readonly options?: StandardSchemaV1<Input, Output>;
  setup(host: PluginHost, options: Output): void | Promise<void>;
}

/** A plugin with its options, ready to be registered. */
export interface Plugin {
  readonly name: string;
  readonly requires: readonly string[];
  /** Checks the options; the server calls it before `setup`. No issues: they are in order. */
  validate(): Promise<readonly StandardSchemaV1.Issue[]>;
  /** Called once by the server, after `validate`. */
  setup(host: PluginHost): Promise<void>;
}

/** Makes a plugin from its options; they may be left out where the schema can do without them. */
export interface PluginFactory<Input> {
  (...options: undefined extends Input ? [options?: Input] : [options: Input]): Plugin;
  readonly pluginName: string;
}

/**
 * Declares a plugin: what a plugin package exports.
 *
 * @example
 * export const readOnly = definePlugin({
 *   name: "read-only",
 *   setup(host) {
 *     host.before(["write", "remove"], () => {
 *       throw new SftpError("permissionDenied", "This server is read-only");
 *     });
 *   },
 * });
 */
export function definePlugin<Input = undefined, Output = Input>(
  definition: PluginDefinition<Input, Output>,
): PluginFactory<Input> {
  const make = (options?: unknown): Plugin => {
    let checked = options;
    return {
      name: definition.name,
      requires: definition.requires ?? [],
      async validate() {
        if (definition.options === undefined) {
          return options === undefined ? [] : [{ message: "takes no options" }];
        }
        const result = await definition.options["~standard"].validate(options);
        if (result.issues !== undefined) return result.issues;
        checked = result.value;
        return [];
      },
      async setup(host) {
        await definition.setup(host, checked as Output);
      },
    };
  };
  return Object.assign(make, { pluginName: definition.name });
}

/** What `defineFileSystem` is given. */
export interface FileSystemDefinition<Input, Output> {
  /** The last part of the package's name. */
  readonly name: string;
  /** Checks the options given in code and in configuration alike. Must answer synchronously. */
  readonly options: StandardSchemaV1<Input, Output>;
  create(options: Output): FileSystemSource;
}

/** Makes a file system source from its options. */
export interface FileSystemFactory<Input> {
  (...options: undefined extends Input ? [options?: Input] : [options: Input]): FileSystemSource;
  readonly fileSystemName: string;
}

/**
 * Declares a storage backend, so that it can be mounted from code and from a configuration file.
 *
 * @example
 * export const memoryFiles = defineFileSystem({
 *   name: "fs-memory",
 *   options: z.strictObject({ maxBytes: z.number().optional() }).optional(),
 *   create: (options) => new MemoryFileSystem(options),
 * });
 */
export function defineFileSystem<Input, Output>(
  definition: FileSystemDefinition<Input, Output>,
): FileSystemFactory<Input> {
  const make = (options?: unknown): FileSystemSource => {
    const result = definition.options["~standard"].validate(options);
    if (result instanceof Promise) {
      throw new SetupError("ERR_SLUICE_OPTIONS", `${definition.name}: its options cannot be checked synchronously`);
    }
    if (result.issues !== undefined) throw optionsError(definition.name, result.issues);
    return nameSource(definition.create(result.value), definition.name);
  };
  return Object.assign(make, { fileSystemName: definition.name });
}

/** One issue as `path: what`. */
export function describeIssue(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}

/** A refusal that names the component and lists what is wrong with its options. */
export function optionsError(name: string, issues: readonly StandardSchemaV1.Issue[]): SetupError {
  return new SetupError("ERR_SLUICE_OPTIONS", `${name}: ${issues.map(describeIssue).join("; ")}`, { issues });
}
