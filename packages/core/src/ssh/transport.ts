import type { Duplex } from "node:stream";
import type { AuthAnswer, AuthRequest } from "../auth/login.ts";
import type { Questions } from "../auth/method.ts";
import type { Channel } from "../channel.ts";
import type { NegotiatedAlgorithms } from "../connection.ts";
import { offeredAlgorithms } from "./algorithms.ts";
import { SshChannel } from "./channel.ts";
import type { HostKey } from "./hostkeys.ts";
import { Server, utils, type AuthContext, type KeyboardAuthContext, type Ssh2Algorithms } from "./ssh2.ts";
import type { ParsedKey, PublicKeyAuthContext, Ssh2Connection, Ssh2Session } from "./ssh2.ts";

/** How long a peer may take to close its side once it has been told to go. */
const lingerMs = 2000;

/** What is the same for all connections made from now on. */
export interface TransportOptions {
  readonly hostKeys: readonly HostKey[];
  readonly ident: string;
  readonly banner: string | undefined;
}

/** What a connection does with what its transport tells it. */
export interface TransportListener {
  identified(client: string): void;
  negotiated(algorithms: NegotiatedAlgorithms): void;
  /** Must not reject. */
  authenticate(request: AuthRequest): Promise<AuthAnswer>;
  /** Whether another session may be opened. */
  mayOpenSession(): boolean;
  session(channel: Channel): void;
  failed(error: Error): void;
  /** Called once, when the socket is gone. */
  closed(): void;
}

