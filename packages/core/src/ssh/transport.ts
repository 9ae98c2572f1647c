import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AuthAnswer, AuthRequest } from "../auth/request.ts";
import type { Questions } from "../auth/method.ts";
import type { Channel } from "../channel.ts";
import type { NegotiatedAlgorithms } from "../connection.ts";
import type { AlgorithmLists } from "./algorithms.ts";
import { requestOf, type Ask } from "./auth-request.ts";
import { SshChannel } from "./channel.ts";
import { containCipher } from "./contain.ts";
import { classicalKex, mendExchange } from "./exchange.ts";
import { Guard } from "./guard.ts";
import { mendHandshake } from "./handshake.ts";
import type { HostKey } from "./hostkey.ts";
import { hybridKex } from "./hybrid.ts";
import { gateIdent } from "./ident.ts";
import { Inbound } from "./inbound.ts";
import { boundInflation } from "./inflation.ts";
import { SSH_DISCONNECT, SSH_MSG } from "./messages.ts";
import { Outbound } from "./outbound.ts";
import { trustedEncapsulate } from "./post-quantum.ts";
import { adaptReads } from "./reads.ts";
import type { RekeyLimits } from "./rekey-limits.ts";
import { RekeyWatch } from "./rekey.ts";
import { mendService } from "./service.ts";
import { watchStall } from "./stall.ts";
import { Server, type AuthContext, type KeyboardAuthContext, type Ssh2Algorithms } from "./ssh2.ts";
import type {
  Algorithms,
  Ssh2AuthInternals,
  Ssh2Connection,
  Ssh2Internals,
  Ssh2Session,
  Ssh2SessionInternals,
} from "./ssh2.ts";

/** Messages after which a connection waits for the next turn. */
const messagesPerTurn = 64;
/** How long a peer may take to close its side once it has been told to go. */
const lingerMs = 2000;

/** What is the same for all connections made from now on. */
export interface TransportOptions {
  readonly hostKeys: readonly HostKey[];
  readonly ident: string;
  readonly banner: string | undefined;
  readonly algorithms: AlgorithmLists;
  readonly requireStrictKex: boolean;
  readonly rekey: RekeyLimits;
  /** How long a peer may take nothing of what is sent to it. */
  readonly stallMs: number;
}

/** What a connection does with what its transport tells it. */
export interface TransportListener {
  identified(client: string): void;
  negotiated(algorithms: NegotiatedAlgorithms): void;
  authenticate(request: AuthRequest): Promise<AuthAnswer>;
  /** Whether another session may be opened beside those that are open. */
  mayOpenSession(open: number): boolean;
  session(channel: Channel): void;
  failed(error: Error): void;
  /** The client broke the protocol; the connection is being dropped. */
  violated(reason: string): void;
  /** Called once, when the socket is gone. */
  closed(): void;
}

