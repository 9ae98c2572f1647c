import { fingerprintOf } from "@sluice/core";
import { checkKeyBlob, isFido, keyTypes } from "./key-blob.ts";
import { noOptions, parseKeyOptions, type KeyOptions } from "./key-options.ts";
import { Mistake } from "./mistake.ts";

/** One line of `authorized_keys` (sshd(8)). */
export interface AuthorizedKey extends KeyOptions {
  readonly type: string;
  /** The key in the encoding of RFC 4253, section 6.6. */
  readonly blob: Buffer;
  /** As OpenSSH prints it: `SHA256:` and 43 characters of base64. */
  readonly fingerprint: string;
  /** What follows the key; empty where nothing does. */
  readonly comment: string;
}

/**
 * Reads one line of `authorized_keys`: `[options] type base64 [comment]`.
 *
 * @throws Mistake for what is malformed, too weak, or not supported; nothing is ignored.
 */
export function parseKey(line: string): AuthorizedKey {
  const text = line.trim();
  if (text.startsWith("----")) {
    throw new Mistake(
      "is not a line as in authorized_keys; `ssh-keygen -i -f FILE` makes one of other public key formats",
    );
  }
  if (/[\r\n]/.test(text)) throw new Mistake("a key is one line; put each in an item of its own");
  const options = isKeyType(firstWord(text)) ? "" : firstWord(text);
  const [type = "", encoded = "", ...comment] = text
    .slice(options.length)
    .trim()
    .split(/[ \t]+/);
  if (!isKeyType(type))
    throw new Mistake("is not a key; a line as in authorized_keys is needed: type, base64, comment");
  const kept = options === "" ? noOptions : parseKeyOptions(options);
  if (!keyTypes.includes(type)) {
    throw new Mistake(`keys of the type ${type} are not supported; use ${keyTypes.slice(0, 3).join(", ")} …`);
  }
  const blob = Buffer.from(encoded, "base64");
  if (encoded === "" || blob.toString("base64") !== encoded)
    throw new Mistake("the key is not whole: its base64 is malformed");
  checkKeyBlob(type, blob);
  if (!isFido(type) && kept.authority === undefined) checkPlain(kept);
  return { ...kept, type, blob, fingerprint: fingerprintOf(blob), comment: comment.join(" ") };
}

/** What only a security key can do is not asked of another. */
function checkPlain({ touchRequired, verifyRequired }: KeyOptions): void {
  const name = verifyRequired ? "verify-required" : touchRequired ? undefined : "no-touch-required";
  if (name !== undefined) throw new Mistake(`option ${name} is for security keys (sk-…)`);
}

/** Up to the first blank that is not inside double quotes. */
function firstWord(text: string): string {
  return /^(?:"(?:[^"\\]|\\.)*"|[^\s"])*/.exec(text)?.[0] ?? "";
}

/** Supported or not: what a key's type looks like. */
function isKeyType(word: string): boolean {
  return /^(ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+$/.test(word);
}
