import type { Duplex } from "node:stream";
import { LoginProcess, type LoginSetup } from "./auth/login.ts";
import type { AuthAnswer, AuthRequest } from "./auth/request.ts";
import type { Channel } from "./channel.ts";
import type { Connection, ConnectionPhase, Disconnect, NegotiatedAlgorithms, RemoteEnd, User } from "./connection.ts";
import type { Logger } from "./log.ts";
import type { Limits } from "./options.ts";
import { printable } from "./protocol/text.ts";
import { profileOf } from "./quirks.ts";
import type { Session } from "./session.ts";
import type { ServiceContainer } from "./services.ts";
import { SftpSession, type SessionSetup } from "./sftp-session.ts";
import type { Offence, Place } from "./sources.ts";
import { Transport, type TransportOptions } from "./ssh/transport.ts";
import { State } from "./token.ts";

/** A reason may be the client's own text. */
const maxReasonLength = 255;

/** What all connections of a server share. */
export interface ConnectionSetup {
  readonly login: LoginSetup;
  readonly sessions: SessionSetup;
  readonly limits: Limits;
  readonly symlinkOrder: "auto" | "openssh" | "spec";
  /** Called once, when the connection and all its sessions have ended. */
  readonly ended: (connection: SshConnection, how: Disconnect) => void;
}

/** What is the connection's own. */
export interface ConnectionStart {
  readonly id: string;
  readonly socket: Duplex;
  readonly remote: RemoteEnd;
  readonly services: ServiceContainer;
  readonly log: Logger;
  readonly place: Place;
}

/** One SSH connection from the first byte to the last. */
export class SshConnection implements Connection {
  readonly id: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly connectedAt: Date = new Date();
  readonly state: State = new State();
  readonly services: ServiceContainer;
  readonly log: Logger;
  readonly #setup: ConnectionSetup;
  readonly #socket: Duplex & { readonly bytesRead?: number; readonly bytesWritten?: number };
  readonly #abort = new AbortController();
  readonly #sessions = new Set<SftpSession>();
  readonly #login: LoginProcess;
  readonly #place: Place;
  #offence: Offence | undefined;
  #transport: Transport | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #identTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #activeAt = 0;
  #client = "";
  #algorithms: NegotiatedAlgorithms | undefined;
  #phase: ConnectionPhase = "handshake";
  #user: User | undefined;
  #reason: string | undefined;
  #opened = 0;

  constructor(start: ConnectionStart, setup: ConnectionSetup) {
    const { id, socket, remote, services, log } = start;
    this.id = id;
    this.services = services;
    this.#place = start.place;
    this.remoteAddress = remote.remoteAddress;
    this.remotePort = remote.remotePort;
    this.localAddress = remote.localAddress;
    this.localPort = remote.localPort;
    this.log = log;
    this.#socket = socket;
    this.#setup = setup;
    this.#login = new LoginProcess(setup.login, this);
  }

