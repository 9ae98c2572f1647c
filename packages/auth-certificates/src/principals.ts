import type { CertificatesOptions, PrincipalsOf } from "./options.ts";

/** The principals of a user, as the options have them: in one form (NFC), as core has names. */
export function principalsBy(option: CertificatesOptions["principals"]): PrincipalsOf {
  if (option === undefined) return (username) => [canonical(username)];
  if (typeof option === "function") return async (username) => (await option(username)).map(canonical);
  const listed = new Map<string, readonly string[]>();
  for (const [user, principals] of Object.entries(option)) {
    const name = canonical(user);
    listed.set(name, [...(listed.get(name) ?? []), ...principals.map(canonical)]);
  }
  return (username) => listed.get(canonical(username)) ?? [];
}

/** However an accented letter was typed, it is the same name. */
export function canonical(name: string): string {
  return name.normalize("NFC");
}
