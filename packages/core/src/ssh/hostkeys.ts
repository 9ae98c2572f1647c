import { SetupError } from "../errors.ts";
import type { HostKeyInput } from "../options.ts";
import { loadHostKey } from "./hostkey.ts";
import { utils } from "./ssh2.ts";

const maxAttempts = 20;

/** What may be told of a host key. */
export interface HostKeyInfo {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256` … or `ssh-rsa`. */
  readonly type: string;
  /** As OpenSSH prints it: `SHA256:` and 43 characters. */
  readonly fingerprint: string;
  /** One line, as in a `.pub` or `known_hosts` file. */
  readonly publicKey: string;
}

/** A host key that was just made. */
export interface GeneratedHostKey extends HostKeyInfo {
  /** In OpenSSH's format, without a passphrase. Whoever reads it can pose as the server. */
  readonly privateKey: string;
}

/** Reads what may be told of a host key. @throws SetupError `ERR_SLUICE_HOST_KEY` */
export function readHostKey(input: HostKeyInput): HostKeyInfo {
  const { type, fingerprint, publicKey } = loadHostKey(input);
  return { type, fingerprint, publicKey };
}

/** Makes a host key: Ed25519, ECDSA on P-256, or RSA of 3,072 bits. */
export function generateHostKey(type: "ed25519" | "ecdsa" | "rsa" = "ed25519"): GeneratedHostKey {
  // ssh2 drops a leading zero of an Ed25519 key, so that one in 256 cannot be read: those are thrown away.
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const { private: privateKey } = generatePair(type);
    if (utils.parseKey(privateKey) instanceof Error) continue;
    return { privateKey, ...readHostKey({ key: privateKey }) };
  }
  throw new SetupError("ERR_SLUICE_HOST_KEY", `No usable ${type} host key could be made; make one with ssh-keygen`);
}

function generatePair(type: "ed25519" | "ecdsa" | "rsa"): { readonly private: string } {
  if (type === "ed25519") return utils.generateKeyPairSync("ed25519");
  return type === "ecdsa"
    ? utils.generateKeyPairSync("ecdsa", { bits: 256 })
    : utils.generateKeyPairSync("rsa", { bits: 3072 });
}
