import type { Duplex } from "node:stream";
import type { Server } from "@sluice/core";
import { connectSsh, memorySockets, type MemorySocket, type SshClientOptions } from "@sluice/core/ssh-client";
import { SftpClient, type SftpClientOptions } from "./client.ts";

/** Who logs in, how, and from where. */
export interface ConnectOptions extends Omit<Partial<SshClientOptions>, "socket"> {
  /** @default "tester" */
  readonly username?: string;
  /** The software part of the client's identification string; servers know a client's ways by it. @default "SluiceTesting" */
  readonly ident?: string;
  /** Where the connection comes from, as the server sees it. @default "127.0.0.1" */
  readonly address?: string;
  /** @default 50000 */
  readonly port?: number;
}

/** One connection that has logged in. */
export interface TestConnection {
  /** The client's end of the socket pair; its `bytesRead` and `bytesWritten` count what SSH sent. */
  readonly socket: MemorySocket;
  /** Opens an SFTP session; there may be several at once. */
  sftp(options?: SftpClientOptions): Promise<SftpClient>;
  /** Opens the channel of an SFTP session on which nothing has been sent yet. */
  channel(): Promise<Duplex>;
  /** Says goodbye; resolves when the connection is gone. */
  end(): Promise<void>;
  /** Cuts the connection without a word, as a client does that vanishes. */
  cut(): void;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

/**
 * Logs in to a server through a socket pair in memory, with the whole SSH handshake and no network. The server is made ready first.
 *
 * @throws Error when the login fails, SetupError when the server cannot be made ready
 * @example
 * const connection = await connect(server, { username: "alice", password: "…" });
 * const client = await connection.sftp();
 */
export async function connect(server: Server, options: ConnectOptions = {}): Promise<TestConnection> {
  const { address, port, username = "tester", ident = "SluiceTesting", ...login } = options;
  await server.ready();
  const sockets = memorySockets({
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
  });
  server.accept(sockets.server);
  const ssh = await connectSsh({ ...login, username, ident, socket: sockets.client });
  return {
    socket: sockets.client,
    sftp: async (how) => SftpClient.start(await ssh.openSftp(), how),
    channel: () => ssh.openSftp(),
    async end() {
      ssh.end();
      await ssh.closed;
    },
    cut: () => void sockets.client.destroy(),
    closed: ssh.closed,
  };
}
