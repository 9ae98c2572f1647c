import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { Address } from "./address.ts";
import { encode, headAt, Tag } from "./ber.ts";
import { Unreachable } from "./error.ts";
import { checkResponse, Response } from "./message.ts";
import { MessageStream } from "./message-stream.ts";

/** How connections are secured, with the files read. */
export interface Security {
  readonly startTls: boolean;
  /** The name in the server's certificate, where it is not the host's. */
  readonly serverName: string | undefined;
  readonly tls: Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase" | "minVersion">;
}

/** ExtendedRequest of StartTLS (RFC 4511, section 4.14.1). */
const startTlsRequest = encode(
  Tag.sequence,
  encode(Tag.integer, Buffer.of(1)),
  encode(0x77, encode(0x80, "1.3.6.1.4.1.1466.20037")),
);
const maxStartTlsAnswer = 4096;

/**
 * Opens a connection, secured as it is to be before anything is said on it.
 *
 * @throws Unreachable that says why; the signal's reason where it is aborted
 */
export async function dial(
  address: Address,
  security: Security,
  connectMs: number,
  signal: AbortSignal,
): Promise<MessageStream> {
  signal.throwIfAborted();
  const socket = connectTcp({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
  socket.on("error", () => {});
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.destroy();
  }, connectMs);
  const leave = (): void => void socket.destroy();
  signal.addEventListener("abort", leave, { once: true });
  try {
    await happens(socket, "connect");
    if (security.startTls) await askForTls(socket);
    return new MessageStream(address.secure || security.startTls ? await secured(socket, address, security) : socket);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    const why = late ? `no connection within ${connectMs} ms` : reasonOf(error);
    throw new Unreachable(`${address.url}: ${why}`, { late, cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
  }
}

function happens(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
  });
}

async function secured(socket: Socket, { host }: Address, { serverName, tls }: Security): Promise<Socket> {
  const name = serverName ?? host;
  // Without both, the certificate would be held against the name of nothing (Node takes "localhost" then).
  const upgraded = connectTls({ ...tls, socket, host: name, ...(isIP(name) === 0 ? { servername: name } : {}) });
  upgraded.on("error", () => {});
  socket.once("close", () => upgraded.destroy());
  await happens(upgraded, "secureConnect");
  return upgraded;
}

async function askForTls(socket: Socket): Promise<void> {
  const answer = await new Promise<Buffer>((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const done = (): void => {
      socket.pause();
      socket.off("data", receive);
    };
    const receive = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        const head = headAt(bytes, 0);
        if (head !== undefined && bytes.length >= head.end) {
          done();
          // What follows the answer in clear text did not come from where the certificate will say.
          if (bytes.length > head.end) throw new Error("StartTLS was answered with more than an answer");
          resolve(bytes);
        } else if (bytes.length > maxStartTlsAnswer) {
          throw new Error("StartTLS was answered at too great length");
        }
      } catch (error) {
        done();
        reject(error);
      }
    };
    socket.on("data", receive);
    socket.once("close", () => reject(new Error("the connection was closed at StartTLS")));
    socket.write(startTlsRequest);
  });
  const { tag, id, code } = checkResponse(answer);
  if (tag !== Response.extended || id !== 1 || code !== 0) throw new Error(`StartTLS was refused with code ${code}`);
}

function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
