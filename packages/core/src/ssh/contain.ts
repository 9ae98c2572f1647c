import type { Ssh2Protocol } from "./ssh2.ts";

/**
 * Ends a connection whose cipher fails: ssh2 throws then wherever something is sent, be it the goodbye of a timer, and nobody catches that. Nothing that a client sends
 * makes a cipher fail; an addon that was built for another OpenSSL does.
 *
 * Has to be called before the first key exchange: each brings a new cipher.
 *
 * @param failed called at each packet that cannot be encrypted, and is lost
 */
export function containCipher(protocol: Ssh2Protocol, failed: (error: unknown) => void): void {
  let cipher = protocol._cipher;
  Object.defineProperty(protocol, "_cipher", {
    get: () => cipher,
    set: (next: Ssh2Protocol["_cipher"]) => {
      const encrypt = next.encrypt.bind(next);
      next.encrypt = (packet) => {
        try {
          encrypt(packet);
        } catch (error) {
          failed(error);
        }
      };
      cipher = next;
    },
  });
}
