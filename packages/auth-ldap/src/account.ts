import type { BindAnswer } from "./client.ts";
import { valueOf, type Entry } from "./entry.ts";

/** The attributes by which directories say that an account is not to be used, whatever it can prove. */
export const accountAttributes: readonly string[] = [
  "userAccountControl",
  "accountExpires",
  "pwdAccountLockedTime",
  "pwdStartTime",
  "pwdEndTime",
  "shadowExpire",
  "nsAccountLock",
  "krbPrincipalExpiration",
];

const disabledFlag = 2;
/** An administrator's lock that ends by no lapse of time (draft-behera-ldap-password-policy-10, section 5.3.3). */
const lockedForGood = "000001010000Z";
const dayMs = 86_400_000;

/**
 * Why an account must not be used, if it must not: it is disabled or has expired. What cannot be understood counts as such. A lock after wrong
 * passwords is not among the reasons: it is the bind's to tell, and must not keep out who comes with a key.
 */
export function barred(entry: Entry, now: number): string | undefined {
  const flags = valueOf(entry, "userAccountControl");
  if (flags !== undefined && !/^-?\d{1,10}$/.test(flags)) return "the account has an odd userAccountControl";
  if ((Number(flags ?? 0) & disabledFlag) !== 0) return "the account is disabled";
  if (/^true$/i.test(valueOf(entry, "nsAccountLock") ?? "")) return "the account is disabled";
  if (valueOf(entry, "pwdAccountLockedTime") === lockedForGood) return "the account is locked by an administrator";
  const starts = timeOf(valueOf(entry, "pwdStartTime"));
  if (starts !== undefined && !(now >= starts)) return "the account is not valid yet";
  const ends = [
    fileTime(valueOf(entry, "accountExpires")),
    daysOf(valueOf(entry, "shadowExpire")),
    timeOf(valueOf(entry, "pwdEndTime")),
    timeOf(valueOf(entry, "krbPrincipalExpiration")),
  ];
  return ends.some((end) => end !== undefined && !(now < end)) ? "the account has expired" : undefined;
}

/** Tenths of microseconds since 1601; 0 and the highest number are never. */
function fileTime(text: string | undefined): number | undefined {
  if (text === undefined || text === "0" || text === "9223372036854775807") return undefined;
  return /^\d{1,19}$/.test(text) ? Number(BigInt(text) / 10_000n) - 11_644_473_600_000 : Number.NaN;
}

/** Days since 1970; a negative number is never. */
function daysOf(text: string | undefined): number | undefined {
  if (text === undefined || /^-\d+$/.test(text)) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) * dayMs : Number.NaN;
}

/** GeneralizedTime (RFC 4517, section 3.3.13), in UTC. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?Z$/.exec(text);
  if (parts === null) return Number.NaN;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** What a bind says of a password. */
export type PasswordState =
  | { readonly is: "right" }
  /** Right, but it opens nothing before it is changed. `bound`: the connection may change it. */
  | { readonly is: "due"; readonly reason: string; readonly bound: boolean }
  | { readonly is: "refused"; readonly reason: string };

/** The sub-codes of Active Directory's answer 49. */
const subCodes: ReadonlyMap<string, string> = new Map([
  ["525", "there is no such user"],
  ["52e", "wrong password"],
  ["530", "not allowed at this time"],
  ["531", "not allowed from this computer"],
  ["532", "the password has expired"],
  ["533", "the account is disabled"],
  ["701", "the account has expired"],
  ["773", "the password has to be changed"],
  ["775", "the account is locked"],
]);
const dueCodes: readonly string[] = ["532", "773"];

/** Reads the answer to a bind. */
export function passwordState({ code, text, policy }: BindAnswer): PasswordState {
  if (code === 0) {
    if (policy === undefined) return { is: "right" };
    if (policy === "changeAfterReset") return { is: "due", reason: "the password has to be changed", bound: true };
    return { is: "refused", reason: `the password policy objects: ${policy}` };
  }
  if (code !== 49) return { is: "refused", reason: `the directory refuses: ${text}` };
  if (policy === "passwordExpired") return { is: "due", reason: "the password has expired", bound: false };
  if (policy === "accountLocked") return { is: "refused", reason: "the account is locked" };
  const subCode = /\bdata ([0-9a-f]{3})\b/i.exec(text)?.[1]?.toLowerCase();
  if (subCode === undefined) return { is: "refused", reason: "wrong password" };
  const reason = subCodes.get(subCode) ?? `the directory refuses with sub-code ${subCode}`;
  return dueCodes.includes(subCode) ? { is: "due", reason, bound: false } : { is: "refused", reason };
}
