import type { Address } from "./address.ts";
import { Unavailable, Unreachable } from "./error.ts";
import type { Client } from "./client.ts";
import { Gate } from "./gate.ts";
import type { Servers } from "./servers.ts";

/** An account that searches. */
export interface Account {
  readonly dn: string;
  readonly password: string;
}

/** What a pool is made from. */
export interface PoolOptions {
  readonly servers: Servers;
  /** Opens a connection on which nothing has been said yet. */
  readonly dial: (address: Address, signal: AbortSignal) => Promise<Client>;
  /** `undefined` searches anonymously. */
  readonly account: Account | undefined;
  readonly size: number;
}

interface Idle {
  readonly client: Client;
  readonly openedAt: number;
  readonly idleAt: number;
}

const maxIdleMs = 60_000;
/** A preferred server that is back is used by all after so long. */
const maxAgeMs = 300_000;
const maxRefusalMs = 300_000;

/** Connections that are bound as the searching account, each used by one search at a time. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #gate: Gate;
  readonly #idle = new Map<string, Idle[]>();
  readonly #busy = new Set<Client>();
  readonly #sweeper: NodeJS.Timeout;
  /** After the account was refused: not again before then, or the directory would lock it. */
  #refused: { readonly until: number; readonly waitMs: number; readonly reason: string } | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#gate = new Gate(options.size);
    this.#sweeper = setInterval(() => this.#sweep(), maxIdleMs / 2);
    this.#sweeper.unref();
  }

  /** Does `work`, which must only read, with a connection of the first server that is up to it. */
  use<T>(work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#gate.run(
      () => this.#options.servers.run((address) => this.#useAt(address, work, signal), signal),
      signal,
    );
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const idle of this.#idle.values()) for (const { client } of idle) client.close();
    for (const client of this.#busy) client.close();
    this.#idle.clear();
  }

  async #useAt<T>(address: Address, work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    const idle = this.#take(address);
    if (idle !== undefined) {
      try {
        return await this.#with(address, idle, work);
      } catch (error) {
        // The server had closed it, which says nothing about the server.
        if (!(error instanceof Unreachable) || error.late || signal.aborted) throw error;
      }
    }
    const openedAt = performance.now();
    return this.#with(address, { client: await this.#open(address, signal), openedAt }, work);
  }

  async #with<T>(
    address: Address,
    { client, openedAt }: Omit<Idle, "idleAt">,
    work: (client: Client) => Promise<T>,
  ): Promise<T> {
    this.#busy.add(client);
    try {
      return await work(client);
    } finally {
      this.#busy.delete(client);
      this.#giveBack(address, { client, openedAt, idleAt: performance.now() });
    }
  }

  #take({ url }: Address): Idle | undefined {
    this.#sweep();
    const idle = this.#idle.get(url) ?? [];
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) if (!found.client.closed) return found;
    return undefined;
  }

  #giveBack({ url }: Address, idle: Idle): void {
    if (this.#closed) idle.client.close();
    if (idle.client.closed) return;
    const others = this.#idle.get(url);
    if (others === undefined) this.#idle.set(url, [idle]);
    else others.push(idle);
  }

  #sweep(): void {
    const now = performance.now();
    for (const [url, idle] of this.#idle) {
      const keep = idle.filter(({ client, openedAt, idleAt }) => {
        const good = !client.closed && now - idleAt < maxIdleMs && now - openedAt < maxAgeMs;
        if (!good) client.close();
        return good;
      });
      if (keep.length === 0) this.#idle.delete(url);
      else this.#idle.set(url, keep);
    }
  }

  async #open(address: Address, signal: AbortSignal): Promise<Client> {
    if (this.#closed) throw new Unavailable("the server is closing");
    const { account } = this.#options;
    if (this.#refused !== undefined && performance.now() < this.#refused.until)
      throw new Unavailable(this.#refused.reason);
    const client = await this.#options.dial(address, signal);
    this.#busy.add(client);
    try {
      if (account !== undefined) await this.#bind(client, account, signal);
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      this.#busy.delete(client);
    }
  }

  async #bind(client: Client, { dn, password }: Account, signal: AbortSignal): Promise<void> {
    const { code, text } = await client.bind(dn, password, signal);
    if (code === 0) {
      this.#refused = undefined;
      return;
    }
    const waitMs = Math.min((this.#refused?.waitMs ?? 1000) * 2, maxRefusalMs);
    const reason = `the directory refuses the account of the option bind; check its dn and password (${text})`;
    this.#refused = { until: performance.now() + waitMs, waitMs, reason };
    throw new Unavailable(reason);
  }
}
