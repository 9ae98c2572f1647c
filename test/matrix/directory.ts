import type { LdapOptions } from "@sluice/auth-ldap";

/** Somebody whom a directory is to have. */
export interface Member {
  readonly name: string;
  readonly password: string;
  /** As in a `.pub` file. */
  readonly key: string;
  readonly disabled: boolean;
  /** In the group `inner`, which is in the group `outer`. Nobody is in `outer` itself. */
  readonly inner: boolean;
}

/** A directory that has started. */
export interface Directory {
  /** How the plugin gets at it. */
  readonly options: LdapOptions;
  /** The distinguished name of the group `outer`. */
  readonly outer: string;
  stop(): Promise<void>;
}

/** Where users come from. */
export interface DirectoryKind {
  readonly name: string;
  /** Why it cannot be run here, if it cannot. */
  readonly unavailable: string | undefined;
  start(members: readonly Member[]): Promise<Directory>;
}