/** One SSH connection on ssh2: key exchange, authentication requests, SFTP channels. Nothing else of SSH is served. */
export class Transport {
  readonly #socket: Duplex;
  readonly #listener: TransportListener;
  readonly #channels = new Set<SshChannel>();
  #client: Ssh2Connection | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, options: TransportOptions, listener: TransportListener) {
    this.#socket = socket;
    this.#listener = listener;
    const server = new Server({
      hostKeys: options.hostKeys.map((key) => ({ key: key.parsed })),
      algorithms: offeredAlgorithms,
      ident: options.ident,
      ...(options.banner === undefined ? {} : { banner: options.banner }),
    });
    server.on("connection", (client, info) => {
      this.#serve(client);
      listener.identified(info.header.versions.software + (info.header.comments ? ` ${info.header.comments}` : ""));
    });
    socket.once("close", () => {
      clearTimeout(this.#linger);
      for (const channel of this.#channels) channel.closed();
      this.#channels.clear();
      listener.closed();
    });
    socket.on("drain", () => {
      for (const channel of this.#channels) channel.drained();
    });
    // ssh2 listens too, but only after its own set-up: an error before that would end the process.
    socket.on("error", (error) => listener.failed(error));
    server.injectSocket(socket as Parameters<typeof server.injectSocket>[0]);
  }

  /** Says goodbye, and drops the connection when the peer does not close it soon. */
  end(): void {
    if (this.#linger !== undefined || this.#socket.destroyed) return;
    if (this.#client === undefined) {
      this.#socket.destroy();
      return;
    }
    this.#linger = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#client.end();
    this.#socket.resume();
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
      this.#client.rekey((error?: Error) => {
        this.#socket.off("close", closed);
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  #serve(client: Ssh2Connection): void {
    this.#client = client;
    client.on("error", (error: Error) => {
      this.#listener.failed(error);
      this.end();
    });
    client.on("handshake", (negotiated) => this.#listener.negotiated(algorithmsOf(negotiated)));
    client.on("authentication", (context) => void this.#authenticate(client, context));
    client.on("session", (accept, reject) => {
      if (!this.#listener.mayOpenSession()) {
        reject();
        return;
      }
      this.#serveSession(accept());
    });
  }

  async #authenticate(client: Ssh2Connection, context: AuthContext): Promise<void> {
    const abandoned = new AbortController();
    if (context.method === "keyboard-interactive") {
      context.on("abort", () => {
        // ssh2 keeps the abandoned request at the head of its queue, and would answer it in place of the next.
        (client as unknown as { _protocol: { _authsQueue: unknown[] } })._protocol._authsQueue.shift();
        abandoned.abort();
      });
    }
    const answer = await this.#listener.authenticate(requestOf(context, abandoned.signal, this.#socket));
    // The client has left, or has begun another attempt: nobody waits for this answer.
    if (this.#socket.destroyed || this.#linger !== undefined || abandoned.signal.aborted) return;
    try {
      if (answer.is === "accepted" || answer.is === "usable") context.accept();
      else if (answer.is === "rejected") context.reject([...answer.methods], answer.partial);
      else this.end();
    } catch (error) {
      this.#listener.failed(error instanceof Error ? error : new Error(String(error)));
      this.end();
    }
  }

  #serveSession(session: Ssh2Session): void {
    let channel: SshChannel | undefined;
    session.on("subsystem", (accept, reject, info) => {
      if (info.name !== "sftp" || channel !== undefined) {
        reject?.();
        return;
      }
      const stream = accept();
      // ssh2 answers nothing when the client has closed the channel meanwhile.
      if (stream === undefined) return;
      channel = new SshChannel(stream, this.#socket, (ended) => this.#channels.delete(ended));
      this.#channels.add(channel);
      this.#listener.session(channel);
    });
    session.on("close", () => channel?.stopWriting());
  }
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

function requestOf(context: AuthContext, abandoned: AbortSignal, socket: Duplex): AuthRequest {
  const { username } = context;
  switch (context.method) {
    case "password":
      return { username, mechanism: "password", password: context.password };
    case "publickey":
      return keyRequestOf(context);
    case "keyboard-interactive":
      return {
        username,
        mechanism: "keyboard-interactive",
        ask: (questions) => ask(context, questions, abandoned, socket),
      };
    case "hostbased":
      return { username, mechanism: "hostbased" };
    default:
      return { username, mechanism: "none" };
  }
}

/** ssh2 hands over RSA's signature algorithms as a key type and a hash; SHA-1 is the one without a hash. */
const rsaAlgorithms: Readonly<Record<string, string>> = { sha256: "rsa-sha2-256", sha512: "rsa-sha2-512" };

function keyRequestOf(context: PublicKeyAuthContext): AuthRequest {
  const { key, signature, blob, hashAlgo } = context;
  const algorithm = key.algo === "ssh-rsa" ? (rsaAlgorithms[hashAlgo ?? ""] ?? "ssh-rsa") : key.algo;
  const request = { username: context.username, mechanism: "publickey" as const, algorithm, blob: key.data };
  if (signature === undefined || blob === undefined) return request;
  return {
    ...request,
    verifySignature: () => {
      const parsed = utils.parseKey(key.data) as ParsedKey | ParsedKey[] | Error;
      if (parsed instanceof Error || Array.isArray(parsed)) return false;
      // An Error object is what ssh2 returns for a malformed signature: only `true` is true.
      const verified: unknown = parsed.verify(blob, signature, hashAlgo);
      return verified === true;
    },
  };
}

function ask(
  context: KeyboardAuthContext,
  questions: Questions,
  abandoned: AbortSignal,
  socket: Duplex,
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error("The client left during the login"));
    if (abandoned.aborted || socket.destroyed) {
      gone();
      return;
    }
    abandoned.addEventListener("abort", gone, { once: true });
    socket.once("close", gone);
    const prompts = questions.prompts.map(({ text, echo }) => ({ prompt: text, echo }));
    context.prompt(prompts, questions.name ?? "", questions.instruction ?? "", (answers: unknown) => {
      socket.off("close", gone);
      abandoned.removeEventListener("abort", gone);
      if (Array.isArray(answers)) resolve(answers.map(String));
      else reject(new Error("The client gave up"));
    });
  });
}
