import { answerHybrid, hybridKex } from "./hybrid.ts";
import { readKexInit, replaceKex } from "./kexinit.ts";
import { SSH_MSG } from "./messages.ts";
import type { Encapsulate } from "./mlkem.ts";
import { changeOffer } from "./offer.ts";
import { messageHandlers, type Ssh2KeyExchange, type Ssh2Protocol } from "./ssh2.ts";

/** What ssh2 takes a hybrid exchange for: one with the same messages and the same hash function. */
const classicalKex = "curve25519-sha256";

type HandleKexInit = (payload: Buffer) => unknown;

const offering = new WeakMap<Ssh2Protocol, Encapsulate>();
let installed = false;

/** Steps in front of ssh2's handler of KEXINITs that begin later exchanges, for the connections that offer the hybrid one alone. */
function install(): void {
  if (installed) return;
  installed = true;
  const handler = messageHandlers[SSH_MSG.KEXINIT];
  messageHandlers[SSH_MSG.KEXINIT] = (protocol, payload) => {
    const encapsulate = offering.get(protocol);
    const handle: HandleKexInit = (seen) => handler?.(protocol, seen);
    return encapsulate === undefined ? handle(payload) : negotiate(protocol, payload, encapsulate, handle);
  };
}

/**
 * Lets a connection's server side exchange keys by the hybrid method, which ssh2 does not know: it is offered first, and ssh2 takes it for
 * its classical half. An offer without that half stays as it is.
 *
 * Has to be called when the client's identification has come and ssh2's KEXINIT has not been sent.
 */
export function offerHybrid(protocol: Ssh2Protocol, encapsulate: Encapsulate): void {
  const methods = protocol._offer.lists.kex.array;
  if (!methods.includes(classicalKex)) return;
  install();
  offering.set(protocol, encapsulate);
  protocol._offer = changeOffer(protocol._offer, { kex: [hybridKex, ...methods] });
  // The first exchange does not go through the table of handlers.
  const decipher = protocol._decipher;
  const handle = decipher._onPayload;
  decipher._onPayload = (payload) =>
    payload[0] === SSH_MSG.KEXINIT ? negotiate(protocol, payload, encapsulate, handle) : handle(payload);
}

function negotiate(protocol: Ssh2Protocol, payload: Buffer, encapsulate: Encapsulate, handle: HandleKexInit): unknown {
  const theirs = readKexInit(payload);
  // ssh2 refuses it.
  if (theirs === undefined) return handle(payload);
  const { kex, serverHostKey } = protocol._offer.lists;
  const hybrid = theirs.kex.find((method) => kex.array.includes(method)) === hybridKex;
  const methods = theirs.kex.map((method) => (method === hybridKex ? classicalKex : method));
  const before = protocol._kex;
  const handled = handle(hybrid ? replaceKex(payload, methods) : payload);
  const exchange = protocol._kex;
  if (exchange === undefined || exchange === before) return handled;
  // A guess is right when both sides like the same best (RFC 4253, section 7). ssh2 takes what was agreed on for that, and would answer a
  // guess that the client has already withdrawn.
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
