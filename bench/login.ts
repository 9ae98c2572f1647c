import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { userInfo } from "node:os";
import type { Duplex } from "node:stream";
import { connectSsh, type SshClient } from "@sluice/core/ssh-client";
import type { Peer } from "./peer.ts";
import type { Workspace } from "./workspace.ts";

const limitMs = 15_000;

/** A connection that has logged in with the key of this run. */
export interface LoggedIn {
  readonly socket: Socket;
  readonly client: SshClient;
}

/** @param from any address of 127.0.0.0/8 @throws Error when the login fails, or takes too long */
export async function logIn(
  workspace: Pick<Workspace, "userKey">,
  peer: Pick<Peer, "port">,
  from: string,
): Promise<LoggedIn> {
  const socket = connect({ port: peer.port, host: "127.0.0.1", localAddress: from, noDelay: true });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("The login took too long")), limitMs);
  });
  try {
    const privateKey = readFileSync(workspace.userKey);
    const login = connectSsh({ socket, username: userInfo().username, privateKey });
    return { socket, client: await Promise.race([login, late]) };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** SFTP's INIT, with its answer awaited. */
export async function startSftp({ client }: LoggedIn): Promise<Duplex> {
  const channel = await client.openSftp();
  const answered = new Promise((resolve) => channel.once("data", resolve));
  channel.write(Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]));
  await answered;
  return channel;
}
