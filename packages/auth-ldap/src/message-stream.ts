import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { headAt, Malformed, Tag } from "./ber.ts";
import { checkResponse, Response, type Checked } from "./message.ts";

/** Most bytes that one operation may be answered with. */
const maxAnswerBytes = 8 * 1024 * 1024;

/** What ends an operation, by its kind: a search brings entries and references before it is done. */
const endings: Readonly<Record<Operation, readonly number[]>> = {
  bind: [Response.bind],
  search: [Response.entry, Response.reference, Response.searchDone],
  modify: [Response.modify],
  extended: [Response.extended],
};

/** A request that waits for its answer. */
export type Operation = "bind" | "search" | "modify" | "extended";

/**
 * A connection to a directory, message by message: what is not a well-formed answer to what was asked, or more than an answer may have,
 * ends it before anybody reads on.
 *
 * One operation at a time.
 */
export class MessageStream extends Duplex {
  /** As a connected socket has it. */
  readonly readyState: string = "open";
  readonly connecting: boolean = false;
  readonly #socket: Socket;
  #parts: Buffer[] = [];
  #held = 0;
  #needed = 0;
  #expected: readonly number[] = [];
  #budget = 0;
  #last: Checked | undefined;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    // Whoever waits is told by `close`, which an error ends in.
    this.on("error", () => {});
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy(new Error("the server closed the connection")));
    socket.on("end", () => this.destroy(new Error("the server closed the connection")));
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
  }

  /** The result of the operation that ended last. */
  get last(): Checked | undefined {
    return this.#last;
  }

  /** Says what is about to be asked. */
  begin(operation: Operation): void {
    this.#expected = endings[operation];
    this.#budget = maxAnswerBytes;
    this.#last = undefined;
  }

  override _read(): void {
    // What arrives is bounded by the budget, and pushed as it comes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    this.#parts = [];
    done(error);
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#budget -= chunk.length;
    this.#parts.push(chunk);
    this.#held += chunk.length;
    try {
      if (this.#budget < 0)
        throw new Malformed(this.#expected.length === 0 ? "an unasked message" : "too long an answer");
      while (this.#held > this.#needed && this.#takeMessage());
    } catch (error) {
      this.destroy(error instanceof Malformed ? new Error(`the server sent ${error.message}`) : (error as Error));
    }
  }

  /** Whether a whole message was there. */
  #takeMessage(): boolean {
    const bytes = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [bytes];
    if (bytes[0] !== Tag.sequence) throw new Malformed("something else than LDAP");
    const head = headAt(bytes, 0);
    if (head === undefined || head.end > bytes.length) {
      if (head !== undefined && head.end > maxAnswerBytes) throw new Malformed("too long an answer");
      // Joined once it is whole, rather than with every piece that comes.
      this.#needed = head === undefined ? this.#held : head.end - 1;
      return false;
    }
    const rest = bytes.subarray(head.end);
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#held = rest.length;
    this.#needed = 0;
    this.#deliver(bytes.subarray(0, head.end));
    return true;
  }

  #deliver(message: Buffer): void {
    const checked = checkResponse(message);
    // The id 0 is the notice of disconnection (RFC 4511, section 4.4.1).
    if (checked.id === 0 || !this.#expected.includes(checked.tag)) throw new Malformed("an unasked message");
    if (checked.code !== undefined) {
      this.#last = checked;
      this.#expected = [];
      this.#budget = 0;
    }
    this.push(message);
  }
}