/** One SSH connection on ssh2: key exchange, authentication requests, SFTP channels. Nothing else of SSH is served. */
export class Transport {
  readonly #socket: Duplex;
  readonly #listener: TransportListener;
  readonly #options: TransportOptions;
  readonly #channels = new Set<SshChannel>();
  #client: Ssh2Connection | undefined;
  #guard: Guard | undefined;
  #rekey: RekeyWatch | undefined;
  #outbound: Outbound | undefined;
  #openSessions = 0;
  /** Messages since the last rest. */
  #messages = 0;
  #ending = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, options: TransportOptions, listener: TransportListener) {
    this.#socket = socket;
    this.#options = options;
    this.#listener = listener;
    const server = new Server({
      hostKeys: options.hostKeys.map((key) => ({ key: key.parsed })),
      algorithms: offer(options.algorithms),
      ident: options.ident,
      ...(options.banner === undefined ? {} : { banner: options.banner }),
    });
    server.on("connection", (client, info) => {
      this.#serve(client);
      listener.identified(info.header.versions.software + (info.header.comments ? ` ${info.header.comments}` : ""));
    });
    socket.once("close", () => {
      clearTimeout(this.#linger);
      this.#rekey?.stop();
      for (const channel of this.#channels) channel.closed();
      this.#channels.clear();
      listener.closed();
    });
    socket.on("drain", () => this.#drained());
    // ssh2 listens too, but only after its own set-up: an error before that would end the process.
    socket.on("error", (error) => listener.failed(error));
    // ssh2 ends the socket of a client that it refuses, and goes on reading from it for as long as the client likes.
    const finish = socket.end.bind(socket) as (...rest: unknown[]) => Duplex;
    socket.end = ((...rest: unknown[]) => {
      this.#blame();
      this.#giveUp();
      return finish(...rest);
    }) as typeof socket.end;
    gateIdent(socket, (reason) => this.#violate(reason));
    server.injectSocket(socket as Parameters<typeof server.injectSocket>[0]);
  }

  /** Says goodbye, and drops the connection when the peer does not close it soon. */
  end(): void {
    if (this.#linger !== undefined || this.#socket.destroyed) return;
    this.#ending = true;
    if (this.#client === undefined) this.#socket.destroy();
    else this.#client.end();
    this.#giveUp();
  }

  #violate(reason: string): void {
    this.#ending = true;
    this.#listener.violated(reason);
    if (this.#client === undefined || this.#linger !== undefined) {
      this.#socket.destroy();
      return;
    }
    internals(this.#client)._protocol.disconnect(SSH_DISCONNECT.PROTOCOL_ERROR);
    this.#socket.end();
  }

  /** Says why ssh2 ends the connection, where neither the client nor we wanted it. */
  #blame(): void {
    const last = this.#guard?.lastMessage;
    if (this.#ending || this.#socket.readableEnded || last === undefined || last === SSH_MSG.DISCONNECT) return;
    this.#listener.failed(new Error(`A message is not acceptable here (message ${last})`));
  }

  /** Nothing more of what arrives is looked at, but it is taken for a while, so that the goodbye gets through. */
  #giveUp(): void {
    this.#linger ??= setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#guard?.stop();
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
  }

  /** Lets others have their turn after a great many messages: they cost far more than their bytes. */
  #ration(bytes: number): void {
    if (this.#guard === undefined) return;
    const messages = this.#guard.takeCount();
    adaptReads(this.#socket, bytes, messages);
    // One turn may hold several reads, so they are counted together.
    this.#messages += messages;
    if (this.#messages < messagesPerTurn) return;
    this.#messages = 0;
    this.#socket.pause();
    setImmediate(() => this.#socket.resume());
  }

  #drained(): void {
    // What is sent uses up keys, too, even where nothing more arrives.
    this.#rekey?.check();
    for (const channel of this.#channels) channel.drained();
  }

  /** Starts a key exchange; resolves when it is complete. */
  rekey(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#client === undefined || this.#socket.destroyed) {
        reject(new Error("The connection is not open"));
        return;
      }
      const closed = (): void => reject(new Error("The connection closed during the key exchange"));
      this.#socket.once("close", closed);
      this.#rekey?.begun();
      this.#client.rekey((error?: Error) => {
        this.#socket.off("close", closed);
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  #serve(client: Ssh2Connection): void {
    this.#client = client;
    const { _protocol: protocol } = internals(client);
    const moved = (): number => this.#moved();
    mendService(protocol);
    mendHandshake(protocol, this.#options.algorithms.publicKey);
    const { kex } = this.#options.algorithms;
    mendExchange(protocol, kex, kex.includes(hybridKex) ? trustedEncapsulate() : undefined);
    boundInflation(protocol);
    containCipher(protocol, (error) => {
      this.#listener.failed(new Error("Encryption failed", { cause: error }));
      this.#socket.destroy();
    });
    const outbound = (this.#outbound = new Outbound(protocol, this.#socket));
    const inbound = new Inbound(protocol, this.#socket, (channel, data) => {
      for (const open of this.#channels) if (open.id === channel) open.receive(data);
    });
    const rekey = (this.#rekey = new RekeyWatch(protocol, this.#options.rekey, moved, () => {
      this.#listener.failed(new Error("The key exchange took too long"));
      this.#socket.destroy();
    }));
    this.#guard = new Guard(
      internals(client),
      moved,
      () => rekey.begun(),
      (reason) => this.#violate(reason),
    );
    this.#socket.on("data", (piece: Buffer) => {
      inbound.settle();
      rekey.check();
      this.#ration(piece.length);
    });
    watchStall(this.#socket, this.#options.stallMs, () => {
      this.#listener.failed(new Error("The client does not read"));
      this.#socket.destroy();
    });
    client.on("error", (error: Error) => {
      this.#listener.failed(error);
      this.end();
    });
    client.on("handshake", (negotiated) => {
      rekey.done();
      outbound.renewed(negotiated.sc);
      inbound.renewed(negotiated.cs);
      if (this.#options.requireStrictKex && protocol._strictMode !== true) {
        this.#violate("The client has no strict key exchange");
        return;
      }
      this.#listener.negotiated(algorithmsOf(negotiated));
      this.#drained();
    });
    client.on("authentication", (context) => void this.#authenticate(context));
    client.on("session", (accept, reject) => {
      if (!this.#listener.mayOpenSession(this.#openSessions)) {
        reject();
        return;
      }
      this.#serveSession(client, accept());
    });
  }

  async #authenticate(context: AuthContext): Promise<void> {
    const abandoned = new AbortController();
    if (context.method === "keyboard-interactive") context.on("abort", () => abandoned.abort());
    try {
      const ask: Ask = (keyboard, questions) => this.#ask(keyboard, questions, abandoned.signal);
      const answer = await this.#listener.authenticate(requestOf(context, this.#guard?.authRequest, ask));
      // The client has left, or has begun another attempt: nobody waits for this answer.
      if (this.#socket.destroyed || this.#linger !== undefined || abandoned.signal.aborted) return;
      this.#guard?.answered();
      if (answer.is === "accepted" || answer.is === "usable") context.accept();
      else if (answer.is === "rejected") context.reject([...answer.methods], answer.partial);
      else if (answer.is === "changeRequired") this.#requestChange(context, answer.prompt);
      else this.end();
    } catch (error) {
      this.#listener.failed(error instanceof Error ? error : new Error(String(error)));
      this.end();
    }
  }

  /**
   * ssh2's own `requestChange` loses the old password, and leaves the request in its queue: this one is answered, and what comes next is another.
   */
  #requestChange(context: AuthContext, prompt: string): void {
    if (this.#client === undefined) return;
    const { _protocol: protocol } = internals(this.#client);
    protocol.authPasswdChg(prompt);
    protocol._authsQueue.length = 0;
    (context as unknown as Ssh2AuthInternals)._initialResponse = true;
  }

  #serveSession(client: Ssh2Connection, session: Ssh2Session): void {
    let channel: SshChannel | undefined;
    this.#openSessions += 1;
    session.on("subsystem", (accept, reject, info) => {
      if (info.name !== "sftp" || channel !== undefined) {
        reject?.();
        return;
      }
      const stream = accept();
      // ssh2 answers nothing when the client has closed the channel meanwhile.
      if (stream === undefined) return;
      channel = new SshChannel(
        stream,
        this.#socket,
        internals(client)._protocol,
        () => this.#rekey?.active === true,
        (ended) => this.#channels.delete(ended),
        () => this.#outbound?.push(),
      );
      this.#channels.add(channel);
      this.#listener.session(channel);
    });
    session.on("close", () => {
      this.#openSessions -= 1;
      if (channel === undefined) this.#closeUnused(session);
      else channel.stopWriting();
    });
  }

  /** A channel that was closed before it had a subsystem: ssh2 neither answers nor forgets it (RFC 4254, section 5.3). */
  #closeUnused(session: Ssh2Session): void {
    if (this.#client === undefined || this.#socket.destroyed) return;
    const { _protocol: protocol, _chanMgr: channels } = internals(this.#client);
    const { incoming, outgoing } = (session as unknown as Ssh2SessionInternals)._chanInfo;
    protocol.channelClose(outgoing.id);
    channels.remove(incoming.id);
  }

  #ask(context: KeyboardAuthContext, questions: Questions, abandoned: AbortSignal): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error("The client left during the login"));
      if (abandoned.aborted || this.#socket.destroyed) {
        gone();
        return;
      }
      abandoned.addEventListener("abort", gone, { once: true });
      this.#socket.once("close", gone);
      const prompts = questions.prompts.map(({ text, echo }) => ({ prompt: text, echo }));
      this.#guard?.prompted();
      context.prompt(prompts, questions.name ?? "", questions.instruction ?? "", (answers: unknown) => {
        this.#socket.off("close", gone);
        abandoned.removeEventListener("abort", gone);
        if (Array.isArray(answers)) resolve(answers.map(String));
        else reject(new Error("The client gave up"));
      });
    });
  }

  /** Bytes moved so far, in both directions. */
  #moved(): number {
    const { bytesRead = 0, bytesWritten = 0 } = this.#socket as Partial<Socket>;
    return bytesRead + bytesWritten;
  }
}

function offer({ kex, serverHostKey, cipher, mac, compress }: AlgorithmLists): Algorithms {
  // ssh2 refuses what it does not know; the list that it is to offer is put in place later.
  const classical = kex.filter((method) => method !== hybridKex);
  // The names were checked when the options were: ssh2's types list each one.
  const lists = { kex: classical.length > 0 ? classical : [classicalKex], serverHostKey, cipher, hmac: mac, compress };
  return lists as unknown as Algorithms;
}

function internals(client: Ssh2Connection): Ssh2Internals {
  return client as unknown as Ssh2Internals;
}

function algorithmsOf(negotiated: Ssh2Algorithms): NegotiatedAlgorithms {
  const of = ({ cipher, mac, compress }: Ssh2Algorithms["cs"]): NegotiatedAlgorithms["clientToServer"] => ({
    cipher,
    mac,
    compress,
  });
  return {
    kex: negotiated.kex,
    serverHostKey: negotiated.serverHostKey,
    clientToServer: of(negotiated.cs),
    serverToClient: of(negotiated.sc),
  };
}
