import type { Certificate, Logger } from "@sluice/core";
import { isKrl, readKrl } from "./krl.ts";
import { readRevokedText } from "./revoked-text.ts";
import { WatchedFile } from "./watched-file.ts";

/** What is revoked. */
export interface Revocations {
  /** Why this certificate does not count any more: its key, its authority, its serial or its key id; `undefined` where it does. */
  why(certificate: Certificate): string | undefined;
}

/**
 * Reads a revocation list and follows it.
 *
 * @throws SetupError `ERR_SLUICE_CERTIFICATES`
 */
export function openRevocations(path: string, log: Logger, pollMs?: number): Promise<WatchedFile<Revocations>> {
  let wasEmpty = true;
  const kind = {
    name: "revocations",
    option: "revoked",
    maxBytes: 16 * 2 ** 20,
    parse(bytes: Buffer): Revocations {
      // Whoever writes a file in place empties it first.
      if (bytes.length === 0 && !wasEmpty)
        throw new Error("is empty; where nothing is revoked any more, a comment says so");
      const revocations = isKrl(bytes) ? readKrl(bytes) : readRevokedText(bytes);
      wasEmpty = bytes.length === 0;
      return revocations;
    },
  };
  return WatchedFile.open(path, kind, log, pollMs);
}
