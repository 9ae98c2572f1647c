import { checkSignature } from "../auth/key-check.ts";
import type { Questions } from "../auth/method.ts";
import type { AuthRequest } from "../auth/request.ts";
import { Reader } from "../protocol/reader.ts";
import type { AuthContext, KeyboardAuthContext, PublicKeyAuthContext } from "./ssh2.ts";

/** Asks the client what a method wants to know. */
export type Ask = (context: KeyboardAuthContext, questions: Questions) => Promise<readonly string[]>;

/** An authentication request as ssh2 has it, as one of ours. `sent` is the message itself. */
export function requestOf(context: AuthContext, sent: Buffer | undefined, ask: Ask): AuthRequest {
  const { username } = context;
  switch (context.method) {
    case "password":
      return { username, mechanism: "password", ...passwordsOf(context.password) };
    case "publickey":
      return keyRequestOf(context, sent);
    case "keyboard-interactive":
      return { username, mechanism: "keyboard-interactive", ask: (questions) => ask(context, questions) };
    case "hostbased":
      return { username, mechanism: "hostbased" };
    default:
      return { username, mechanism: "none" };
  }
}

/** ssh2 hands over a change of password as an object in the password's place, whatever its types say. */
function passwordsOf(password: unknown): { readonly password: unknown; readonly newPassword?: unknown } {
  if (typeof password !== "object" || password === null) return { password };
  const { oldPassword, newPassword } = password as { oldPassword?: unknown; newPassword?: unknown };
  return { password: oldPassword, newPassword: newPassword ?? "" };
}

/** ssh2 hands over RSA's signature algorithms as a key type and a hash; SHA-1 is the one without a hash. */
const rsaAlgorithms: Readonly<Record<string, string>> = { sha256: "rsa-sha2-256", sha512: "rsa-sha2-512" };

function keyRequestOf(context: PublicKeyAuthContext, sent: Buffer | undefined): AuthRequest {
  const { key, blob, hashAlgo } = context;
  const algorithm = key.algo === "ssh-rsa" ? (rsaAlgorithms[hashAlgo ?? ""] ?? "ssh-rsa") : key.algo;
  const request = { username: context.username, mechanism: "publickey" as const, algorithm, blob: key.data };
  if (context.signature === undefined || blob === undefined) return request;
  // ssh2 takes parts of some signatures off; the whole one stands behind what is signed, which begins with the session's id.
  const signature = sent === undefined ? Buffer.alloc(0) : signatureBehind(sent, blob);
  return {
    ...request,
    verifySignature: (used, demands) => checkSignature(used, { algorithm, data: blob, signature }, demands),
  };
}

function signatureBehind(message: Buffer, signed: Buffer): Buffer {
  const reader = new Reader(message, signed.length - 4 - signed.readUInt32BE(0));
  const signature = reader.bytes();
  return reader.remaining > 0 ? Buffer.alloc(0) : signature;
}
