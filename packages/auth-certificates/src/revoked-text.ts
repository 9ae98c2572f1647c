import { parsePublicKey } from "@sluice/core";
import { textLines } from "./lines.ts";
import type { Revocations } from "./revocations.ts";
import { Revoked } from "./revoked.ts";

/**
 * Reads a revocation list as text. A line is a key as in a `.pub` file, a fingerprint (`SHA256:…`), or what `ssh-keygen -k` takes: `key:`, `sha1:` and
 * `sha256:` before a key, `hash:` before a fingerprint, `serial: 7`, `serial: 7-9`, `id: key id`. Serials and key ids are of all authorities. What follows a blank and `#` is
 * a comment.
 *
 * @throws Error that names the line
 */
export function readRevokedText(bytes: Uint8Array): Revocations {
  const revoked = new Revoked();
  for (const { line, text } of textLines(bytes)) {
    try {
      readLine(revoked, text.replace(/\s+#.*$/, ""));
    } catch (error) {
      throw new Error(`line ${line}: ${error instanceof Error ? error.message : "malformed"}`, { cause: error });
    }
  }
  return revoked;
}

const everybody = new Uint8Array();

function readLine(revoked: Revoked, text: string): void {
  const [, word = "", value = ""] = /^(serial|id|key|sha1|sha256|hash):\s*(.*)$/.exec(text) ?? [];
  switch (word) {
    case "serial": {
      const [, first, last = first] = /^(\d{1,20})(?:\s*-\s*(\d{1,20}))?$/.exec(value) ?? [];
      if (first === undefined || last === undefined)
        throw new Error("a number such as 7, or a range such as 7-9, is needed");
      revoked.of(everybody).serials.addRange(BigInt(first), BigInt(last));
      return;
    }
    case "id":
      if (value === "") throw new Error("a key id is needed");
      revoked.of(everybody).keyIds.add(value);
      return;
    case "hash":
      revoked.addHash(readFingerprint(value));
      return;
    default:
      if (word === "" && text.startsWith("SHA256:")) revoked.addHash(readFingerprint(text));
      else revoked.addKey(parsePublicKey(word === "" ? text : value).blob);
  }
}

/** With or without a comment behind. */
function readFingerprint(text: string): Buffer {
  const [, encoded = ""] = /^SHA256:([A-Za-z0-9+/]{43})=?(?:\s|$)/.exec(text) ?? [];
  const hash = Buffer.from(encoded, "base64");
  if (hash.length !== 32) throw new Error("a fingerprint is needed, as ssh-keygen -l prints it: SHA256:…");
  return hash;
}
