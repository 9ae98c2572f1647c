import { createHash } from "node:crypto";
import type { Certificate, PublicKey } from "@sluice/core";
import type { Revocations } from "./revocations.ts";
import { Serials } from "./serials.ts";

/** Serials and key ids of the certificates of one authority, or of all. */
export interface RevokedCertificates {
  readonly serials: Serials;
  readonly keyIds: Set<string>;
}

/** Everything that a list revokes. Filled while it is read. */
export class Revoked implements Revocations {
  readonly #keys = new Set<string>();
  readonly #sha1 = new Set<string>();
  readonly #sha256 = new Set<string>();
  /** By the authority's blob in base64; that of all authorities is empty. */
  readonly #certificates = new Map<string, RevokedCertificates>();

  addKey(blob: Uint8Array): void {
    this.#keys.add(base64(blob));
  }

  /** A hash of a plain key's blob: 20 bytes of SHA-1, or 32 of SHA-256. */
  addHash(hash: Uint8Array): void {
    (hash.length === 20 ? this.#sha1 : this.#sha256).add(base64(hash));
  }

  /** What is revoked of one authority; of all for an empty blob. */
  of(authority: Uint8Array): RevokedCertificates {
    const name = base64(authority);
    const known = this.#certificates.get(name) ?? { serials: new Serials(), keyIds: new Set() };
    this.#certificates.set(name, known);
    return known;
  }

  why(certificate: Certificate): string | undefined {
    const { key, authority, keyId, serial } = certificate;
    if (this.#isRevoked(key)) return "its key";
    if (this.#isRevoked(authority)) return "its authority";
    for (const name of [base64(authority.blob), ""]) {
      const revoked = this.#certificates.get(name);
      if (revoked?.keyIds.has(keyId) === true) return "its key id";
      // Authorities that number nothing give 0 to all.
      if (serial !== 0n && revoked?.serials.has(serial) === true) return "its serial";
    }
    return undefined;
  }

  #isRevoked({ blob }: PublicKey): boolean {
    const hash = (algorithm: string): string => createHash(algorithm).update(blob).digest("base64");
    return this.#keys.has(base64(blob)) || this.#sha256.has(hash("sha256")) || this.#sha1.has(hash("sha1"));
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
