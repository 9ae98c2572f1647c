import {
  ServiceContainer,
  State,
  type AuthAttempt,
  type Connection,
  type Credentials,
  type Logger,
  type Mechanism,
  type UserDraft,
} from "@sluice/core";

/** Somebody who tries to log in, and with what. */
export interface AuthSample<M extends Mechanism> {
  readonly username: string;
  readonly credentials: Credentials[M];
}

/** What surrounds an attempt, where it matters. */
export interface AttemptOptions {
  /** Where the client is. @default "192.0.2.1" */
  readonly remoteAddress?: string;
  /** Aborted when the client leaves. @default one that never is */
  readonly signal?: AbortSignal;
  /** Names of the methods proven before. @default [] */
  readonly factors?: readonly string[];
  /** What these factors say of the user. @default {} */
  readonly draft?: UserDraft;
}

/** An attempt as core hands it to a method, from a connection that is not there. */
export function authAttempt<M extends Mechanism>(
  mechanism: M,
  { username, credentials }: AuthSample<M>,
  options: AttemptOptions = {},
): AuthAttempt<M> {
  const signal = options.signal ?? new AbortController().signal;
  const connection = connectionFrom(options.remoteAddress ?? "192.0.2.1", signal);
  const { factors = [], draft = {} } = options;
  const login = { mechanism, username, connection, factors, signal, draft };
  return { ...login, ...credentials } as unknown as AuthAttempt<M>;
}

function connectionFrom(remoteAddress: string, signal: AbortSignal): Connection {
  return {
    id: "test",
    client: "test",
    algorithms: undefined,
    phase: "login",
    user: undefined,
    sessions: new Set(),
    remoteAddress,
    remotePort: 50_000,
    localAddress: "192.0.2.2",
    localPort: 22,
    connectedAt: new Date(),
    bytesReceived: 0,
    bytesSent: 0,
    signal,
    state: new State(),
    services: new ServiceContainer().child(),
    log: silent,
    end() {},
    async rekey() {},
  };
}

const silent: Logger = {
  level: "silent",
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silent,
};
