import { answer } from "./answer.ts";
import type { Channel } from "./channel.ts";
import type { Connection, User } from "./connection.ts";
import type { OperationName } from "./context.ts";
import { dispatch, type Dispatched, type DispatchScope } from "./dispatch.ts";
import type { Extension } from "./extension.ts";
import type { CloseOutcome, FileSystem, SessionIdentity } from "./filesystem.ts";
import { returnFrame, returnFrameOf, takeFrame } from "./frame-pool.ts";
import { Handles } from "./handles.ts";
import type { Logger } from "./log.ts";
import type { OperationTable } from "./operations/index.ts";
import { consumed } from "./operations/readdir.ts";
import type { Tree } from "./mounts.ts";
import type { OpenFiles } from "./open-files.ts";
import type { Limits } from "./options.ts";
import type { Run } from "./pipeline.ts";
import { FrameReader } from "./protocol/frames.ts";
import { maxDataBytes, maxPacketBytes, SSH_FXP } from "./protocol/packets.ts";
import { Reader } from "./protocol/reader.ts";
import { ReplyMaker, versionFrame } from "./protocol/replies.ts";
import { readRequest } from "./protocol/requests.ts";
import { v3 } from "./protocol/v3.ts";
import { refusalOf } from "./refusal.ts";
import { ReplyOrder } from "./reply-order.ts";
import { RequestContext } from "./request-context.ts";
import { Scheduler } from "./scheduler.ts";
import { release, type OpenDirectory, type OpenFile, type Session } from "./session.ts";
import { State } from "./token.ts";

/** Until a client has asked for the limits, replies stay at a size that every client takes. */
const cautiousReadBytes = 64 * 1024;

/** What all sessions of a server share. */
export interface SessionSetup {
  readonly operations: OperationTable;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly limits: Limits;
  readonly openFiles: OpenFiles;
  /** Makes the tree that a session sees. */
  readonly openTree: (session: SessionIdentity) => Promise<Tree>;
  /** Told of the session before the client's first request is served. */
  readonly opened: (session: Session) => Promise<void>;
}

/** What is the session's own. */
export interface SessionStart {
  readonly id: string;
  readonly connection: Connection;
  readonly user: User;
  readonly channel: Channel;
  readonly log: Logger;
  readonly symlinkOrder: "target-first" | "link-first";
  /** Called once, when everything that the session held has been given back. */
  readonly ended: (session: SftpSession) => void;
}

/** One SFTP channel: reads packets, has their requests served, sends the replies. */
export class SftpSession implements Session {
  readonly id: string;
  readonly connection: Connection;
  readonly version = 3 as const;
  readonly user: User;
  readonly openedAt: Date = new Date();
  readonly state: State = new State();
  readonly log: Logger;
  readonly #setup: SessionSetup;
  readonly #start: SessionStart;
  readonly #channel: Channel;
  readonly #frames = new FrameReader(maxPacketBytes, takeFrame);
  readonly #scheduler: Scheduler;
  readonly #order = new ReplyOrder();
  readonly #handles: Handles;
  readonly #abort = new AbortController();
  readonly #dropped: (OpenFile | OpenDirectory)[] = [];
  #readBytes = cautiousReadBytes;
  #phase: "new" | "starting" | "open" | "ending" = "new";
  #eof = false;
  #serving = 0;
  #activeAt = performance.now();
  #tree: Tree | undefined;

  constructor(setup: SessionSetup, start: SessionStart) {
    this.id = start.id;
    this.connection = start.connection;
    this.user = start.user;
    this.log = start.log;
    this.#setup = setup;
    this.#start = start;
    this.#channel = start.channel;
    this.#handles = new Handles(setup.limits.handles, setup.openFiles);
    this.#scheduler = new Scheduler(setup.limits, () => this.#pump());
    start.channel.listen({
      data: (piece) => {
        this.#frames.push(piece);
        this.#pump();
      },
      eof: () => {
        this.#eof = true;
        this.#pump();
      },
      closed: () => this.#close("The client closed the channel"),
      drained: () => this.#pump(),
    });
  }

