import { BadPacket, OutOfRange, Reader } from "../protocol/reader.ts";
import { SSH_MSG } from "./messages.ts";
import type { Ssh2Channels, Ssh2Protocol } from "./ssh2.ts";

/** What the rules know of one connection. */
export interface GuardState {
  readonly channels: Ssh2Channels;
  /** A USERAUTH_REQUEST is being decided. */
  authPending: boolean;
  /** That request. */
  authRequest: Buffer | undefined;
  /** The pending one is keyboard-interactive and the client is being asked. */
  prompted: boolean;
  extInfo: number;
  opens: number;
  rekeys: number;
  lastRekey: { at: number; bytes: number };
  /** Bytes moved so far, in both directions. */
  readonly moved: () => number;
  readonly channelRequests: Rate;
  readonly globalRequests: Rate;
  /** The client begins a key exchange. */
  readonly onKeyExchange: () => void;
}

/** Counts events in windows of one second. */
export class Rate {
  readonly #limit: number;
  #window = 0;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether one more is within the limit. */
  take(nowMs: number = Date.now()): boolean {
    const window = Math.floor(nowMs / 1000);
    if (window !== this.#window) {
      this.#window = window;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count <= this.#limit;
  }
}

/** Answers why a message may not be served, or nothing. */
export type Rule = (protocol: Ssh2Protocol, payload: Buffer, state: GuardState) => string | undefined;

/** Certificates hold as many as 256 names. ssh2 takes no packet over 35,000 bytes, which is what everybody has to take (RFC 4253, section 6.1). */
const maxAuthPayloadBytes = 32 * 1024;
const maxExtInfoBytes = 8 * 1024;
const maxUsernameBytes = 255;
const maxAnswers = 16;
/** ssh2 announces this size for the packets that it takes (RFC 4254, section 5.1). */
const maxChannelData = 32 * 1024;
/** A channel of smaller packets would be answered byte by byte; at 0, ssh2 loops for ever. */
const leastPacketSize = 1024;
const maxOpens = 1000;
const maxWindow = 0xffff_ffff;
/** A client may exchange keys as often as this much is moved, or once in this time. */
const rekeyBytes = 32 * 1024;
const rekeyMs = 10_000;

const serverOnly: Rule = () => "A message that only servers send";
const unasked: Rule = () => "An answer to nothing that was asked";
const afterLogin: Rule = (protocol) => (protocol._authenticated ? undefined : "Sent before the login");

/** One rule for each message number that has to be watched; every other one of RFC 4250 is harmless or handled by ssh2. */
export const rules: ReadonlyMap<number, Rule> = new Map<number, Rule>([
  [SSH_MSG.SERVICE_ACCEPT, serverOnly],
  [SSH_MSG.EXT_INFO, extInfo],
  [SSH_MSG.KEXINIT, kexInit],
  [SSH_MSG.USERAUTH_REQUEST, authRequest],
  [SSH_MSG.USERAUTH_FAILURE, serverOnly],
  [SSH_MSG.USERAUTH_SUCCESS, serverOnly],
  [SSH_MSG.USERAUTH_BANNER, serverOnly],
  [SSH_MSG.USERAUTH_INFO_REQUEST, serverOnly],
  [SSH_MSG.USERAUTH_INFO_RESPONSE, infoResponse],
  [SSH_MSG.GLOBAL_REQUEST, globalRequest],
  // Answers to our keep-alive requests: clients answer those with REQUEST_FAILURE.
  [SSH_MSG.REQUEST_SUCCESS, afterLogin],
  [SSH_MSG.REQUEST_FAILURE, afterLogin],
  [SSH_MSG.CHANNEL_OPEN, channelOpen],
  [SSH_MSG.CHANNEL_OPEN_CONFIRMATION, unasked],
  [SSH_MSG.CHANNEL_OPEN_FAILURE, unasked],
  [SSH_MSG.CHANNEL_WINDOW_ADJUST, windowAdjust],
  [SSH_MSG.CHANNEL_DATA, channelData],
  [SSH_MSG.CHANNEL_EXTENDED_DATA, channelData],
  [SSH_MSG.CHANNEL_EOF, afterLogin],
  [SSH_MSG.CHANNEL_CLOSE, afterLogin],
  [SSH_MSG.CHANNEL_REQUEST, channelRequest],
  [SSH_MSG.CHANNEL_SUCCESS, unasked],
  [SSH_MSG.CHANNEL_FAILURE, unasked],
]);

/** Applies a message's rule. A packet that cannot be read breaks it. */
export function broken(type: number, protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  try {
    return rules.get(type)?.(protocol, payload, state);
  } catch (error) {
    if (error instanceof BadPacket || error instanceof OutOfRange) return "A malformed message";
    throw error;
  }
}

function extInfo(_protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  state.extInfo += 1;
  if (state.extInfo > 1) return "EXT_INFO came twice";
  const reader = new Reader(payload, 1);
  // Each extension takes at least its two lengths: a count that the packet cannot hold is not looped over.
  return payload.length > maxExtInfoBytes || reader.u32() * 8 > reader.remaining ? "EXT_INFO is too large" : undefined;
}

function kexInit(protocol: Ssh2Protocol, _payload: Buffer, state: GuardState): string | undefined {
  if (protocol._kex?.sessionID === undefined) return undefined;
  if (!protocol._authenticated) return "A key exchange before the login";
  // The answer to an exchange that we have begun.
  if (protocol._kexinit !== undefined) return undefined;
  const now = Date.now();
  const bytes = state.moved();
  const { lastRekey } = state;
  const often = now - lastRekey.at < rekeyMs && bytes - lastRekey.bytes < rekeyBytes;
  state.lastRekey = { at: now, bytes };
  state.rekeys += 1;
  if (often && state.rekeys > 1) return "Key exchanges too often";
  state.onKeyExchange();
  return undefined;
}

function authRequest(protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  if (payload.length > maxAuthPayloadBytes) return "The authentication request is too large";
  if (new Reader(payload, 1).bytes().length > maxUsernameBytes) return "The user name is too long";
  if (protocol._authenticated) return undefined;
  if (state.authPending) {
    if (!state.prompted) return "An authentication request while another is decided";
    // Leaving keyboard-interactive for another method is allowed (RFC 4252, section 5.1), but ssh2 would keep the abandoned
    // request at the head of its queue and answer it in place of this one.
    protocol._authsQueue.length = 0;
  }
  state.authPending = true;
  state.authRequest = Buffer.from(payload);
  state.prompted = false;
  return undefined;
}

function infoResponse(_protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  if (!state.prompted) return "An answer to nothing that was asked";
  state.prompted = false;
  return new Reader(payload, 1).u32() > maxAnswers ? "Too many answers" : undefined;
}

function globalRequest(protocol: Ssh2Protocol, _payload: Buffer, state: GuardState): string | undefined {
  if (!protocol._authenticated) return "Sent before the login";
  return state.globalRequests.take() ? undefined : "Global requests too often";
}

function channelOpen(protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  if (!protocol._authenticated) return "Sent before the login";
  state.opens += 1;
  if (state.opens > maxOpens) return "Too many channels";
  const reader = new Reader(payload, 1);
  reader.bytes();
  reader.u32();
  reader.u32();
  return reader.u32() < leastPacketSize ? "The channel's packets are too small" : undefined;
}

function windowAdjust(protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  if (!protocol._authenticated) return "Sent before the login";
  const reader = new Reader(payload, 1);
  const channel = state.channels.get(reader.u32());
  const window = (channel?.outgoing ?? channel?._chanInfo?.outgoing)?.window ?? 0;
  return window + reader.u32() > maxWindow ? "The window is too large" : undefined;
}

function channelData(protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  if (!protocol._authenticated) return "Sent before the login";
  const reader = new Reader(payload, 1);
  const channel = state.channels.get(reader.u32());
  if (payload[0] === SSH_MSG.CHANNEL_EXTENDED_DATA) reader.u32();
  const { length } = reader.bytes();
  if (length > maxChannelData) return "More data than a packet may carry";
  const window = (channel?.incoming ?? channel?._chanInfo?.incoming)?.window;
  return window !== undefined && length > window ? "More data than the window allows" : undefined;
}

function channelRequest(protocol: Ssh2Protocol, payload: Buffer, state: GuardState): string | undefined {
  if (!protocol._authenticated) return "Sent before the login";
  if (!state.channelRequests.take()) return "Channel requests too often";
  const reader = new Reader(payload, 1);
  const session = state.channels.get(reader.u32());
  reader.bytes();
  // ssh2 answers nothing on a channel that has its subsystem, and a client that waits would wait for ever (RFC 4254, section 5.4).
  if (reader.bool() && session?._channel !== undefined && session._chanInfo !== undefined) {
    protocol.channelFailure(session._chanInfo.outgoing.id);
  }
  return undefined;
}
