/** The only import of ssh2. Its JavaScript is CommonJS: names come from the default export. */
import { createRequire } from "node:module";
import ssh2 from "ssh2";

export type {
  Algorithms,
  AuthContext,
  Connection as Ssh2Connection,
  ClientInfo,
  KeyboardAuthContext,
  NegotiatedAlgorithms as Ssh2Algorithms,
  ParsedKey,
  PasswordAuthContext,
  PublicKeyAuthContext,
  ServerChannel,
  ServerConfig,
  Session as Ssh2Session,
} from "ssh2";
export const Client: typeof ssh2.Client = ssh2.Client;
export const Server: typeof ssh2.Server = ssh2.Server;
export const utils: typeof ssh2.utils = ssh2.utils;

const require = createRequire(import.meta.url);

/** Whether ssh2's native addon was built: without it, encryption is several times slower. */
export const hasNativeCrypto: boolean =
  (require("ssh2/lib/protocol/crypto.js") as { bindingAvailable?: boolean }).bindingAvailable === true;

/** The version that everything here was written for and tested with: what is used of ssh2 is undocumented, and no other will do. */
export const testedVersion = "1.17.0";
export const installedVersion: string = (require("ssh2/package.json") as { version: string }).version;

/** Lists of algorithms as ssh2 offers them. */
export interface Ssh2Offer {
  readonly lists: {
    /** What is compared with the client's. */
    kex: { readonly array: readonly string[] };
    readonly serverHostKey: { readonly array: readonly string[] };
    readonly cs: Ssh2Directions;
    readonly sc: Ssh2Directions;
  };
}
interface Ssh2Directions {
  cipher: { readonly array: readonly string[] };
  readonly mac: { readonly array: readonly string[] };
  readonly compress: { readonly array: readonly string[] };
  readonly lang: { readonly array: readonly string[] };
}

/** What every payload passes through; it decompresses where that was agreed on. */
export interface Ssh2PacketReader {
  read: (payload: Buffer) => Buffer;
  /** Only where it decompresses. */
  readonly _zlib?: { _maxOutputLength: number };
}

/** What is used of ssh2's protocol object. None of it is documented: `test/security` holds it true for the pinned version. */
export interface Ssh2Protocol {
  readonly _server: boolean;
  readonly _authenticated: boolean;
  readonly _authsQueue: string[];
  /** Set by the first key exchange. */
  readonly _strictMode: boolean | undefined;
  /** Defined while keys are exchanged. */
  readonly _kexinit: Buffer | undefined;
  readonly _kex: Ssh2KeyExchange | undefined;
  readonly _cipher: { readonly outSeqno: number; encrypt: (packet: Buffer) => void };
  readonly _decipher: {
    readonly inSeqno: number;
    /** What has come of a packet that is not whole. */
    _packet?: Uint8Array | null;
    _onPayload: (payload: Buffer) => unknown;
  };
  readonly _handlers: {
    CHANNEL_DATA: (protocol: Ssh2Protocol, channel: number, data: Buffer) => void;
    SERVICE_REQUEST: (protocol: Ssh2Protocol, service: string) => void;
  };
  readonly _packetRW: {
    read: Ssh2PacketReader;
    readonly write: { readonly allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer };
  };
  /** The next packet is a wrong guess at the key exchange method, and not looked at. */
  _skipNextInboundPacket: boolean;
  _offer: Ssh2Offer;
  _onHandshakeComplete: (...negotiated: unknown[]) => void;
  _onWrite: (packet: Buffer) => void;
  channelData(channel: number, data: Buffer): void;
  channelWindowAdjust(channel: number, bytes: number): void;
  disconnect(reason: number): void;
  channelClose(recipient: number): void;
  serviceAccept(service: string): void;
  authPasswdChg(prompt: string): void;
  channelFailure(recipient: number): void;
  rekey(): void;
  /** Sends the identification; gone once it has. */
  start?: () => void;
  parse(data: Buffer, from: number, to: number): void;
  cleanup(): void;
}

