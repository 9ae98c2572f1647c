import { Duplex } from "node:stream";
import { withDeadline } from "../deadline.ts";
import { Writer } from "../protocol/writer.ts";
import { chacha20 } from "./algorithms.ts";
import { Guard } from "./guard.ts";
import { generateHostKey } from "./hostkeys.ts";
import { SSH_MSG } from "./messages.ts";
import {
  hasNativeCrypto,
  installedVersion,
  KexInit,
  Protocol,
  Server,
  testedVersion,
  utils,
  type ParsedKey,
  type Ssh2Connection,
  type Ssh2Internals,
  type Ssh2Protocol,
} from "./ssh2.ts";

const cipher = "aes128-gcm@openssh.com";
/** With that, one of each kind that is offered: an addon that was built for another OpenSSL fails with some. */
const otherCiphers = ["aes128-ctr", ...(hasNativeCrypto ? [chacha20] : [])];
const hostKeyType = "ssh-ed25519";
const kex = "curve25519-sha256";
/** ssh2's client takes a server that has strict key exchange for one that was asked for it. */
const strictKex = "kex-strict-c-v00@openssh.com";
const channel = 0;

/** ssh2 begins when its WebAssembly, the stand-in for its addon, is compiled. */
const beginMs = 10_000;

let checked: Promise<void> | undefined;

/**
 * Exchanges keys with ssh2's server in memory, as a client would, and holds that the guard sees what arrives and decides about it, and that
 * what it allows is served. With a cipher of each kind that is in use here: the native addon's, or those without it. Once in a process; takes
 * some milliseconds.
 *
 * @throws Error that says what is not so
 */
export function checkGuard(): Promise<void> {
  checked ??= check();
  return checked;
}

async function check(): Promise<void> {
  if (installedVersion !== testedVersion) {
    throw new Error(`ssh2 is installed in version ${installedVersion}, and ${testedVersion} is needed`);
  }
  await converse(cipher, (talk) => talk.run());
  for (const other of otherCiphers) await converse(other, (talk) => talk.login());
}

async function converse(under: string, talk: (conversation: Conversation) => void): Promise<void> {
  const conversation = new Conversation(under);
  try {
    await withDeadline(conversation.begun, beginMs, "ssh2 does not begin");
    talk(conversation);
  } catch (error) {
    const what = error instanceof Error ? error.message : "unknown";
    throw new Error(`${what} (under ${under}; "npm rebuild ssh2" makes its addon anew)`, { cause: error });
  } finally {
    conversation.end();
  }
}

/** A client and a server that hand over each other's bytes, one after the other. */
class Conversation {
  /** Resolves when the server has said who it is. */
  readonly begun: Promise<void>;
  readonly #client: Ssh2Protocol;
  readonly #socket: Duplex;
  readonly #toClient: Buffer[] = [];
  readonly #toServer: Buffer[] = [];
  /** What of ssh2's events has come. */
  readonly #seen: string[] = [];
  readonly #errors: Error[] = [];
  #connection: Ssh2Connection | undefined;
  #violated: string | undefined;
  #guard: Guard | undefined;

