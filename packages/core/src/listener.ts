import { createServer, type AddressInfo, type Server as NetServer, type Socket } from "node:net";
import { SetupError } from "./errors.ts";
import { shareReads } from "./ssh/reads.ts";

/** Where to listen. */
export interface ListenOptions {
  /** 0 lets the system choose. @default 2022 */
  readonly port?: number;
  /** An address or name of this machine. @default "::", which is every address, IPv4 too */
  readonly host?: string;
  /** A Unix socket, instead of `port` and `host`. */
  readonly path?: string;
  /** Connections that may wait to be accepted. @default 511 */
  readonly backlog?: number;
  /** Not to share the port with other workers of a cluster. @default false */
  readonly exclusive?: boolean;
}

/** Where a server listens. */
export type ListenAddress = TcpAddress | { readonly path: string };

/** Where a server listens for TCP connections. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** A listening socket that hands over its connections unread. */
export class Listener {
  readonly address: ListenAddress;
  readonly #server: NetServer;

  private constructor(server: NetServer, address: ListenAddress) {
    this.#server = server;
    this.address = address;
  }

  /** @throws SetupError `ERR_SLUICE_LISTEN` that says which address and why. */
  static async open(
    options: ListenOptions,
    accept: (socket: Socket) => void,
    failed: (error: Error) => void,
  ): Promise<Listener> {
    // Without noDelay, Nagle's algorithm and delayed acknowledgements cost a small write 40 ms.
    const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (socket) =>
      accept(shareReads(socket)),
    );
    const { port = 2022, host = "::", path, backlog = 511, exclusive = false } = options;
    const where = path === undefined ? { port, host, backlog, exclusive } : { path, backlog, exclusive };
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(where, () => {
          server.off("error", reject);
          resolve();
        });
      });
    } catch (error) {
      throw listenError(error as NodeJS.ErrnoException, path ?? `${host} port ${port}`);
    }
    server.on("error", failed);
    return new Listener(server, path === undefined ? addressOf(server) : { path });
  }

  /** Stops accepting; connections that were accepted live on. */
  close(): void {
    this.#server.close();
  }
}

function addressOf(server: NetServer): ListenAddress {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "it is in use; stop the other program or choose another port",
  EACCES: "this user may not listen there; choose a port from 1024 or grant CAP_NET_BIND_SERVICE",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "there is no such host name",
};

function listenError(error: NodeJS.ErrnoException, where: string): SetupError {
  const reason = reasons[error.code ?? ""] ?? error.message;
  return new SetupError("ERR_SLUICE_LISTEN", `Cannot listen on ${where}: ${reason}`, { cause: error });
}
