/** One type of public key: its encoding, and how it signs. */
export interface KeyType {
  readonly name: string;
  /** Strings behind the type in the key's encoding. */
  readonly fields: number;
  /** Signature algorithms that the key may use. */
  readonly signatures: readonly string[];
  /** Whether a FIDO authenticator holds it (PROTOCOL.u2f of OpenSSH). */
  readonly fido: boolean;
}

const rsaSignatures = ["rsa-sha2-256", "rsa-sha2-512"];

/** Key types that are accepted, with the signature algorithms that each may use (RFC 8332, RFC 5656, RFC 8709). No SHA-1. */
const types: ReadonlyMap<string, KeyType> = new Map(
  [
    { name: "ssh-ed25519", fields: 1, fido: false },
    { name: "ecdsa-sha2-nistp256", fields: 2, fido: false },
    { name: "ecdsa-sha2-nistp384", fields: 2, fido: false },
    { name: "ecdsa-sha2-nistp521", fields: 2, fido: false },
    { name: "ssh-rsa", fields: 2, fido: false },
    { name: "sk-ssh-ed25519@openssh.com", fields: 2, fido: true },
    { name: "sk-ecdsa-sha2-nistp256@openssh.com", fields: 3, fido: true },
  ].map((type) => [type.name, { ...type, signatures: type.name === "ssh-rsa" ? rsaSignatures : [type.name] }]),
);

const certificateSuffix = "-cert-v01@openssh.com";

/** `ssh-ed25519` becomes `ssh-ed25519-cert-v01@openssh.com`; a domain that the name has already is not repeated. */
function certificateName(name: string): string {
  return name.replace(/@openssh\.com$/, "") + certificateSuffix;
}

const certifiedTypes: ReadonlyMap<string, KeyType> = new Map(
  [...types.values()].map((type) => [certificateName(type.name), type]),
);

/** The type of a plain key, by the name in its first field. */
export function plainType(name: string): KeyType | undefined {
  return types.get(name);
}

/** The type of the key that a certificate of this type certifies (PROTOCOL.certkeys of OpenSSH). */
export function certifiedType(name: string): KeyType | undefined {
  return certifiedTypes.get(name);
}

const algorithmsOfCertificates: ReadonlyMap<string, string> = new Map(
  [...types.values()].flatMap(({ signatures }) => signatures).map((name) => [certificateName(name), name]),
);

/**
 * The signature algorithm that a public key algorithm stands for: its own name, or that of the key where a certificate is sent.
 * `undefined` where a certificate's algorithm is not accepted.
 */
export function signatureAlgorithm(algorithm: string): string | undefined {
  return algorithm.endsWith(certificateSuffix) ? algorithmsOfCertificates.get(algorithm) : algorithm;
}

/** Public key algorithms of plain keys, in the order of preference. */
export const plainAlgorithms: readonly string[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

const keyAlgorithms = [...plainAlgorithms, "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];

/** Public key algorithms that users may log in by: plain keys, FIDO keys, and certificates of both. */
export const userAlgorithms: readonly string[] = [...keyAlgorithms, ...keyAlgorithms.map(certificateName)];
