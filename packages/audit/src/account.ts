import { token, type Connection, type Session, type Token } from "@sluice/core";

import { fieldsOf } from "./line.ts";
import { common } from "./record.ts";

/** What one session did, until its record is written. */
export class Account {
  readonly session: Session;
  /** The same in every record of the session, in JSON. */
  readonly who: string;
  /** `seq` of the intent, in strict mode. */
  intent: number | undefined;
  /** Files that are open now. */
  open = 0;
  files = 0;
  changes = 0;
  refusals = 0;
  bytesRead = 0;
  bytesWritten = 0;
  endedAt: number | undefined;
  readonly #startedAt = performance.now();

  constructor(session: Session) {
    this.session = session;
    this.who = fieldsOf({ ...peerOf(session.connection, session.user.name), session: session.id });
  }

  /** The session as a record's fields. */
  describe(): Record<PropertyKey, unknown> {
    const { session, files, bytesRead, bytesWritten, changes, refusals } = this;
    const reason: unknown = session.signal.reason;
    return {
      [common]: this.who,
      ...(this.intent === undefined ? {} : { intent: this.intent }),
      reason: reason instanceof Error ? reason.message : "The server was closed",
      openedAt: session.openedAt.toISOString(),
      durationMs: Math.round((this.endedAt ?? performance.now()) - this.#startedAt),
      files,
      bytesRead,
      bytesWritten,
      changes,
      refusals,
    };
  }
}

/** Where a session's account is kept. */
export const AccountState: Token<Account> = token("audit.account");

/** The factors that a connection has proven so far: nothing else of a login stays with the connection. */
export const FactorsState: Token<readonly string[]> = token("audit.factors");

/** Who is at the other end of a connection. The address stands before anything that a stranger may choose. */
export function peerOf(connection: Connection, user: string): Record<string, unknown> {
  return {
    address: connection.remoteAddress,
    port: connection.remotePort,
    user,
    connection: connection.id,
    client: connection.client,
    factors: connection.state.get(FactorsState) ?? [],
  };
}
