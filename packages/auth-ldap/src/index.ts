export { ldap } from "./ldap.ts";
export type { ClaimSource, LdapOptions } from "./options.ts";
