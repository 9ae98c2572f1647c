import type { User } from "../connection.ts";
import type { KeyDemands, Mechanism, PublicKey, Questions } from "./method.ts";

/** A USERAUTH_REQUEST as the transport hands it over. */
export type AuthRequest = { readonly username: string } & (
  | { readonly mechanism: "none" }
  | { readonly mechanism: "hostbased" }
  | PasswordRequest
  | {
      readonly mechanism: "publickey";
      readonly algorithm: string;
      readonly blob: Buffer;
      /** Checks the signature and what is demanded of it: `true`, or why not. Absent when the client only asks whether the key would do. */
      readonly verifySignature?: (key: PublicKey, demands: KeyDemands | undefined) => true | string;
    }
  | InteractiveRequest
);

/** A password as it arrived. */
export interface PasswordRequest {
  readonly mechanism: "password";
  readonly password: unknown;
  /** There when the client changes its password (RFC 4252, section 8). */
  readonly newPassword?: unknown;
}

/** A client that can be asked. */
export interface InteractiveRequest {
  readonly mechanism: "keyboard-interactive";
  ask(questions: Questions): Promise<readonly string[]>;
}

/** What the client is to be told. */
export type AuthAnswer =
  | { readonly is: "accepted"; readonly user: User }
  /** Only for a query without a signature: the key would do. */
  | { readonly is: "usable" }
  | { readonly is: "rejected"; readonly methods: readonly Mechanism[]; readonly partial: boolean }
  /** Only for a password: it is right, and another has to take its place. */
  | { readonly is: "changeRequired"; readonly prompt: string }
  | { readonly is: "disconnect"; readonly reason: string };