  get fs(): FileSystem {
    if (this.#tree === undefined) throw new Error("The session has no file system yet");
    return this.#tree.fs;
  }

  get files(): Iterable<OpenFile> {
    return this.#handles.files();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Requests being served now. */
  get inFlight(): number {
    return this.#scheduler.inFlight;
  }

  /** When data last moved, on the clock of `performance.now()`; now, while a request is served. */
  get activeAt(): number {
    return this.#serving > 0 ? performance.now() : this.#activeAt;
  }

  end(reason: string): void {
    this.#close(reason);
  }

  /** Takes packets as long as there is room for their requests; otherwise leaves them in the channel, and the client waits. */
  #pump(): void {
    if (this.#phase === "ending") return;
    try {
      while (this.#hasRoom()) {
        const packet = this.#frames.next();
        if (packet === undefined) break;
        this.#take(packet);
      }
    } catch (error) {
      this.log.warn({ err: error }, "The client sent a malformed packet");
      this.#close("Malformed packet");
      return;
    }
    if (!this.#hasRoom()) {
      this.#channel.pause();
      return;
    }
    this.#channel.resume();
    if (this.#eof && this.#scheduler.inFlight === 0) this.#close("The client ended the session");
  }

  #hasRoom(): boolean {
    const listening = this.#phase === "new" || this.#phase === "open";
    return listening && !this.#scheduler.full && !this.#channel.congested;
  }

  #take(packet: Buffer): void {
    // A whole request is activity; parts of one that never comes are not.
    this.#activeAt = performance.now();
    const reader = new Reader(packet);
    const type = reader.u8();
    if (this.#phase === "new") {
      if (type !== SSH_FXP.INIT) throw new Error("The first packet is not INIT");
      reader.u32();
      this.#phase = "starting";
      void this.#open();
      return;
    }
    if (type === SSH_FXP.INIT) throw new Error("INIT came twice");
    const reply = new ReplyMaker(v3, reader.u32());
    let dispatched: Dispatched;
    try {
      dispatched = dispatch(readRequest(type, reader, v3), this.#scope);
    } catch (error) {
      const refusal = refusalOf(error, this.log);
      this.#channel.send(reply.error(refusal.status, refusal.message));
      return;
    }
    const { footprint, bytes } = dispatched;
    const turn = footprint.kind === "range" ? this.#order.enter(footprint.file) : undefined;
    this.#scheduler.submit({
      footprint,
      bytes,
      run: () => this.#serve(dispatched, reply, turn),
      drop: () => {
        turn?.(() => undefined);
        this.#drop(dispatched);
      },
    });
  }

