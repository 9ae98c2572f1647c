import { KexInit, type Ssh2Offer } from "./ssh2.ts";

type Directions = Record<"cipher" | "mac" | "compress" | "lang", readonly string[]>;

/** The same offer with other lists in place of its own: what is sent is laid out when an offer is made. */
export function changeOffer(
  { lists }: Ssh2Offer,
  change: { readonly kex?: readonly string[]; readonly serverHostKey?: readonly string[] },
): Ssh2Offer {
  const directions = (from: Ssh2Offer["lists"]["cs"]): Directions => ({
    cipher: from.cipher.array,
    mac: from.mac.array,
    compress: from.compress.array,
    lang: [],
  });
  return new KexInit({
    kex: change.kex ?? lists.kex.array,
    serverHostKey: change.serverHostKey ?? lists.serverHostKey.array,
    cs: directions(lists.cs),
    sc: directions(lists.sc),
  });
}
