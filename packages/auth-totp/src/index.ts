export { totp } from "./totp.ts";
export type { TotpAlgorithm, TotpOptions, TotpRequirement } from "./options.ts";
export type { KeySource } from "./keyring.ts";
export {
  EnrolmentError,
  TotpEnrolment,
  type EnrolmentProblem,
  type PendingEnrolment,
  type TotpStatus,
} from "./enrolment.ts";
