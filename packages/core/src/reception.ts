import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import type { Disconnect, RemoteEnd } from "./connection.ts";
import { withDeadline } from "./deadline.ts";
import type { Registrations } from "./host.ts";
import type { Logger } from "./log.ts";
import type { ServiceContainer } from "./services.ts";
import type { Place, Sources } from "./sources.ts";
import { SshConnection, type ConnectionSetup } from "./ssh-connection.ts";
import type { TransportOptions } from "./ssh/transport.ts";

/** How long the end of a connection waits for listeners of its start. */
const listenerMs = 10_000;

/** What a reception works with. */
export interface ReceptionSetup {
  readonly registrations: Registrations;
  readonly sources: Sources;
  readonly services: ServiceContainer;
  readonly log: Logger;
  readonly connection: Omit<ConnectionSetup, "ended">;
  /** What a connection from there is served with. */
  readonly transport: (remote: RemoteEnd) => TransportOptions;
}

/** Takes sockets in: decides whether they are served, begins the connection, and tells listeners of its start and its end. */
export class Reception {
  readonly #setup: ReceptionSetup;
  readonly #connections: Set<SshConnection>;
  /** For each connection, what has to be over before its end is told: its start is told first. */
  readonly #announced = new WeakMap<SshConnection, Promise<void>>();
  #shut = false;

  constructor(setup: ReceptionSetup, connections: Set<SshConnection>) {
    this.#setup = setup;
    this.#connections = connections;
  }

  /** From now on everybody is turned away. */
  shut(): void {
    this.#shut = true;
  }

  /** Serves a connection, or closes its socket. Never rejects. */
  async receive(socket: Duplex, remote: RemoteEnd): Promise<void> {
    const { sources, limits } = { ...this.#setup, ...this.#setup.connection };
    const id = randomBytes(6).toString("hex");
    const log = this.#setup.log.child({ connection: id, remote: remote.remoteAddress });
    let evict = (reason: string): void => {
      log.info({ reason }, "Connection refused");
      socket.destroy();
    };
    const place = this.#shut
      ? "The server is shutting down"
      : sources.admit(remote.remoteAddress, (reason) => evict(reason));
    if (typeof place === "string") {
      log.info({ reason: place }, "Connection refused");
      socket.destroy();
      return;
    }
    try {
      await withDeadline(this.#guard(remote), limits.loginGraceMs, "The connection guards took too long");
      if (this.#shut) throw new Error("The server is shutting down");
      if (socket.destroyed) throw new Error("The client has left");
      const connection = this.#begin(id, socket, remote, log, place);
      evict = (reason) => connection.end(reason);
    } catch (error) {
      log.info({ reason: error instanceof Error ? error.message : String(error) }, "Connection refused");
      place.leave();
      socket.destroy();
    }
  }

  async #guard(remote: RemoteEnd): Promise<void> {
    for (const { run } of this.#setup.registrations.beforeConnection) await run(remote);
  }

  #begin(id: string, socket: Duplex, remote: RemoteEnd, log: Logger, place: Place): SshConnection {
    const options = this.#setup.transport(remote);
    const services = this.#setup.services.child();
    const connection = new SshConnection(
      { id, socket, remote, services, log, place },
      { ...this.#setup.connection, ended: (ended, how) => void this.#ended(ended, how) },
    );
    this.#connections.add(connection);
    log.info({ port: remote.remotePort }, "Connected");
    connection.start(options);
    this.#announced.set(connection, this.#announce(connection));
    return connection;
  }

  async #announce(connection: SshConnection): Promise<void> {
    for (const { plugin, run } of this.#setup.registrations.onConnection) {
      if (connection.phase === "closed") return;
      try {
        await run(connection);
      } catch (error) {
        connection.log.error({ plugin, err: error }, "A connection listener failed");
        connection.end("A connection listener failed");
        return;
      }
    }
  }

  async #ended(connection: SshConnection, how: Disconnect): Promise<void> {
    await withDeadline(
      this.#announced.get(connection) ?? Promise.resolve(),
      listenerMs,
      "A connection listener is still busy at the end of its connection",
    ).catch((error: unknown) => connection.log.error({ err: error }, "A connection listener failed"));
    for (const { plugin, run } of this.#setup.registrations.onDisconnect) {
      try {
        run(connection, how);
      } catch (error) {
        connection.log.error({ plugin, err: error }, "A disconnect listener failed");
      }
    }
    connection.log.info({ ...how }, "Disconnected");
    try {
      await connection.services.close();
    } catch (error) {
      connection.log.error({ err: error }, "A service of the connection failed to close");
    }
    this.#connections.delete(connection);
  }
}
