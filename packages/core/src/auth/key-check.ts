import { readCertificate, type SignedCertificate } from "./certificate.ts";
import { signatureAlgorithm } from "./key-type.ts";
import type { KeyDemands, PublicKey } from "./method.ts";
import { isStrongEnough, sameKey } from "./public-key.ts";
import { restricted, type Use } from "./restrictions.ts";
import { fidoFlags, isSignedBy, readSignature, type Signature } from "./signature.ts";

/** What a client signed, and its signature, both as they were sent. */
export interface SignedRequest {
  readonly algorithm: string;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

const weak = "The RSA key is too short or too long";

/**
 * Judges a key that a method has found authorised, in whatever the method cannot be trusted to think of: its strength, and of a certificate
 * the authority, the restrictions and the authority's signature.
 *
 * @returns why the key does not count here and now, or `undefined` where it does
 */
export function keyRefused(key: PublicKey, demands: KeyDemands | undefined, use: Use): string | undefined {
  if (key.certificate === undefined) return isStrongEnough(key) ? undefined : weak;
  // Read again: what methods were shown may have been changed by one.
  const certificate = readCertificate(key.blob);
  const trusted = demands?.authority;
  if (!(trusted instanceof Uint8Array)) return "The method does not say which authority it trusts for certificates";
  if (!sameKey(trusted, certificate.authority.blob)) return "The certificate is of another authority than is trusted";
  if (!isStrongEnough(certificate.key) || !isStrongEnough(certificate.authority)) return weak;
  const restriction = restricted(certificate, use);
  if (restriction !== undefined) return restriction;
  return isGenuine(certificate) ? undefined : "The authority's signature of the certificate is wrong";
}

function isGenuine({ authority, signature, signed }: SignedCertificate): boolean {
  const read = readQuietly(signature);
  return read !== undefined && isSignedBy(authority, read, signed);
}

/**
 * Checks the signature of a request by the key that `keyRefused` let pass, and what is demanded of signatures by FIDO keys.
 *
 * @returns `true`, or why the signature does not suffice
 */
export function checkSignature(key: PublicKey, request: SignedRequest, demands: KeyDemands | undefined): true | string {
  const certificate = key.certificate === undefined ? undefined : readCertificate(key.blob);
  const signature = readQuietly(request.signature);
  // The algorithm in the signature is the one that the request names, and no other that the key knows.
  const named = signature !== undefined && signature.algorithm === signatureAlgorithm(request.algorithm);
  if (!named || !isSignedBy(certificate?.key ?? key, signature, request.data)) return "The signature is wrong";
  return unmet(signature, demands, certificate) ?? true;
}

/** Being touched is waived only by the method, and for a certificate only where its authority waives it too. */
function unmet(
  { fido }: Signature,
  demands: KeyDemands | undefined,
  certificate: SignedCertificate | undefined,
): string | undefined {
  const waived = demands?.touch === false && (certificate?.extensions.has("no-touch-required") ?? true);
  if (fido !== undefined && !waived && (fido.flags & fidoFlags.touched) === 0)
    return "The security key was not touched";
  const verification =
    (demands?.verification ?? false) || (certificate?.criticalOptions.has("verify-required") ?? false);
  if (!verification) return undefined;
  if (fido === undefined) return "The key cannot verify its user, which is required";
  return (fido.flags & fidoFlags.verified) === 0 ? "The security key has not verified its user" : undefined;
}

function readQuietly(blob: Uint8Array): Signature | undefined {
  try {
    return readSignature(blob);
  } catch {
    return undefined;
  }
}
