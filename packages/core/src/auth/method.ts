import type { Connection } from "../connection.ts";

/** A public key as the client sent it. */
export interface PublicKey {
  /** The key's type, as in the first field of an `authorized_keys` line: `ssh-ed25519`, `ssh-rsa`, `sk-ssh-ed25519@openssh.com`, `ssh-ed25519-cert-v01@openssh.com` … */
  readonly type: string;
  /** The key in the encoding of RFC 4253, section 6.6; of a certificate all of it. Compare these bytes with what is authorised. */
  readonly blob: Uint8Array;
  /** Of the blob: `SHA256:` and 43 characters of base64. OpenSSH prints it so for plain keys; for a certificate it prints that of `certificate.key`. */
  readonly fingerprint: string;
  /** Where the key is a certificate: what it says. */
  readonly certificate?: Certificate;
}

/**
 * A user certificate of OpenSSH (PROTOCOL.certkeys) as the client sent it. A method decides whether it trusts the authority, whether a principal is the
 * user, and whether key, certificate or authority are revoked. The rest is core's, and decided after the method: the authority's signature, that it is for
 * users, when it is valid, from which addresses, and that no critical option asks for what is not kept.
 */
export interface Certificate {
  /** The plain key that is certified. */
  readonly key: PublicKey;
  /** 0 where the authority gives none. */
  readonly serial: bigint;
  /** Whom the authority has named, for logs. */
  readonly keyId: string;
  /** At most 256. Never empty by the time the user is logged in. */
  readonly principals: readonly string[];
  /** In seconds since 1970. */
  readonly validAfter: bigint;
  /** In seconds since 1970; the first moment at which it is no longer valid. 2^64 - 1 for ever. */
  readonly validBefore: bigint;
  /** The plain key of the authority that is said to have signed. */
  readonly authority: PublicKey;
  /** At most 64, by name. */
  readonly criticalOptions: ReadonlyMap<string, Uint8Array>;
  /** At most 64, by name. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/** What a method demands of a key that it has found authorised. Core enforces it when the signature is checked. */
export interface KeyDemands {
  /**
   * Of a FIDO key: that somebody touched it for this login. For a certificate, `false` counts only together with the extension
   * `no-touch-required`. @default true
   */
  readonly touch?: boolean;
  /** That it is a FIDO key, and has verified who touches it, by a PIN or a fingerprint. @default false */
  readonly verification?: boolean;
  /** Of a certificate: the authority that is trusted, as a plain key's blob. A certificate counts only where this is the one that signed it. */
  readonly authority?: Uint8Array;
}

/** One question of a keyboard-interactive round (RFC 4256, section 3.2). */
export interface Prompt {
  readonly text: string;
  /** Whether the client shows what is typed. */
  readonly echo: boolean;
}

/** One round of keyboard-interactive. At most 16 prompts. */
export interface Questions {
  readonly name?: string;
  readonly instruction?: string;
  readonly prompts: readonly Prompt[];
}

/** What each mechanism of SSH brings to be verified (RFC 4252, RFC 4256). */
export interface Credentials {
  /**
   * 1 to 1,024 bytes of UTF-8, without NUL. `newPassword` is there when the client answers a `changeRequired` of this method: verify the old one
   * and set the new one, within the same rules.
   */
  readonly password: { readonly password: string; readonly newPassword?: string };
  /**
   * Core checks the signature; only the key's right to log in is asked for. Identity is bound by a signed request alone. For a certificate, and for other
   * demands on FIDO keys than that they be touched, `proven` is given `KeyDemands`.
   */
  readonly publickey: { readonly key: PublicKey };
  /** `ask` resolves to one answer for each prompt, and rejects when the client leaves or gives up. It may be called again. */
  readonly "keyboard-interactive": { ask(questions: Questions): Promise<readonly string[]> };
}

/** How a factor is proven, in SSH's words. */
export type Mechanism = keyof Credentials;

/** A login without its secrets: what guards, observers and logs may see. */
export interface Login {
  readonly mechanism: Mechanism;
  /** As the client sent it: 1 to 255 bytes, without control characters. */
  readonly username: string;
  readonly connection: Connection;
  /** Names of the methods proven so far. */
  readonly factors: readonly string[];
}

/** A login with its secrets: what the method that verifies them sees, and nobody else. */
export type AuthAttempt<M extends Mechanism = Mechanism> = {
  [P in M]: Login & Readonly<Credentials[P]> & AttemptContext & { readonly mechanism: P };
}[M];

/** What surrounds an attempt. */
export interface AttemptContext {
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** What the factors proven so far say of the user, put together; empty before the first. It may hold secrets that a directory keeps for a later factor. */
  readonly draft: UserDraft;
}

/** What a method knows of the user it has proven. Later factors add to earlier ones: groups join, claims merge. */
export interface UserDraft {
  /** The canonical name where it differs from what the client sent. */
  readonly name?: string;
  /** Where sessions start. @default "/" */
  readonly home?: string;
  readonly groups?: readonly string[];
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** What a method says of an attempt. */
export type Verdict =
  | { readonly is: "proven"; readonly user: UserDraft; readonly key?: KeyDemands }
  | { readonly is: "refused"; readonly reason: string }
  | { readonly is: "changeRequired"; readonly prompt: string }
  | { readonly is: "unknown" };

/** This factor is proven; by a key, if its signature is as demanded. */
export function proven(user: UserDraft = {}, key?: KeyDemands): Verdict {
  return { is: "proven", user, ...(key === undefined ? {} : { key }) };
}

/** This is mine, and the answer is no. The reason goes to the log; the client reads only that it was denied. */
export function refused(reason: string): Verdict {
  return { is: "refused", reason };
}

/**
 * The password is right and has to be changed before it proves anything (RFC 4252, section 8): the client shows the prompt, asks for a new
 * password, and the attempt comes again with `newPassword`. Of methods of the mechanism `password` only; others ask for themselves.
 */
export function changeRequired(prompt: string): Verdict {
  return { is: "changeRequired", prompt };
}

/** Not mine: ask the next method of this mechanism. */
export function unknown(): Verdict {
  return { is: "unknown" };
}

/** Proves one factor. Whether one factor is enough is the policy's business. */
export interface AuthMethod<M extends Mechanism = Mechanism> {
  /** The factor's name in policies. */
  readonly name: string;
  readonly mechanism: M;
  /**
   * Claims of other factors that hold secrets for this one. Methods find them in `attempt.draft`; the user, observers and logs never have them,
   * whichever factors let the user in.
   */
  readonly secretClaims?: readonly string[];
  /** Resolves to a verdict. A rejection, or anything that is no verdict, is a refusal. */
  verify(attempt: AuthAttempt<M>): Verdict | Promise<Verdict>;
  /**
   * Takes this factor's answers off the end of a password, for clients that have no keyboard-interactive. Of methods of that mechanism only. Asked
   * where the policy has this factor right after one that is proven by password; the answers are given when this method asks for them, once
   * the rest of the password has proven the factor before. Resolves to `undefined` where nothing is appended.
   */
  detach?(attempt: AuthAttempt<"password">): Detached | undefined | Promise<Detached | undefined>;
}

/** A password that had the answers of a second factor at its end. */
export interface Detached {
  readonly password: string;
  /** For the first questions that the second factor asks. */
  readonly answers: readonly string[];
}

/** Alternatives of sequences: any one sequence suffices, and its factors are proven in order. */
export type AuthPolicy = readonly (readonly string[])[];

/** Policies by who logs in. A user's own counts before those of groups, and these before the rest's. */
export interface AuthPolicies {
  /** For whom no other is given. */
  readonly default: AuthPolicy;
  /** By canonical user name. */
  readonly users?: Readonly<Record<string, AuthPolicy>>;
  /** By group, the first that the user is in. Groups are known once a factor is proven: until then, what any policy begins with may be tried. */
  readonly groups?: Readonly<Record<string, AuthPolicy>>;
}
