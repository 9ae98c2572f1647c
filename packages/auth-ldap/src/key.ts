import { valuesOf, type Entry } from "./entry.ts";

/** Most keys of one user that are looked at. */
const maxKeys = 256;

/**
 * The keys of an entry, in the encoding of RFC 4253, section 6.6. A line with options in front of the key, which could not be kept, and
 * whatever is no key are left out.
 */
export function keysOf(entry: Entry, attributes: readonly string[]): readonly Buffer[] {
  return attributes
    .flatMap((attribute) => valuesOf(entry, attribute))
    .slice(0, maxKeys)
    .flatMap((value) => value.split(/[\r\n]+/).slice(0, maxKeys))
    .map(keyOf)
    .filter((key) => key !== undefined);
}

/** `ssh-ed25519 AAAA… comment`; in `altSecurityIdentities`, perhaps with `SSHKey:` in front. */
function keyOf(line: string): Buffer | undefined {
  const [, type, encoded = ""] =
    /^\s*(?:SSHKey:\s*)?((?:ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-[a-z0-9@.-]{1,60})[ \t]+([A-Za-z0-9+/]{1,24000}={0,2})(?:\s|$)/i.exec(
      line,
    ) ?? [];
  if (type === undefined) return undefined;
  const blob = Buffer.from(encoded, "base64");
  const length = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  return blob.subarray(4, 4 + length).toString("latin1") === type ? blob : undefined;
}
