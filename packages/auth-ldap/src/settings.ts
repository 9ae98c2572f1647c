import type { ClaimKind } from "./options.ts";

/** What a group of the directory brings. */
export interface GroupMapping {
  readonly groups?: readonly string[] | undefined;
  readonly home?: string | undefined;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
}

/** How groups are found and what they mean. */
export interface GroupSettings {
  readonly attribute?: string | undefined;
  readonly search?: { readonly base: string; readonly filter: string; readonly scope: "one" | "sub" } | undefined;
  readonly nested: boolean;
  readonly name: string;
  readonly map: Readonly<Record<string, GroupMapping>>;
  readonly unmapped: "keep" | "drop";
  readonly required?: readonly string[] | undefined;
  readonly forbidden: readonly string[];
}

/** What is read of a user's entry. */
export interface AttributeSettings {
  readonly name?: string | undefined;
  readonly home?: string | undefined;
  readonly quota?: string | undefined;
  readonly claims: Readonly<Record<string, { readonly attribute: string; readonly as: ClaimKind }>>;
  readonly keys: readonly string[];
}

/** Which files secure connections, and how. */
export interface TlsSettings {
  readonly ca?: string | readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly serverName?: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

/** Servers by SRV records. */
export interface DiscoverySettings {
  readonly domain: string;
  readonly scheme: "ldap" | "ldaps";
  readonly service?: string | undefined;
  readonly port?: number | undefined;
  readonly nameservers?: readonly string[] | undefined;
}

/** The options, checked and with their defaults. */
export interface Settings {
  readonly urls?: readonly string[] | undefined;
  readonly discover?: DiscoverySettings | undefined;
  readonly startTls: boolean;
  readonly allowPlaintext: boolean;
  readonly tls: TlsSettings;
  readonly bind?: { readonly dn: string; readonly password: string } | undefined;
  readonly search?:
    | {
        readonly base: string;
        readonly filter?: string | undefined;
        readonly scope: "one" | "sub";
        readonly decoy?: string | undefined;
      }
    | undefined;
  readonly template?: string | undefined;
  readonly attributes: AttributeSettings;
  readonly groups?: GroupSettings | undefined;
  readonly keys: boolean;
  readonly passwordChange: boolean;
  readonly connectMs: number;
  readonly operationMs: number;
  readonly loginMs: number;
  readonly retryAfterMs: number;
  readonly searchConnections: number;
  readonly bindConnections: number;
  readonly cacheMs: number;
  readonly unknownCacheMs: number;
  readonly recheckMs: number;
}
