import { Reader } from "../protocol/reader.ts";
import { printable, textFromBytes } from "../protocol/text.ts";
import { certificateTypes, type SignedCertificate } from "./certificate.ts";
import { isInside, readNetworks } from "./network.ts";

/** Where and when a certificate is used. */
export interface Use {
  readonly remoteAddress: string;
  /** As of `Date.now()`. */
  readonly nowMs: number;
}

/**
 * What a certificate says of its own use (PROTOCOL.certkeys of OpenSSH): for users, valid now, from this address, and with no critical option
 * that would not be kept.
 *
 * @returns why it does not count here and now, or `undefined` where it does
 */
export function restricted(certificate: SignedCertificate, use: Use): string | undefined {
  const { type, keyId, serial } = certificate;
  const fault =
    (type === certificateTypes.user ? undefined : "is not for users") ??
    lapsed(certificate, use.nowMs) ??
    (certificate.principals.length > 0 ? undefined : "names no principals") ??
    optionRefused(certificate, use);
  if (fault === undefined) return undefined;
  return `The certificate "${printable(keyId).slice(0, 64)}" (serial ${serial}) ${fault}`;
}

function lapsed({ validAfter, validBefore }: SignedCertificate, nowMs: number): string | undefined {
  const now = BigInt(Math.floor(nowMs / 1000));
  if (now < validAfter) return "is not valid yet";
  return now >= validBefore ? "has expired" : undefined;
}

function optionRefused({ criticalOptions, extensions }: SignedCertificate, use: Use): string | undefined {
  // An extension that is known is read as strictly as an option; others may be ignored.
  if ((extensions.get("no-touch-required")?.length ?? 0) > 0) return "has a malformed extension no-touch-required";
  for (const [name, data] of criticalOptions) {
    const fault = judge(name, data, use);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function judge(name: string, data: Uint8Array, { remoteAddress }: Use): string | undefined {
  switch (name) {
    case "source-address": {
      const networks = readNetworks(valueOf(data) ?? "");
      if (networks === undefined) return "has a malformed source-address";
      return isInside(remoteAddress, networks) ? undefined : "may not be used from this address";
    }
    case "force-command":
      return valueOf(data) === "internal-sftp" ? undefined : "is for another command than internal-sftp";
    case "verify-required":
      // Enforced with the signature.
      return data.length === 0 ? undefined : "has a malformed verify-required";
    default:
      return `has the critical option "${printable(name).slice(0, 64)}", which is not supported`;
  }
}

/** A value is a string inside of the option's data, with nothing behind it. */
function valueOf(data: Uint8Array): string | undefined {
  try {
    const reader = new Reader(data);
    const value = reader.bytes();
    return reader.remaining > 0 ? undefined : textFromBytes(value);
  } catch {
    return undefined;
  }
}