/** One key exchange under way, as far as the hybrid method changes it. */
export interface Ssh2KeyExchange {
  readonly sessionID?: Buffer;
  /** For messages. */
  type: string;
  remoteExtInfoEnabled: boolean;
  readonly negotiated: { kex: string };
  /** The client's KEXINIT, as it goes into the exchange hash. */
  _remoteKexinit: Buffer;
  getPublicKey: () => Buffer;
  convertPublicKey: (key: Buffer) => Buffer;
  computeSecret: (key: Buffer) => Buffer | Error;
  parse(payload: Buffer): unknown;
}

/** One direction of a channel. */
export interface Ssh2Window {
  readonly id: number;
  window: number;
}

/** What the guard uses of ssh2's bookkeeping of channels. */
export interface Ssh2Channels {
  get(id: number): Ssh2ChannelEntry | undefined;
  remove(id: number): void;
}
/** A session's entry has `_chanInfo`, and `_channel` once it carries a subsystem; other channels have the members themselves. */
interface Ssh2ChannelEntry {
  readonly incoming?: Ssh2ChannelEnd;
  readonly outgoing?: Ssh2ChannelEnd;
  readonly _chanInfo?: { readonly incoming: Ssh2ChannelEnd; readonly outgoing: Ssh2ChannelEnd };
  readonly _channel?: unknown;
}
/** A session's member that its types leave out. */
export interface Ssh2SessionInternals {
  readonly _chanInfo: { readonly incoming: Ssh2ChannelEnd; readonly outgoing: Ssh2ChannelEnd };
}
interface Ssh2ChannelEnd {
  readonly id: number;
  readonly window: number;
}

/** The members of an authentication request that its types leave out. */
export interface Ssh2AuthInternals {
  /** Whether something was sent in answer: the next request is then one of its own. */
  _initialResponse: boolean;
}

/** The members of a connection that its types leave out. */
export interface Ssh2Internals {
  readonly _protocol: Ssh2Protocol;
  readonly _chanMgr: Ssh2Channels;
}

/** ssh2's table of what handles each message number, for all connections of the process. */
export const messageHandlers: (((protocol: Ssh2Protocol, payload: Buffer) => unknown) | undefined)[] =
  require("ssh2/lib/protocol/handlers.js") as (((protocol: Ssh2Protocol, payload: Buffer) => unknown) | undefined)[];

/** Lists of algorithms to offer. */
export interface Ssh2Lists {
  readonly kex: readonly string[];
  readonly serverHostKey: readonly string[];
  readonly cs: Record<"cipher" | "mac" | "compress" | "lang", readonly string[]>;
  readonly sc: Record<"cipher" | "mac" | "compress" | "lang", readonly string[]>;
}

/** Makes an offer from lists of algorithms. */
export const KexInit: new (lists: Ssh2Lists) => Ssh2Offer = (
  require("ssh2/lib/protocol/kex.js") as { KexInit: new (lists: Ssh2Lists) => Ssh2Offer }
).KexInit;

/** What a client needs to exchange keys outside of a connection. */
export interface Ssh2ClientProtocolConfig {
  readonly server: false;
  readonly offer: Ssh2Offer;
  readonly onWrite: (data: Buffer) => void;
  readonly onError: (error: Error) => void;
}

/** What a server side needs to exchange keys outside of a connection. */
export interface Ssh2ProtocolConfig {
  readonly server: true;
  readonly ident: string;
  readonly hostKeys: Record<string, { readonly type: string; getPublicSSH(): Buffer; sign(data: Buffer): Buffer }>;
  readonly offer: Ssh2Offer;
  readonly onWrite: (data: Buffer) => void;
  readonly onError: (error: Error) => void;
  /** The client's identification has come. */
  readonly onHeader: () => void;
  readonly onHandshakeComplete: (negotiated: { readonly kex: string }) => void;
}

/** ssh2's protocol object without a connection around it. */
export const Protocol: new (config: Ssh2ProtocolConfig | Ssh2ClientProtocolConfig) => Ssh2Protocol =
  require("ssh2/lib/protocol/Protocol.js") as typeof Protocol;
