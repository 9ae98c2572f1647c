import { fingerprintOf } from "./fingerprint.ts";
import { keyObject } from "./key-object.ts";
import { plainType } from "./key-type.ts";
import type { PublicKey } from "./method.ts";

/**
 * Reads a public key as OpenSSH writes it in `.pub` files: `type base64 [comment]`. Plain keys and FIDO keys, whole and strong enough; no options in
 * front, no certificates.
 *
 * @throws TypeError that says what is wrong, without the text itself
 */
export function parsePublicKey(line: string): PublicKey {
  const [type = "", encoded = ""] = line.trim().split(/[ \t]+/);
  if (plainType(type) === undefined) throw new TypeError("A key is needed, as in a .pub file: type, base64, comment");
  const blob = Buffer.from(encoded, "base64");
  if (encoded === "" || blob.toString("base64") !== encoded) {
    throw new TypeError("The key is not whole: its base64 is malformed");
  }
  const key = { type, blob, fingerprint: fingerprintOf(blob) };
  try {
    keyObject(key);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown";
    throw new TypeError(`The key cannot be used: ${why}`, { cause: error });
  }
  return key;
}
