/** The kinds of claims that an attribute's values can become. */
export type ClaimKind = "text" | "number" | "boolean" | "list";

/** A claim that an attribute's values become: text by the first value, or as it says. */
export type ClaimSource = string | { readonly attribute: string; readonly as: ClaimKind };

/** Where users are, how they log in, and what is known of them. */
export interface LdapOptions {
  /** `ldap://host:port` or `ldaps://host:port`, the preferred server first. Either this or `discover`. */
  readonly urls?: readonly string[];
  /** Servers by DNS SRV records. Targets outside of the domain are not used. */
  readonly discover?: {
    readonly domain: string;
    /** @default "ldaps" */
    readonly scheme?: "ldap" | "ldaps";
    /** @default `_ldap._tcp` or `_ldaps._tcp`, as the scheme is */
    readonly service?: string;
    /** Instead of the records' own. */
    readonly port?: number;
    /** Addresses of name servers. @default those of the system */
    readonly nameservers?: readonly string[];
  };
  /** Whether `ldap` connections are secured by StartTLS before anything else is said. @default false */
  readonly startTls?: boolean;
  /** Whether passwords may go to another machine in clear text. @default false */
  readonly allowPlaintext?: boolean;
  /** Files are PEM. */
  readonly tls?: {
    /** Files with the certificates that are trusted. @default those that Node trusts */
    readonly ca?: string | readonly string[];
    /** File with the certificate by which this server shows itself, and its key. */
    readonly cert?: string;
    readonly key?: string;
    readonly passphrase?: string;
    /** The name that servers' certificates have to be for. @default the host */
    readonly serverName?: string;
    /** @default "TLSv1.2" */
    readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  };
  /** The account that searches. @default anonymous searches */
  readonly bind?: { readonly dn: string; readonly password: string };
  /** Finds a user's entry, then binds as it. Either this or `template`. */
  readonly search?: {
    readonly base: string;
    /** With `{username}` in it. @default "(uid={username})"; in Active Directory users by sAMAccountName or userPrincipalName */
    readonly filter?: string;
    /** @default "sub" */
    readonly scope?: "one" | "sub";
    /** An entry that passwords of unknown users are tried with, so that they take the same time. It must not be one that gets locked. @default one that is not there */
    readonly decoy?: string;
  };
  /** Binds without a search: a distinguished name or `{username}@example.org`. */
  readonly template?: string;
  /** What is read of a user's entry. */
  readonly attributes?: {
    /** The canonical name. @default "uid"; in Active Directory "sAMAccountName" */
    readonly name?: string;
    /** Where sessions start, such as `/home/{uid}` or `{homeDirectory}`. @default "/" */
    readonly home?: string;
    /** Bytes, also as `10G`; becomes the claim `quota`, a number. */
    readonly quota?: string;
    /** Claims by name. */
    readonly claims?: Readonly<Record<string, ClaimSource>>;
    /** @default ["sshPublicKey", "altSecurityIdentities"] */
    readonly keys?: readonly string[];
  };
  /** Absent: groups are not looked at. */
  readonly groups?: {
    /** The attribute of an entry that names its groups. @default "memberOf", where there is no `search` */
    readonly attribute?: string;
    /** With `{dn}` or `{username}` in the filter. */
    readonly search?: {
      readonly base: string;
      /** @default "(member={dn})" */
      readonly filter?: string;
      /** @default "sub" */
      readonly scope?: "one" | "sub";
    };
    /** Whether groups of groups count. @default true */
    readonly nested?: boolean;
    /** The attribute that names a group. @default "cn" */
    readonly name?: string;
    /** What groups bring, by their names or distinguished names. */
    readonly map?: Readonly<
      Record<
        string,
        {
          readonly groups?: readonly string[];
          readonly home?: string;
          readonly claims?: Readonly<Record<string, unknown>>;
        }
      >
    >;
    /** What becomes of groups that `map` does not name. @default "keep" */
    readonly unmapped?: "keep" | "drop";
    /** A user has to be in one of these. */
    readonly required?: readonly string[];
    /** A user must be in none of these. */
    readonly forbidden?: readonly string[];
  };
  /** Whether the factor `ldap-keys` is there; with `search` alone. @default true */
  readonly keys?: boolean;
  /** Whether users may change passwords that have to be changed. @default true */
  readonly passwordChange?: boolean;
  /** For a connection to be there, TLS and all; 100 to 5000. @default 3000 */
  readonly connectMs?: number;
  /** For one answer; 100 to 5000. @default 3000 */
  readonly operationMs?: number;
  /** For everything that one login asks; 500 to 10000. @default 8000 */
  readonly loginMs?: number;
  /** How long a server that failed is left in peace; 50 to 4000. @default 1500 */
  readonly retryAfterMs?: number;
  /** Connections that search. @default 4 */
  readonly searchConnections?: number;
  /** Connections that check passwords, at once. @default 16 */
  readonly bindConnections?: number;
  /** How long entries and groups are kept; passwords never are. @default 30000 */
  readonly cacheMs?: number;
  /** How long it is kept that a name is unknown. @default 10000 */
  readonly unknownCacheMs?: number;
  /** How often the users of open connections are looked at again; 0 is never. @default 0 */
  readonly recheckMs?: number;
}
