import { plainAlgorithms, userAlgorithms } from "../auth/key-type.ts";
import { SetupError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { hybridKex } from "./hybrid.ts";
import { hasNativeCrypto } from "./ssh2.ts";

/** Algorithms by what they are for, each list in the order of preference, by their IANA names. */
export interface AlgorithmLists {
  /** Key exchange. */
  readonly kex: readonly string[];
  readonly cipher: readonly string[];
  /** Message authentication, for ciphers that do not bring their own. */
  readonly mac: readonly string[];
  /** Signatures of the host keys. */
  readonly serverHostKey: readonly string[];
  /** Users' keys (RFC 4252, section 7): signatures of plain keys, FIDO keys (`sk-…`) and certificates (`…-cert-v01@openssh.com`). */
  readonly publicKey: readonly string[];
  /** `zlib@openssh.com`, which begins after the login, is in no preset: see docs/security.md. */
  readonly compress: readonly string[];
}

/** A preset, or lists; lists that are absent are those of `modern`. */
export type AlgorithmOptions = "modern" | "compatible" | Partial<AlgorithmLists>;

// In JavaScript chacha20 is the slowest by far, yet OpenSSH asks for it first: it is offered with the native addon only.
export const chacha20 = "chacha20-poly1305@openssh.com";

/** No SHA-1, no CBC, no group exchange, no compression. */
const modern: AlgorithmLists = {
  // Curves alone: an exchange over a finite field costs fifteen times as much, which a flood would make us pay.
  kex: [
    hybridKex,
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
  ],
  cipher: [
    ...(hasNativeCrypto ? [chacha20] : []),
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
  ],
  mac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  serverHostKey: plainAlgorithms,
  publicKey: userAlgorithms,
  compress: ["none"],
};

/** For clients that know no curves: finite fields too, from 2,048 bits. */
const compatible: AlgorithmLists = {
  ...modern,
  kex: [
    ...modern.kex,
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
  ],
};

const known: AlgorithmLists = {
  ...compatible,
  cipher: [...new Set([chacha20, ...modern.cipher])],
  compress: ["none", "zlib@openssh.com"],
};

/** The lists that an option stands for. @throws SetupError `ERR_SLUICE_OPTIONS` that names the list and the algorithm */
export function resolveAlgorithms(options: AlgorithmOptions = "modern"): AlgorithmLists {
  if (options === "modern") return modern;
  if (options === "compatible") return compatible;
  if (typeof options !== "object") fail('algorithms: "modern", "compatible" or lists are needed');
  for (const [name, list] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) fail(`algorithms.${name}: unknown list${hint(name, Object.keys(known))}`);
    if (!Array.isArray(list) || list.length === 0) fail(`algorithms.${name}: at least one algorithm is needed`);
    const allowed = known[name as keyof AlgorithmLists];
    for (const algorithm of list as readonly unknown[]) {
      if (allowed.includes(String(algorithm))) continue;
      fail(`algorithms.${name}: "${String(algorithm)}" is not supported${hint(String(algorithm), allowed)}`);
    }
  }
  return { ...modern, ...options };
}

function hint(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === undefined ? `; there are: ${names.join(", ")}` : `; did you mean "${near}"?`;
}

function fail(message: string): never {
  throw new SetupError("ERR_SLUICE_OPTIONS", message);
}
