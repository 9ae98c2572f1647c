import type { Duplex } from "node:stream";
import { Client } from "./ssh2.ts";

/** How to log in. Methods are tried in the order password, key, keyboard-interactive, as far as they are given. */
export interface SshClientOptions {
  /** A connected socket: TCP or in memory. */
  readonly socket: Duplex;
  readonly username: string;
  readonly password?: string;
  /** In OpenSSH or PEM format. */
  readonly privateKey?: string | Uint8Array;
  /** Answers one round of keyboard-interactive. */
  readonly answer?: (prompts: readonly { readonly prompt: string; readonly echo?: boolean }[]) => readonly string[];
  /** The software part of the identification string; servers choose client profiles by it. */
  readonly ident?: string;
}

/** One SSH connection that has logged in. */
export interface SshClient {
  /** Opens another channel to the `sftp` subsystem. */
  openSftp(): Promise<Duplex>;
  /** Ends the connection in order. */
  end(): void;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

/** The client's side of SSH, for tests and tools: logs in over a socket that is connected already. @throws Error when the login fails */
export function connectSsh(options: SshClientOptions): Promise<SshClient> {
  const client = new Client();
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  return new Promise((resolve, reject) => {
    client.on("error", reject);
    client.once("close", () => reject(new Error("The server closed the connection")));
    client.once("ready", () =>
      resolve({
        openSftp: () =>
          new Promise((opened, failed) => {
            client.subsys("sftp", (error, channel) => (error === undefined ? opened(channel) : failed(error)));
          }),
        end: () => void client.end(),
        closed,
      }),
    );
    const { answer } = options;
    if (answer !== undefined) {
      client.on("keyboard-interactive", (_name, _instruction, _language, prompts, finish) =>
        finish([...answer(prompts)]),
      );
    }
    client.connect({
      sock: options.socket,
      username: options.username,
      ...(options.password === undefined ? {} : { password: options.password }),
      ...(options.privateKey === undefined ? {} : { privateKey: Buffer.from(options.privateKey) }),
      ...(options.ident === undefined ? {} : { ident: options.ident }),
      tryKeyboard: answer !== undefined,
      keepaliveInterval: 0,
    });
  });
}
