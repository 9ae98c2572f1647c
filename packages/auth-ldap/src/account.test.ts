import { describe, expect, it } from "vitest";
import { barred, passwordState } from "./account.ts";
import { entryOf } from "./entry.ts";

const now = Date.UTC(2026, 0, 2);
const fileTime = (time: number): string => String((BigInt(time) + 11_644_473_600_000n) * 10_000n);

describe("an account", () => {
  it.each<[string, string | undefined]>([
    ["userAccountControl 512", undefined],
    ["userAccountControl 514", "disabled"],
    ["userAccountControl 66050", "disabled"],
    ["userAccountControl x", "odd"],
    ["accountExpires 0", undefined],
    ["accountExpires 9223372036854775807", undefined],
    [`accountExpires ${fileTime(now + 1000)}`, undefined],
    [`accountExpires ${fileTime(now)}`, "expired"],
    ["accountExpires soon", "expired"],
    ["shadowExpire -1", undefined],
    ["shadowExpire 20456", undefined],
    ["shadowExpire 20455", "expired"],
    ["nsAccountLock TRUE", "disabled"],
    ["nsAccountLock false", undefined],
    ["pwdAccountLockedTime 000001010000Z", "locked by an administrator"],
    ["pwdAccountLockedTime 20260101000000Z", undefined],
    ["pwdEndTime 20260102000001Z", undefined],
    ["pwdEndTime 20260102000000Z", "expired"],
    ["pwdStartTime 20260103000000Z", "not valid yet"],
    ["krbPrincipalExpiration 20250101000000Z", "expired"],
    ["krbPrincipalExpiration never", "expired"],
  ])("with %s is barred: %s", (text, reason) => {
    const [name = "", value] = text.split(" ");
    const bar = barred(entryOf({ dn: "x", [name]: value }), now);
    if (reason === undefined) expect(bar).toBeUndefined();
    else expect(bar).toContain(reason);
  });
});

describe("the answer to a bind", () => {
  it.each<[number, string, string, string]>([
    [
      49,
      "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580",
      "refused",
      "wrong password",
    ],
    [49, "AcceptSecurityContext error, data 525, v1", "refused", "no such user"],
    [49, "AcceptSecurityContext error, data 530, v1", "refused", "at this time"],
    [49, "AcceptSecurityContext error, data 531, v1", "refused", "from this computer"],
    [49, "AcceptSecurityContext error, data 532, v1", "due", "expired"],
    [49, "AcceptSecurityContext error, data 533, v1", "refused", "disabled"],
    [49, "AcceptSecurityContext error, data 701, v1", "refused", "expired"],
    [49, "AcceptSecurityContext error, data 773, v1", "due", "changed"],
    [49, "AcceptSecurityContext error, data 775, v1", "refused", "locked"],
    [49, "AcceptSecurityContext error, data 999, v1", "refused", "sub-code 999"],
    [49, "", "refused", "wrong password"],
    [53, "unwilling", "refused", "refuses"],
    [-1, "", "refused", "refuses"],
  ])("%i %s is %s", (code, text, is, reason) => {
    const state = passwordState({ code, text, policy: undefined });
    expect(state.is).toBe(is);
    expect(state.is === "right" ? "" : state.reason).toContain(reason);
  });

  it("is success with the code 0 alone, and not with every policy", () => {
    expect(passwordState({ code: 0, text: "", policy: undefined })).toEqual({ is: "right" });
    expect(passwordState({ code: 0, text: "", policy: "changeAfterReset" })).toMatchObject({ is: "due", bound: true });
    expect(passwordState({ code: 0, text: "", policy: "accountLocked" })).toMatchObject({ is: "refused" });
    expect(passwordState({ code: 49, text: "", policy: "passwordExpired" })).toMatchObject({ is: "due", bound: false });
  });
});