  constructor(under: string) {
    const directions = { cipher: [under], mac: ["hmac-sha2-256"], compress: ["none"], lang: [] };
    const key = utils.parseKey(generateHostKey("ed25519").privateKey) as ParsedKey;
    const algorithms = {
      kex: [kex],
      serverHostKey: [hostKeyType],
      cipher: [under],
      hmac: directions.mac,
      compress: ["none"],
    };
    const server = new Server({ hostKeys: [{ key }], algorithms } as unknown as ConstructorParameters<
      typeof Server
    >[0]);
    server.on("connection", (connection) => this.#connected(connection));
    let begun = (): void => undefined;
    this.begun = new Promise((resolve) => (begun = resolve));
    this.#socket = new Duplex({
      read: () => undefined,
      write: (piece: Buffer, _encoding, done) => {
        this.#toClient.push(piece);
        begun();
        done();
      },
    });
    this.#socket.on("error", (error) => this.#errors.push(error));
    server.injectSocket(this.#socket as Parameters<typeof server.injectSocket>[0]);
    this.#client = new Protocol({
      server: false,
      offer: new KexInit({ kex: [kex, strictKex], serverHostKey: [hostKeyType], cs: directions, sc: directions }),
      onWrite: (data) => void this.#toServer.push(data),
      onError: (error) => void this.#errors.push(error),
    });
    this.#client.start?.();
  }

  /** Packets there and back, under the keys. */
  login(): void {
    this.#begin();
    this.#allowed("the login", login(), "authentication");
  }

  run(): void {
    this.#begin();
    const channelOpen = new Writer().u8(SSH_MSG.CHANNEL_OPEN).text("session").u32(channel).u32(1024).u32(32_768);
    this.#refused("a message that only servers send", new Writer().u8(SSH_MSG.USERAUTH_SUCCESS));
    this.#refused("a channel before the login", channelOpen);
    this.#refused("a key exchange before the login", new Writer().u8(SSH_MSG.KEXINIT).raw(Buffer.alloc(16)));
    this.#allowed("the login", login(), "authentication");
    this.#guard?.answered();
    this.#allowed("a channel", channelOpen, "session");
    const widen = new Writer().u8(SSH_MSG.CHANNEL_WINDOW_ADJUST).u32(channel).u32(0xffff_ffff);
    this.#refused("a window that is too large", widen);
    const { incoming } = this.#internals._chanMgr.get(channel)?._chanInfo ?? {};
    if (incoming === undefined) throw new Error("ssh2 keeps its channels elsewhere");
    (incoming as { window: number }).window = 0;
    this.#refused(
      "data that the window does not allow",
      new Writer().u8(SSH_MSG.CHANNEL_DATA).u32(channel).bytes(Buffer.of(1)),
    );
  }

  #begin(): void {
    this.#settle();
    this.#send(new Writer().u8(SSH_MSG.SERVICE_REQUEST).text("ssh-userauth"));
  }

  end(): void {
    this.#client.cleanup();
    this.#socket.destroy();
  }

  get #internals(): Ssh2Internals {
    return this.#connection as unknown as Ssh2Internals;
  }

  #connected(connection: Ssh2Connection): void {
    this.#connection = connection;
    connection.on("error", (error: Error) => this.#errors.push(error));
    connection.on("authentication", (context) => {
      this.#seen.push("authentication");
      context.accept();
    });
    connection.on("session", (accept) => {
      this.#seen.push("session");
      accept();
    });
    this.#watch();
  }

  /** A guard that has refused something refuses everything: each step has its own. */
  #watch(): void {
    this.#violated = undefined;
    const violated = (reason: string): void => {
      this.#violated = reason;
    };
    this.#guard = new Guard(
      this.#internals,
      () => 0,
      () => undefined,
      violated,
    );
  }

  #refused(what: string, message: Writer): void {
    const before = this.#seen.length;
    this.#send(message);
    if (this.#violated === undefined || this.#seen.length !== before) throw new Error(`It does not see ${what}`);
    this.#watch();
  }

  #allowed(what: string, message: Writer, event: string): void {
    this.#send(message);
    if (this.#violated !== undefined || this.#seen.at(-1) !== event) throw new Error(`It keeps ${what} from ssh2`);
  }

  #send(message: Writer): void {
    const payload = message.finish();
    const { write } = this.#client._packetRW;
    const packet = write.alloc(payload.length);
    packet.set(payload, write.allocStart);
    this.#client._cipher.encrypt(write.finalize(packet));
    this.#settle();
  }

  #settle(): void {
    while (this.#toServer.length + this.#toClient.length > 0) {
      for (const piece of this.#toServer.splice(0)) this.#socket.emit("data", piece);
      for (const piece of this.#toClient.splice(0)) this.#client.parse(piece, 0, piece.length);
      const [error] = this.#errors;
      if (error !== undefined) throw error;
    }
  }
}

function login(): Writer {
  return new Writer().u8(SSH_MSG.USERAUTH_REQUEST).text("check").text("ssh-connection").text("none");
}