  readonly #scope: DispatchScope = ((session: SftpSession): DispatchScope => ({
    get user() {
      return session.user;
    },
    get handles() {
      return session.#handles;
    },
    get extensions() {
      return session.#setup.extensions;
    },
    get symlinkOrder() {
      return session.#start.symlinkOrder;
    },
    get readBytes() {
      return session.#readBytes;
    },
    codec: v3,
    allowLargeReplies: () => {
      session.#readBytes = maxDataBytes;
    },
  }))(this);

  async #open(): Promise<void> {
    try {
      const tree = await this.#setup.openTree(this);
      if (this.#abort.signal.aborted) {
        await tree.close();
        return;
      }
      this.#tree = tree;
      await this.#setup.opened(this);
    } catch (error) {
      this.log.error({ err: error }, "The session could not be set up");
      this.#close("The session could not be set up");
      return;
    }
    if (this.#phase !== "starting") return;
    this.#phase = "open";
    const announced = [...this.#setup.extensions.values()]
      .filter((extension) => extension.versions?.includes(this.version) !== false)
      .map((extension) => [extension.name, extension.data ?? "1"] as const);
    this.#channel.send(versionFrame(this.version, announced));
    this.#pump();
  }

  /** @param turn when the reply has to wait for earlier ones: takes what sends it */
  async #serve(dispatched: Dispatched, reply: ReplyMaker, turn?: (send: () => void) => void): Promise<void> {
    const ctx = new RequestContext(dispatched.op, dispatched.request, this);
    let frame: Uint8Array;
    this.#serving += 1;
    try {
      const pipeline = this.#setup.operations[dispatched.op] as unknown as Run;
      if (dispatched.op === "open" || dispatched.op === "opendir") {
        frame = await this.#runOpen(pipeline, dispatched, ctx, reply);
      } else {
        if (dispatched.op === "close") await this.#runClose(pipeline, ctx as RequestContext<"close">);
        else if (dispatched.op === "readdir") await runReaddir(pipeline, ctx as RequestContext<"readdir">);
        else await pipeline(ctx);
        frame = answer(dispatched, ctx, reply, this.#handles);
      }
      if (dispatched.op === "write") returnFrameOf((dispatched as Dispatched<"write">).request.data);
    } catch (error) {
      const refusal = refusalOf(error, ctx.log);
      frame = reply.error(refusal.status, refusal.message);
      ctx.frame = undefined;
    } finally {
      this.#serving -= 1;
    }
    if (turn === undefined) {
      this.#channel.send(frame);
      return;
    }
    // Data counts against the budget until it has left, so that a client that does not read is not read from either.
    await new Promise<void>((sent) => turn(() => this.#channel.send(frame, sent)));
    this.#activeAt = performance.now();
    if (ctx.frame !== undefined) returnFrame(ctx.frame);
  }

  async #runOpen(
    pipeline: Run,
    dispatched: Dispatched,
    ctx: RequestContext<OperationName>,
    reply: ReplyMaker,
  ): Promise<Uint8Array> {
    this.#handles.reserve();
    try {
      await pipeline(ctx);
      return answer(dispatched, ctx, reply, this.#handles);
    } catch (error) {
      this.#handles.unreserve();
      // A middleware refused what the file system had already opened: plugins that count what is open hear of its end.
      if (ctx.result !== undefined) await this.#closeUnasked(ctx.result as OpenFile | OpenDirectory, "refused");
      throw error;
    }
  }

  async #runClose(pipeline: Run, ctx: RequestContext<"close">): Promise<void> {
    try {
      await pipeline(ctx);
    } finally {
      // A middleware that refused, or answered itself, must not leave the file open.
      await release(ctx.request.file, "refused");
      this.#handles.closed(ctx.request.file);
    }
  }

  /** Closes what the client cannot close, through the pipeline. */
  async #closeUnasked(file: OpenFile | OpenDirectory, outcome: CloseOutcome): Promise<void> {
    const ctx = new RequestContext("close", { file, outcome }, this);
    try {
      await this.#runClose(this.#setup.operations.close as unknown as Run, ctx);
    } catch (error) {
      refusalOf(error, ctx.log);
    }
  }

  /** A CLOSE that never ran: its handle is already taken back, so the file is closed with the session. */
  #drop(dispatched: Dispatched): void {
    if (dispatched.op === "close") this.#dropped.push((dispatched as Dispatched<"close">).request.file);
  }

  #close(reason: string): void {
    if (this.#phase === "ending") return;
    const orderly = this.#eof && this.#scheduler.inFlight === 0;
    this.#phase = "ending";
    this.#scheduler.stop();
    this.#abort.abort(new Error(reason));
    void this.#giveBack().then(() => {
      this.log.debug({ reason }, "Session ended");
      this.#channel.end(orderly ? 0 : 1);
      this.#start.ended(this);
    });
  }

  /** Closes what is still open, through the pipeline, so that plugins hear of it. */
  async #giveBack(): Promise<void> {
    await this.#scheduler.settled();
    for (const file of [...this.#dropped, ...this.#handles.removeAll()]) {
      await this.#closeUnasked(file, "aborted");
    }
    try {
      await this.#tree?.close();
    } catch (error) {
      this.log.error({ err: error }, "The file system failed to close");
    }
  }
}

/** A middleware may hide all names of a batch: that is not the end of the listing. */
async function runReaddir(pipeline: Run, ctx: RequestContext<"readdir">): Promise<void> {
  const { directory } = ctx.request;
  let before: number;
  do {
    before = consumed(directory);
    await pipeline(ctx);
  } while (ctx.result?.length === 0 && consumed(directory) > before);
}
