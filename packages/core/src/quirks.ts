/** What a client does in its own way. Data, so that a new client is a line here and nothing elsewhere. */
export interface ClientProfile {
  /** Matched against the identification string, without `SSH-2.0-`. */
  readonly ident: RegExp;
  /** Which of SYMLINK's paths comes first. */
  readonly symlinkOrder: "target-first" | "link-first";
}

/**
 * The draft puts the link first, OpenSSH the target, and most clients follow OpenSSH whatever the server. These send the link first
 * to a server whose identification does not say OpenSSH.
 */
const profiles: readonly ClientProfile[] = [
  { ident: /^(?:WinSCP|ssh2js|SSHJ|Cyberduck|AsyncSSH|Ruby\/Net::SSH)/i, symlinkOrder: "link-first" },
];

const usual: ClientProfile = { ident: /^/, symlinkOrder: "target-first" };

/** The profile of a client by its identification string. */
export function profileOf(client: string): ClientProfile {
  return profiles.find((profile) => profile.ident.test(client)) ?? usual;
}
