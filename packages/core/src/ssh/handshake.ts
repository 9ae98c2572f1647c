import { SSH_MSG } from "./messages.ts";
import { changeOffer } from "./offer.ts";
import type { Ssh2Offer, Ssh2Protocol } from "./ssh2.ts";

/**
 * Mends what ssh2 gets wrong in the handshake, before it has sent its KEXINIT: it offers SHA-1 signatures of an RSA host key whatever the
 * options say, and announces a list of signature algorithms in which two names are run together.
 *
 * @param signatureAlgorithms accepted from users' keys, told to clients by EXT_INFO (RFC 8308, section 3.1)
 */
export function mendHandshake(protocol: Ssh2Protocol, signatureAlgorithms: readonly string[]): void {
  protocol._offer = withoutSha1(protocol._offer);
  const complete = protocol._onHandshakeComplete;
  let first = true;
  protocol._onHandshakeComplete = (...negotiated) => {
    const kex = protocol._kex;
    const announce = first && kex?.remoteExtInfoEnabled === true;
    first = false;
    if (announce) {
      // Sent by us, in place of ssh2's own.
      kex.remoteExtInfoEnabled = false;
      sendExtInfo(protocol, signatureAlgorithms.join(","));
    }
    complete(...negotiated);
  };
}

function withoutSha1(offer: Ssh2Offer): Ssh2Offer {
  const serverHostKey = offer.lists.serverHostKey.array.filter((algorithm) => algorithm !== "ssh-rsa");
  return changeOffer(offer, { serverHostKey });
}

function sendExtInfo(protocol: Ssh2Protocol, signatureAlgorithms: string): void {
  const { write } = protocol._packetRW;
  const name = "server-sig-algs";
  let at = write.allocStart;
  const packet = write.alloc(1 + 4 + 4 + name.length + 4 + signatureAlgorithms.length);
  packet[at] = SSH_MSG.EXT_INFO;
  at = packet.writeUInt32BE(1, at + 1);
  at = packet.writeUInt32BE(name.length, at);
  at += packet.write(name, at, "latin1");
  at = packet.writeUInt32BE(signatureAlgorithms.length, at);
  packet.write(signatureAlgorithms, at, "latin1");
  protocol._cipher.encrypt(write.finalize(packet));
}
