import type { Connection } from "../connection.ts";

/** A public key as the client sent it. */
export interface PublicKey {
  /** The key's type, as in the first field of an `authorized_keys` line: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256` … */
  readonly type: string;
  /** The key in the encoding of RFC 4253, section 6.6. Compare these bytes with what is authorised. */
  readonly blob: Uint8Array;
  /** As OpenSSH prints it: `SHA256:` and 43 characters of base64. */
  readonly fingerprint: string;
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
  /** Core checks the signature; only the key's right to log in is asked for. Identity is bound by a signed request alone. */
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
  | { readonly is: "proven"; readonly user: UserDraft }
  | { readonly is: "refused"; readonly reason: string }
  | { readonly is: "changeRequired"; readonly prompt: string }
  | { readonly is: "unknown" };

/** This factor is proven. */
export function proven(user: UserDraft = {}): Verdict {
  return { is: "proven", user };
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
