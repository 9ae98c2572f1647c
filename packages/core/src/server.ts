import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Policy } from "./auth/policy.ts";
import { Throttle } from "./auth/throttle.ts";
import { closePlugins } from "./closing.ts";
import type { Connection, RemoteEnd } from "./connection.ts";
import { drain } from "./drain.ts";
import { SetupError } from "./errors.ts";
import { answerQuestion, explain } from "./explain.ts";
import type { Extension } from "./extension.ts";
import { builtInExtensions } from "./extensions/index.ts";
import { Host, type Registrations } from "./host.ts";
import { Listener, type ListenAddress, type ListenOptions, type TcpAddress } from "./listener.ts";
import { createLogger, type Logger, type LogOptions } from "./log.ts";
import { memoryStore } from "./memory-store.ts";
import { recordPenalties } from "./penalty-record.ts";
import { Mounts } from "./mounts.ts";
import { operationNames } from "./context.ts";
import { OpenFiles } from "./open-files.ts";
import { handlers, type OperationTable } from "./operations/index.ts";
import { checkOptions, defaultStartups, type Limits, type ServerOptions } from "./options.ts";
import { compile, type Run } from "./pipeline.ts";
import { checkOrder, setUp } from "./plugins.ts";
import type { Plugin, PluginHost } from "./plugin.ts";
import type { Question } from "./question.ts";
import { Reception } from "./reception.ts";
import { ServiceContainer } from "./services.ts";
import { defaultPenalties, readStartups, Sources } from "./sources.ts";
import type { SshConnection, ConnectionSetup } from "./ssh-connection.ts";
import { resolveAlgorithms, type AlgorithmLists } from "./ssh/algorithms.ts";
import { checkGuard } from "./ssh/guard-check.ts";
import { exposedKeyFiles, loadHostKey, type HostKey } from "./ssh/hostkey.ts";
import { hybridKex } from "./ssh/hybrid.ts";
import { postQuantumProblem } from "./ssh/post-quantum.ts";
import { defaultRekeyLimits } from "./ssh/rekey-limits.ts";
import { hasNativeCrypto, testedVersion } from "./ssh/ssh2.ts";
import type { TransportOptions } from "./ssh/transport.ts";
import { Store } from "./store.ts";
import { version } from "./version.ts";

/** How a server stops. */
export interface CloseOptions {
  /** How long transfers under way may take to finish. @default 30000 */
  readonly graceMs?: number;
}

/** An SFTP server: a host for plugins and middleware, and what serves the connections. */
export interface Server extends PluginHost {
  /** The version of this package. */
  readonly version: string;
  /** The connections open now. */
  readonly connections: ReadonlySet<Connection>;
  /** Where the server listens now. */
  readonly addresses: readonly ListenAddress[];
  /** Adds plugins; they are set up in the order of registration. */
  register(...plugins: readonly Plugin[]): void;
  /** Checks and sets up everything; `listen` does it too. @throws SetupError that says what is wrong and where */
  ready(): Promise<void>;
  /** As `ready`, for a server that will not serve: plugins write, lock and start nothing. Its `explain` answers as always. */
  rehearse(): Promise<void>;
  /** Accepts connections at a port, or at an address; may be called for several. @throws SetupError `ERR_SLUICE_LISTEN` */
  listen(where?: number | (ListenOptions & { readonly path?: undefined })): Promise<TcpAddress>;
  listen(where: number | ListenOptions): Promise<ListenAddress>;
  /** Serves a connection that was accepted elsewhere: by a supervisor, a tunnel, a test. */
  accept(socket: Duplex, remote?: Partial<RemoteEnd>): void;
  /** Stops accepting connections; those that are open go on. `listen` begins again. */
  pause(): void;
  /** Stops accepting, lets transfers finish, ends the rest, and closes all plugins. */
  close(options?: CloseOptions): Promise<void>;
  /** Tells how the server is put together: plugins, login alternatives, mounts, and each operation's steps. */
  explain(): Promise<string>;
  /** Tells whether a user may do something, and what decides it, without doing it. @throws RangeError where the question makes no sense */
  explain(question: Question): Promise<string>;
}

/**
 * Makes a server. Nothing is opened before `listen`.
 *
 * @throws SetupError `ERR_SLUICE_OPTIONS` that names the option
 * @example
 * const server = createServer({ hostKeys: ["./host_ed25519"] });
 * server.mount("/", memoryFiles());
 * server.authenticate({ name: "demo", mechanism: "password", verify: () => proven() });
 * await server.listen(2022);
 */
export function createServer(options: ServerOptions): Server {
  return new SluiceServer(options);
}

