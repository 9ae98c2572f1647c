import { Duplex } from "node:stream";
import type { RemoteEnd } from "../connection.ts";

/** One end of a connection inside this process, with the members that a TCP socket has and a server looks at. */
export class MemorySocket extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  bytesRead = 0;
  bytesWritten = 0;
  #peer: MemorySocket | undefined;
  #resumePeer: (() => void) | undefined;

  constructor(ends: RemoteEnd) {
    super({ allowHalfOpen: false, highWaterMark: 64 * 1024 });
    this.remoteAddress = ends.remoteAddress;
    this.remotePort = ends.remotePort;
    this.localAddress = ends.localAddress;
    this.localPort = ends.localPort;
  }

  /** Joins two ends: what one writes, the other reads. */
  static join(a: MemorySocket, b: MemorySocket): void {
    a.#peer = b;
    b.#peer = a;
  }

  override _read(): void {
    const resume = this.#resumePeer;
    this.#resumePeer = undefined;
    resume?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const peer = this.#peer;
    if (peer === undefined || peer.destroyed) {
      done(Object.assign(new Error("The other end is closed"), { code: "EPIPE" }));
      return;
    }
    // A copy, as a network makes one: the writer may use its buffer again.
    const copy = Buffer.from(chunk);
    this.bytesWritten += copy.length;
    // In a later turn, as a network delivers: nobody is answered while he is still writing.
    setImmediate(() => {
      peer.bytesRead += copy.length;
      if (peer.destroyed || peer.push(copy)) done();
      else peer.#resumePeer = done;
    });
  }

  override _final(done: () => void): void {
    this.#peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.#peer;
    this.#resumePeer?.();
    this.#resumePeer = undefined;
    if (peer !== undefined && !peer.destroyed) {
      setImmediate(() => {
        if (!peer.destroyed) peer.push(null);
      });
    }
    done(error);
  }
}

/** Two ends of one connection inside this process. */
export function memorySockets(client: { readonly address?: string; readonly port?: number } = {}): {
  readonly client: MemorySocket;
  readonly server: MemorySocket;
} {
  const remoteAddress = client.address ?? "127.0.0.1";
  const remotePort = client.port ?? 50_000;
  const here = { localAddress: "127.0.0.1", localPort: 2022 };
  const server = new MemorySocket({ remoteAddress, remotePort, ...here });
  const far = new MemorySocket({
    remoteAddress: here.localAddress,
    remotePort: here.localPort,
    localAddress: remoteAddress,
    localPort: remotePort,
  });
  MemorySocket.join(far, server);
  return { client: far, server };
}
