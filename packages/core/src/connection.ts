import type { Logger } from "./log.ts";
import type { SftpPath } from "./path.ts";
import type { Session } from "./session.ts";
import type { Services } from "./services.ts";
import type { State } from "./token.ts";

/** Who is logged in. Frozen when the last factor is proven. */
export interface User {
  /** The canonical name: what plugins key quotas, homes and records by. */
  readonly name: string;
  /** Where sessions start: relative paths are resolved here. */
  readonly home: SftpPath;
  readonly groups: readonly string[];
  /** What else the authentication methods know of the user, by name. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The other end of a TCP connection, before any SSH byte. */
export interface RemoteEnd {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** The algorithms that a connection negotiated (RFC 4253, section 7.1), by their IANA names. */
export interface NegotiatedAlgorithms {
  readonly kex: string;
  readonly serverHostKey: string;
  readonly clientToServer: { readonly cipher: string; readonly mac: string; readonly compress: string };
  readonly serverToClient: { readonly cipher: string; readonly mac: string; readonly compress: string };
}

/** Where a connection is in its life. */
export type ConnectionPhase = "handshake" | "login" | "open" | "closed";

/** One SSH connection: a login, then sessions. */
export interface Connection extends RemoteEnd {
  /** Unique in this process; in every log line of the connection. */
  readonly id: string;
  /** The client's identification string (RFC 4253, section 4.2), without `SSH-2.0-`. Empty until it is received. */
  readonly client: string;
  readonly algorithms: NegotiatedAlgorithms | undefined;
  readonly phase: ConnectionPhase;
  /** Set when the login is complete. */
  readonly user: User | undefined;
  readonly sessions: ReadonlySet<Session>;
  readonly connectedAt: Date;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
  readonly state: State;
  /** The connection's own instances of services in scope `connection`, and the server's of the rest. */
  readonly services: Services;
  readonly log: Logger;
  /** Ends the connection; open files close as `aborted`. The reason goes to the log and to `onDisconnect`. */
  end(reason: string): void;
  /** Exchanges keys anew (RFC 4253, section 9); resolves when the new keys are in use. */
  rekey(): Promise<void>;
}

/** How a connection ended. */
export interface Disconnect {
  readonly reason: string;
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}
