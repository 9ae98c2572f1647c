export { certificates } from "./certificates.ts";
export type { CertificatesOptions, PrincipalsOf } from "./options.ts";
