import { chacha20 } from "./algorithms.ts";
import { answerHybrid, hybridKex } from "./hybrid.ts";
import { readKexInit, replaceKex } from "./kexinit.ts";
import { SSH_MSG } from "./messages.ts";
import type { Encapsulate } from "./mlkem.ts";
import { changeOffer } from "./offer.ts";
import { messageHandlers, type Ssh2KeyExchange, type Ssh2Protocol } from "./ssh2.ts";

/** What ssh2 takes a hybrid exchange for: one with the same messages and the same hash function. */
export const classicalKex = "curve25519-sha256";

type HandleKexInit = (payload: Buffer) => unknown;

/** The connections whose exchanges are mended, with who encapsulates where the hybrid method is offered. */
const mended = new WeakMap<Ssh2Protocol, Encapsulate | undefined>();
let installed = false;

/** Steps in front of ssh2's handler of the KEXINITs that begin later exchanges. */
function install(): void {
  if (installed) return;
  installed = true;
  const handler = messageHandlers[SSH_MSG.KEXINIT];
  messageHandlers[SSH_MSG.KEXINIT] = (protocol, payload) => {
    const handle: HandleKexInit = (seen) => handler?.(protocol, seen);
    return mended.has(protocol) ? negotiate(protocol, payload, handle) : handle(payload);
  };
}

/**
 * Mends what ssh2's server side gets wrong in a key exchange, which is that it drops every guess at the method, right or wrong; and
 * teaches it the hybrid method, which ssh2 takes for its classical half.
 *
 * Has to be called when the client's identification has come and ssh2's KEXINIT has not been sent.
 *
 * @param methods to offer, in this order, in place of ssh2's
 * @param encapsulate absent when the hybrid method is not to be offered
 */
export function mendExchange(protocol: Ssh2Protocol, methods: readonly string[], encapsulate?: Encapsulate): void {
  install();
  const offered = methods.filter((method) => method !== hybridKex || encapsulate !== undefined);
  mended.set(protocol, offered.includes(hybridKex) ? encapsulate : undefined);
  const strict = protocol._offer.lists.kex.array.filter((method) => method.startsWith("kex-strict-"));
  protocol._offer = changeOffer(protocol._offer, { kex: [...offered, ...strict] });
  // The first exchange does not go through the table of handlers.
  const decipher = protocol._decipher;
  const handle = decipher._onPayload;
  decipher._onPayload = (payload) =>
    payload[0] === SSH_MSG.KEXINIT ? negotiate(protocol, payload, handle) : handle(payload);
}

function negotiate(protocol: Ssh2Protocol, payload: Buffer, handle: HandleKexInit): unknown {
  const theirs = readKexInit(payload);
  // ssh2 refuses it.
  if (theirs === undefined) return handle(payload);
  const { lists } = protocol._offer;
  const { kex, serverHostKey } = lists;
  const encapsulate = mended.get(protocol);
  const agreed = theirs.kex.find((method) => kex.array.includes(method));
  const hybrid = encapsulate !== undefined && agreed === hybridKex;
  const methods = theirs.kex.map((method) => (method === hybridKex ? classicalKex : method));
  // Without strict key exchange, chacha20 lets packets be cut off unseen (CVE-2023-48795); the other ciphers notice.
  const strict = protocol._strictMode ?? theirs.kex.includes("kex-strict-c-v00@openssh.com");
  const ciphers = [lists.cs.cipher, lists.sc.cipher] as const;
  if (!strict)
    for (const way of [lists.cs, lists.sc])
      way.cipher = { array: way.cipher.array.filter((name) => name !== chacha20) };
  const before = protocol._kex;
  // What ssh2 compares with; what it sends was laid out when the offer was made.
  if (hybrid) lists.kex = { array: [classicalKex] };
  const handled = handle(hybrid ? replaceKex(payload, methods) : payload);
  lists.kex = kex;
  [lists.cs.cipher, lists.sc.cipher] = ciphers;
  const exchange = protocol._kex;
  if (exchange === undefined || exchange === before) return handled;
  // A guess is right when both sides like the same best (RFC 4253, section 7).
  const rightGuess = theirs.kex[0] === kex.array[0] && theirs.serverHostKey[0] === serverHostKey.array[0];
  protocol._skipNextInboundPacket = theirs.guessFollows && !rightGuess;
  if (hybrid) makeHybrid(exchange, payload, encapsulate);
  return handled;
}

/** Gives one of ssh2's X25519 exchanges the hybrid's keys, and what the client has really sent for the exchange hash. */
function makeHybrid(exchange: Ssh2KeyExchange, clientInit: Buffer, encapsulate: Encapsulate): void {
  let reply: Buffer = Buffer.alloc(0);
  exchange.type = hybridKex;
  exchange.negotiated.kex = hybridKex;
  exchange._remoteKexinit = clientInit;
  exchange.convertPublicKey = (key) => key;
  exchange.getPublicKey = () => reply;
  exchange.computeSecret = (init) => {
    try {
      const answer = answerHybrid(init, encapsulate);
      reply = answer.reply;
      return answer.secret;
    } catch (error) {
      // ssh2 says goodbye for an error that is returned.
      return error instanceof Error ? error : new Error(String(error));
    }
  };
}