class SluiceServer extends Host implements Server {
  readonly version: string = version;
  readonly #options: ServerOptions;
  readonly #limits: Limits;
  readonly #rootLog: Logger;
  readonly #services: ServiceContainer;
  readonly #registrations: Registrations;
  readonly #plugins: Plugin[] = [];
  readonly #connections = new Set<SshConnection>();
  readonly #sources: Sources;
  readonly #algorithms: AlgorithmLists;
  #listeners: Listener[] = [];
  #ready: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #hostKeys: readonly HostKey[] = [];
  #policy: Policy | undefined;
  #reception: Reception | undefined;
  #endRecord: () => void = () => undefined;

  constructor(options: ServerOptions) {
    const limits = checkOptions(options);
    const log = isLogger(options.log) ? options.log : createLogger(options.log);
    const services = new ServiceContainer();
    const registrations: Registrations = {
      steps: [],
      methods: [],
      extensions: new Map<string, Extension>(),
      mounts: new Mounts(),
      beforeConnection: [],
      beforeLogin: [],
      afterLogin: [],
      onConnection: [],
      onSession: [],
      onDisconnect: [],
      onExplain: [],
      onClose: [],
      shut: false,
      rehearsal: false,
    };
    super("server", registrations, services, log);
    this.#options = options;
    this.#limits = limits;
    this.#rootLog = log;
    this.#services = services;
    this.#algorithms = resolveAlgorithms(options.algorithms);
    const { penalties } = options;
    this.#sources = new Sources({
      ...limits,
      startups: readStartups(options.maxStartups ?? defaultStartups),
      penalties: penalties === false ? undefined : { ...defaultPenalties, ...penalties },
      allow: options.allow,
      deny: options.deny,
    });
    this.#registrations = registrations;
    for (const extension of builtInExtensions(limits.handles)) this.extend(extension);
    services.provideDefault(Store, memoryStore);
    options.services?.(services);
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  get addresses(): readonly ListenAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  register(...plugins: readonly Plugin[]): void {
    if (this.#ready !== undefined) {
      throw new SetupError("ERR_SLUICE_ALREADY_STARTED", "Plugins are registered before the server is ready");
    }
    this.#plugins.push(...plugins);
  }

  ready(): Promise<void> {
    if (this.#ready === undefined && this.#closing !== undefined) return Promise.reject(closed());
    this.#ready ??= this.#prepare();
    return this.#ready;
  }

  rehearse(): Promise<void> {
    // One that is ready is past it.
    if (this.#ready === undefined) this.#registrations.rehearsal = true;
    return this.ready();
  }

  listen(where?: number | (ListenOptions & { readonly path?: undefined })): Promise<TcpAddress>;
  listen(where: number | ListenOptions): Promise<ListenAddress>;
  async listen(where: number | ListenOptions = {}): Promise<ListenAddress> {
    this.#refuseToServe();
    await this.ready();
    this.#refuseToServe();
    const listener = await Listener.open(
      typeof where === "number" ? { port: where } : where,
      (socket) => this.accept(socket),
      (error) => this.#rootLog.error({ err: error }, "Accepting connections failed"),
    );
    this.#listeners.push(listener);
    this.#rootLog.info({ ...listener.address }, "Listening");
    return listener.address;
  }

  accept(socket: Duplex, remote: Partial<RemoteEnd> = {}): void {
    const { remoteAddress, remotePort, localAddress, localPort } = socket as Partial<Socket>;
    const end: RemoteEnd = {
      remoteAddress: remote.remoteAddress ?? remoteAddress ?? "",
      remotePort: remote.remotePort ?? remotePort ?? 0,
      localAddress: remote.localAddress ?? localAddress ?? "",
      localPort: remote.localPort ?? localPort ?? 0,
    };
    // From here on an error of the socket always has somebody to hear it.
    socket.on("error", () => undefined);
    if (this.#reception === undefined || this.rehearsal) socket.destroy();
    else void this.#reception.receive(socket, end);
  }

  pause(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#stop(Math.max(options.graceMs ?? 30_000, 0));
    return this.#closing;
  }

  async explain(question?: Question): Promise<string> {
    await this.ready();
    if (question !== undefined) return answerQuestion(question, this.#registrations.onExplain);
    if (this.#policy === undefined) throw new Error("The server is not ready");
    return explain(
      this.#plugins.map((plugin) => plugin.name),
      this.#registrations,
      this.#policy,
    );
  }

  #refuseToServe(): void {
    if (this.#closing !== undefined) throw closed();
    if (!this.rehearsal) return;
    throw new SetupError("ERR_SLUICE_ALREADY_STARTED", "The server was only rehearsed; make a new one to serve");
  }

  async #prepare(): Promise<void> {
    const registered = this.#registrations;
    const problem = this.#algorithms.kex.includes(hybridKex) ? postQuantumProblem() : undefined;
    try {
      await guarded();
      if (problem !== undefined && this.#algorithms.kex.length === 1) {
        throw new SetupError(
          "ERR_SLUICE_OPTIONS",
          `algorithms.kex: only ${hybridKex} is allowed, and it does not work here; add "curve25519-sha256"`,
          { cause: problem },
        );
      }
      this.#hostKeys = this.#options.hostKeys.map(loadHostKey);
      for (const path of exposedKeyFiles(this.#options.hostKeys)) {
        this.#rootLog.warn({ path }, "Other users may read this host key and pose as the server: chmod 600");
      }
      checkOrder(this.#plugins);
      for (const plugin of this.#plugins) {
        const log = this.#rootLog.child({ plugin: plugin.name });
        await setUp(plugin, new Host(plugin.name, registered, this.#services, log));
      }
      if (registered.mounts.isEmpty) {
        throw new SetupError("ERR_SLUICE_MOUNT", "There is nothing to serve: mount a file system");
      }
      this.#policy = new Policy(this.#options.auth, registered.methods);
      this.#reception = new Reception(
        {
          registrations: registered,
          sources: this.#sources,
          services: this.#services,
          log: this.#rootLog,
          connection: this.#compile(this.#policy),
          transport: (remote) => this.#transport(remote),
        },
        this.#connections,
      );
      registered.shut = true;
      if (!this.rehearsal) {
        this.#endRecord = await recordPenalties(this.#sources, this.#services.get(Store), this.#rootLog);
        await registered.mounts.start(this.#rootLog);
      }
    } catch (error) {
      await closePlugins(registered, this.#services, this.#rootLog);
      throw error;
    }
    if (problem !== undefined) {
      this.#rootLog.warn(
        { err: problem },
        "Post-quantum key exchange is not offered, and recent OpenSSH clients warn their users. Install the versions of ssh2 and @noble/post-quantum that this package asks for",
      );
    }
    if (!hasNativeCrypto) {
      this.#rootLog.warn(
        "ssh2's native addon is missing: transfers are several times slower. Install a C++ compiler, allow ssh2's install script, and reinstall; it cannot be built for Node 26 and later",
      );
    }
  }

  #compile(policy: Policy): Omit<ConnectionSetup, "ended"> {
    const { steps, extensions, mounts, beforeLogin, afterLogin, onSession } = this.#registrations;
    const serve = handlers({ extensions, readdirEntries: this.#limits.readdirEntries });
    const operations = Object.fromEntries(
      operationNames.map((op) => [op, compile(op, steps, serve[op] as unknown as Run)]),
    ) as unknown as OperationTable;
    return {
      limits: this.#limits,
      symlinkOrder: this.#options.symlinkOrder ?? "auto",
      login: {
        policy,
        limits: this.#limits,
        throttle: new Throttle(this.#services.get(Store), this.#limits),
        signatureAlgorithms: this.#algorithms.publicKey,
        guards: beforeLogin.map((listener) => listener.run),
        observers: afterLogin.map((listener) => listener.run),
      },
      sessions: {
        operations,
        extensions,
        limits: this.#limits,
        openFiles: new OpenFiles(this.#limits.openFiles),
        openTree: (session) => mounts.open(session),
        opened: async (session) => {
          for (const { run } of onSession) await run(session);
        },
      },
    };
  }

  #transport(remote: RemoteEnd): TransportOptions {
    const { banner, ident = "Sluice", requireStrictKex = false, rekey } = this.#options;
    return {
      hostKeys: this.#hostKeys,
      ident,
      algorithms: this.#algorithms,
      requireStrictKex,
      rekey: { ...defaultRekeyLimits, ...rekey },
      stallMs: this.#limits.stallMs,
      banner: typeof banner === "function" ? banner(remote) : banner,
    };
  }

  async #stop(graceMs: number): Promise<void> {
    this.pause();
    // A server that is still being set up is closed when it is: what plugins open until then is closed, too.
    await this.#ready?.catch(() => undefined);
    this.#reception?.shut();
    await drain(this.#connections, graceMs);
    this.#endRecord();
    await closePlugins(this.#registrations, this.#services, this.#rootLog);
  }
}

async function guarded(): Promise<void> {
  try {
    await checkGuard();
  } catch (error) {
    throw new SetupError(
      "ERR_SLUICE_SSH_LIBRARY",
      `The guard in front of ssh2 does not work: ${error instanceof Error ? error.message : "unknown"}; install ssh2 ${testedVersion}, the version that @sluice/core asks for, and do not bundle it`,
      { cause: error },
    );
  }
}

function closed(): SetupError {
  return new SetupError("ERR_SLUICE_ALREADY_STARTED", "The server has been closed; make a new one");
}

function isLogger(log: Logger | LogOptions | undefined): log is Logger {
  return typeof (log as Partial<Logger> | undefined)?.child === "function";
}
