import { hasNativeCrypto, type Algorithms } from "./ssh2.ts";

/** What is offered to clients: no SHA-1, no CBC, no compression. */
export const offeredAlgorithms: Algorithms = {
  // Curves alone: an exchange over a finite field costs fifteen times as much, which a flood would make us pay.
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
  ],
  serverHostKey: [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
  ],
  cipher: [
    // In JavaScript chacha20 is the slowest by far, yet OpenSSH asks for it first: it is offered with the native addon only.
    ...(hasNativeCrypto ? (["chacha20-poly1305@openssh.com"] as const) : []),
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
  ],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compress: ["none"],
};
