import type { Connection, Logger } from "@sluice/core";
import { barred } from "./account.ts";
import type { Directory, Person } from "./directory.ts";
import { comparable } from "./dn.ts";
import { shutOut } from "./groups.ts";

interface Tracked {
  readonly dn: string;
  readonly name: string;
}

/** Users that are looked at at once. */
const width = 4;

/**
 * Looks at the users of open connections again, and ends those of accounts that were disabled, expired, removed, or lost their right by
 * groups. While the directory is away, or does not say so clearly, nothing is ended.
 */
export class Tracker {
  readonly #directory: Directory;
  readonly #log: Logger;
  readonly #tracked = new Map<Connection, Tracked>();
  #closed = false;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(directory: Directory, log: Logger) {
    this.#directory = directory;
    this.#log = log;
    this.#everyMs = directory.settings.recheckMs;
    this.#schedule();
  }

  /** Notes whom a connection belongs to. A login that does not succeed is forgotten with its connection. */
  track(connection: Connection, { entry, name }: Person): void {
    if (this.#everyMs === 0 || connection.signal.aborted) return;
    if (!this.#tracked.has(connection)) {
      connection.signal.addEventListener("abort", () => this.#tracked.delete(connection), { once: true });
    }
    this.#tracked.set(connection, { dn: entry.dn, name });
  }

  /** Resolves when nothing runs any more; the directory is closed before, so that nobody waits for it. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closed = true;
    await this.#round;
  }

  #schedule(): void {
    if (this.#everyMs === 0 || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#look().finally(() => this.#schedule());
    }, this.#everyMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const users = new Map<string, { readonly user: Tracked; readonly connections: Connection[] }>();
    for (const [connection, user] of this.#tracked) {
      // Only who is logged in, and as whom the directory proved them.
      if (connection.user?.name !== user.name) continue;
      const key = comparable(user.dn);
      const known = users.get(key);
      if (known === undefined) users.set(key, { user, connections: [connection] });
      else known.connections.push(connection);
    }
    const waiting = [...users.values()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const reason = await this.#reasonToEnd(next.user);
        if (reason !== undefined) for (const connection of next.connections) connection.end(reason);
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
  }

  async #reasonToEnd({ dn, name }: Tracked): Promise<string | undefined> {
    const { settings } = this.#directory;
    const signal = AbortSignal.timeout(settings.loginMs);
    try {
      const found = await this.#directory.look(dn, name, signal);
      if (found === undefined) return "the account is gone from the directory";
      const shut = settings.groups === undefined ? undefined : shutOut(settings.groups, found.groups);
      return barred(found.entry, Date.now()) ?? shut;
    } catch (error) {
      if (!this.#closed) {
        this.#log.warn({ username: name, err: error }, "A user could not be checked again; the sessions go on");
      }
      return undefined;
    }
  }
}