  /** Begins the SSH handshake. */
  start(options: TransportOptions): void {
    this.#graceTimer = setTimeout(() => {
      this.#offence = "graceExceeded";
      this.end("The login took too long");
    }, this.#setup.limits.loginGraceMs);
    this.#identTimer = setTimeout(() => this.end("The identification took too long"), this.#setup.limits.identMs);
    this.#transport = new Transport(this.#socket, options, {
      identified: (client) => {
        clearTimeout(this.#identTimer);
        this.#place.reached("identified");
        this.#client = printable(client).slice(0, 255);
        this.#phase = "login";
      },
      negotiated: (algorithms) => {
        this.#algorithms = algorithms;
        this.#place.reached("keyed");
        this.log.debug({ client: this.#client, algorithms }, "Keys exchanged");
      },
      authenticate: (request) => this.#authenticate(request),
      mayOpenSession: (open) => this.#phase === "open" && open < this.#setup.limits.sessions,
      session: (channel) => this.#openSession(channel),
      failed: (error) => {
        this.#reason ??= printable(error.message).slice(0, maxReasonLength);
        this.log.debug({ err: error }, "The connection failed");
      },
      violated: (reason) => {
        this.#reason ??= reason;
        this.#offence = "crash";
        this.log.warn({ reason, client: this.#client }, "The client broke the protocol");
      },
      closed: () => void this.#closed(),
    });
  }

  get client(): string {
    return this.#client;
  }

  get algorithms(): NegotiatedAlgorithms | undefined {
    return this.#algorithms;
  }

  get phase(): ConnectionPhase {
    return this.#phase;
  }

  get user(): User | undefined {
    return this.#user;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead ?? 0;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten ?? 0;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether a request is being served now. */
  get busy(): boolean {
    return [...this.#sessions].some((session) => session.inFlight > 0 || !session.files[Symbol.iterator]().next().done);
  }

  end(reason: string): void {
    this.#reason ??= reason;
    this.#login.end();
    this.#transport?.end();
  }

  rekey(): Promise<void> {
    return this.#transport?.rekey() ?? Promise.reject(new Error("The connection is not open"));
  }

  async #authenticate(request: AuthRequest): Promise<AuthAnswer> {
    this.#place.reached("asked");
    const answer = await this.#login.decide(request);
    if (this.#phase !== "login") return { is: "disconnect", reason: "The connection has ended" };
    if (answer.is === "disconnect") this.#reason ??= answer.reason;
    if (answer.is === "rejected" && answer.partial) this.#place.reached("proven");
    if (answer.is === "accepted") {
      clearTimeout(this.#graceTimer);
      this.#place.authenticated();
      this.#user = answer.user;
      this.#phase = "open";
      this.#activeAt = performance.now();
      this.#watchIdle(this.#setup.limits.idleMs);
      this.log.info({ user: answer.user.name, client: this.#client }, "Logged in");
    }
    return answer;
  }

  /** Looks again when the connection would have been idle for long enough. */
  #watchIdle(afterMs: number): void {
    this.#idleTimer = setTimeout(() => {
      const last = Math.max(this.#activeAt, ...[...this.#sessions].map((session) => session.activeAt));
      const left = last + this.#setup.limits.idleMs - performance.now();
      if (left <= 0) this.end("The connection was idle");
      else this.#watchIdle(left);
    }, afterMs);
  }

  #openSession(channel: Channel): void {
    const user = this.#user;
    if (user === undefined) {
      channel.end(1);
      return;
    }
    const { symlinkOrder } = this.#setup;
    this.#opened += 1;
    const id = `${this.id}.${this.#opened}`;
    const session = new SftpSession(this.#setup.sessions, {
      id,
      connection: this,
      user,
      channel,
      log: this.log.child({ session: id, user: user.name }),
      symlinkOrder:
        symlinkOrder === "auto"
          ? profileOf(this.#client).symlinkOrder
          : symlinkOrder === "spec"
            ? "link-first"
            : "target-first",
      ended: (ended) => {
        this.#sessions.delete(ended);
        this.#activeAt = performance.now();
        this.#allEnded?.();
      },
    });
    this.#sessions.add(session);
  }

  #loginOffence(): Offence | undefined {
    if (this.#user !== undefined) return undefined;
    return this.#login.failures > 0 ? "authFail" : "noAuth";
  }

  #allEnded: (() => void) | undefined;

  async #closed(): Promise<void> {
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#identTimer);
    clearTimeout(this.#idleTimer);
    this.#phase = "closed";
    this.#place.leave(this.#offence ?? this.#loginOffence());
    this.#abort.abort(new Error("The connection has ended"));
    // What sessions hold is given back before anybody is told: the totals are final then.
    while (this.#sessions.size > 0) await new Promise<void>((resolve) => (this.#allEnded = resolve));
    this.#setup.ended(this, {
      reason: this.#reason ?? "The client disconnected",
      durationMs: Date.now() - this.connectedAt.getTime(),
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
    });
  }
}
