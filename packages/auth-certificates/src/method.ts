import {
  printable,
  proven,
  refused,
  sameKey,
  unknown,
  type AuthAttempt,
  type AuthMethod,
  type Certificate,
  type PublicKey,
  type UserDraft,
  type Verdict,
} from "@sluice/core";
import type { PrincipalsOf } from "./options.ts";
import { canonical } from "./principals.ts";
import type { Revocations } from "./revocations.ts";

/** What a certificate is judged by. */
export interface Trust {
  readonly authorities: () => Promise<readonly PublicKey[]>;
  readonly revocations: () => Promise<Revocations | undefined>;
  readonly principalsOf: PrincipalsOf;
  /** Whether a certificate's word that a FIDO key need not be touched counts for nothing. */
  readonly touch: boolean;
  readonly verification: boolean;
}

/** Proves the factor `certificate`. When a certificate is valid, from where, and whether its signatures are right, is core's to decide. */
export function certificateMethod(trust: Trust): AuthMethod<"publickey"> {
  return { name: "certificate", mechanism: "publickey", verify: (attempt) => verify(trust, attempt) };
}

async function verify(trust: Trust, { key, username }: AuthAttempt<"publickey">): Promise<Verdict> {
  const { certificate } = key;
  if (certificate === undefined) return unknown();
  const authorities = await trust.authorities();
  const authority = authorities.find(({ blob }) => sameKey(blob, certificate.authority.blob));
  // Perhaps another method trusts it.
  if (authority === undefined) return unknown();
  const wanted = await trust.principalsOf(username);
  if (!certificate.principals.some((principal) => wanted.includes(canonical(principal)))) {
    return refused(`${named(certificate)} is for no principal that may log in as this user`);
  }
  const revoked = (await trust.revocations())?.why(certificate);
  if (revoked !== undefined) return refused(`${named(certificate)} is revoked: ${revoked}`);
  return proven(draftOf(certificate), {
    authority: authority.blob,
    touch: trust.touch || !certificate.extensions.has("no-touch-required"),
    verification: trust.verification,
  });
}

function named({ keyId, serial }: Certificate): string {
  return `the certificate "${printable(keyId).slice(0, 64)}" (serial ${serial})`;
}

/** For the audit trail: whom the authority says it is, in values that JSON has. */
function draftOf({ keyId, serial, key, authority }: Certificate): UserDraft {
  return {
    claims: {
      certificate: { keyId, serial: serial.toString(), key: key.fingerprint, authority: authority.fingerprint },
    },
  };
}
