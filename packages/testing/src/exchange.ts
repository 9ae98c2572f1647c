import type { Duplex } from "node:stream";
import { FrameReader, maxPacketBytes, Reader, SSH_FXP, type Writer } from "@sluice/core/protocol";
import { packet } from "./packet.ts";

/** Packets kept that nobody has asked for yet; a server that sends more is at fault. */
const maxStray = 1024;

/** What came back for a request. */
export interface Reply {
  readonly type: number;
  /** Stands behind the id. */
  readonly reader: Reader;
}

interface Request {
  readonly type: number;
  readonly write: (writer: Writer) => void;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Requests and replies over one channel: each reply finds its request by id, in whatever order they come. */
export class Exchange {
  readonly closed: Promise<void>;
  readonly #channel: Duplex;
  readonly #limit: number;
  readonly #frames = new FrameReader(maxPacketBytes);
  readonly #waiting: Request[] = [];
  readonly #pending = new Map<number, Request>();
  readonly #stray: Buffer[] = [];
  readonly #strayWaiters: { readonly resolve: (packet: Buffer) => void; readonly reject: (error: Error) => void }[] =
    [];
  #lastId = 0;
  #failure: Error | undefined;
  #resolveClosed: () => void = () => {};

  /** @param limit requests under way at once; more wait their turn */
  constructor(channel: Duplex, limit: number) {
    this.#channel = channel;
    this.#limit = limit;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    channel.on("data", (piece: Buffer) => this.#take(piece));
    channel.on("drain", () => this.#pump());
    channel.on("error", (error: Error) => this.#fail(error));
    channel.on("end", () => this.#fail(new Error("The server ended the session")));
    channel.on("close", () => this.#fail(new Error("The channel closed")));
  }

  /** Sends a request when its turn comes. What `write` refers to must not change until the promise settles. */
  request(type: number, write: (writer: Writer) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ type, write, resolve, reject });
      this.#pump();
    });
  }

  /** Sends bytes as they are, ahead of requests that wait. */
  send(bytes: Uint8Array): void {
    if (this.#failure === undefined) this.#channel.write(bytes);
  }

  /** The next packet that answers no request: its type and what follows, without the length. */
  next(): Promise<Buffer> {
    const packet = this.#stray.shift();
    if (packet !== undefined) return Promise.resolve(packet);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#strayWaiters.push({ resolve, reject }));
  }

  #pump(): void {
    while (this.#pending.size < this.#limit && !this.#channel.writableNeedDrain) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#lastId = (this.#lastId % 0x7fff_ffff) + 1;
      try {
        const bytes = packet(request.type, (writer) => request.write(writer.u32(this.#lastId)));
        this.#pending.set(this.#lastId, request);
        this.#channel.write(bytes);
      } catch (error) {
        request.reject(error as Error);
      }
    }
  }

  #take(piece: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#frames.push(piece);
    try {
      for (let next = this.#frames.next(); next !== undefined; next = this.#frames.next()) this.#deliver(next);
    } catch (error) {
      this.#fail(error as Error);
      this.#channel.destroy();
    }
    this.#pump();
  }

  #deliver(packet: Buffer): void {
    const type = packet.readUInt8(0);
    const id = packet.length >= 5 && type !== SSH_FXP.VERSION ? packet.readUInt32BE(1) : -1;
    const request = this.#pending.get(id);
    if (request !== undefined) {
      this.#pending.delete(id);
      request.resolve({ type, reader: new Reader(packet, 5) });
      return;
    }
    const waiter = this.#strayWaiters.shift();
    if (waiter !== undefined) waiter.resolve(packet);
    else if (this.#stray.push(packet) > maxStray) throw new Error("The server sends packets that answer no request");
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of [...this.#pending.values(), ...this.#waiting, ...this.#strayWaiters]) reject(error);
    this.#pending.clear();
    this.#waiting.length = 0;
    this.#strayWaiters.length = 0;
    this.#resolveClosed();
  }
}
