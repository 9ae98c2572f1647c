import { generateHostKey } from "@sluice/core";
import { authAttempt } from "@sluice/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { account, adGroup, domain, Samba, sambaUnavailable, searcher, users } from "./samba.ts";
import { login, unavailable as cannotRun } from "../auth/clients.ts";
import { methodsOf } from "./methods.ts";
import { startTarget, type Target } from "./target.ts";

const unavailable = await sambaUnavailable();
const note = unavailable === undefined ? "" : ` (cannot run: ${unavailable})`;

const key = generateHostKey();
const password = "Corr3ct-horse";

const entries = [
  account("alice", password, "mail: alice@example.org", `altSecurityIdentities: SSHKey:${key.publicKey} laptop`),
  account("bob", password, "userAccountControl: 514", `altSecurityIdentities: ${key.publicKey}`),
  account("carol", password, "pwdLastSet: 0"),
  account("erin", password, "pwdLastSet: 0"),
  account("dave", password, "accountExpires: 116444736010000000"),
  adGroup("inner", `CN=alice,${users}`),
  adGroup("outer", `CN=inner,${users}`),
];

describe.skipIf(unavailable !== undefined)(`Active Directory${note}`, () => {
  let samba: Samba;
  let target: Target;
  beforeAll(async () => {
    samba = await Samba.start(entries.join(""));
    target = await startTarget({
      urls: ["ldap://localhost"],
      startTls: true,
      tls: { ca: samba.certificates.ca },
      bind: searcher,
      search: { base: domain },
      attributes: { claims: { mail: "mail" } },
      groups: { required: ["outer", "Domain Users"] },
    });
  });
  afterAll(async () => {
    await target?.close();
    await samba?.stop();
  });

  it("logs in by sAMAccountName, with the groups of groups and the primary one", async () => {
    const verdict = await target.login("alice", password);
    expect(verdict).toMatchObject({ is: "proven", user: { name: "alice", claims: { mail: "alice@example.org" } } });
    expect(verdict.is === "proven" && [...verdict.user.groups!].sort()).toEqual(
      expect.arrayContaining(["Domain Users", "Users", "inner", "outer"]),
    );
  });

  it("logs in by userPrincipalName and in any case of letters, as the same user", async () => {
    for (const name of ["alice@ad.example.org", "ALICE"]) {
      expect(await target.login(name, password)).toMatchObject({ is: "proven", user: { name: "alice" } });
    }
  });

  it.each([
    ["alice", "wrong", "wrong password"],
    ["bob", password, "the account is disabled"],
    ["dave", password, "the account has expired"],
  ])("refuses %s with %s: %s", async (name, given, reason) => {
    expect(await target.login(name, given)).toEqual({ is: "refused", reason });
  });

  it("does not know a stranger", async () => {
    expect(await target.login("nobody", password)).toEqual({ is: "unknown" });
  });

  it("knows the groups of groups where a user is in them, and refuses where it is in a forbidden one", async () => {
    const other = await startTarget({
      urls: ["ldaps://localhost"],
      tls: { ca: samba.certificates.ca },
      bind: searcher,
      search: { base: domain },
      groups: { forbidden: [`cn=OUTER, ${users}`] },
    });
    expect(await other.login("alice", password)).toMatchObject({
      is: "refused",
      reason: expect.stringMatching(/forbidden/) as string,
    });
    await other.close();
  });

  it("takes a key of altSecurityIdentities, unless the account is disabled", async () => {
    expect(await target.loginByKey("alice", key.privateKey)).toMatchObject({ is: "proven", user: { name: "alice" } });
    const { methods, close } = await methodsOf({
      urls: ["ldaps://localhost"],
      tls: { ca: samba.certificates.ca },
      bind: searcher,
      search: { base: domain },
    });
    const [type = "", base64 = ""] = key.publicKey.split(" ");
    const publicKey = { type, blob: Buffer.from(base64, "base64"), fingerprint: "" };
    const attempt = authAttempt("publickey", { username: "bob", credentials: { key: publicKey } });
    expect(await methods.keys.verify(attempt)).toEqual({ is: "refused", reason: "the account is disabled" });
    await close();
  });

  it("has a password changed that has to be, and takes the new one", async () => {
    const { methods, close } = await methodsOf({
      urls: ["ldaps://localhost"],
      tls: { ca: samba.certificates.ca },
      bind: searcher,
      search: { base: domain },
    });
    const attempt = async (old: string, newPassword?: string): Promise<unknown> =>
      methods.ldap.verify(
        authAttempt("password", {
          username: "carol",
          credentials: { password: old, ...(newPassword === undefined ? {} : { newPassword }) },
        }),
      );
    expect(await attempt("wrong", "Oth3r-battery")).toEqual({ is: "refused", reason: "wrong password" });
    expect(await attempt(password)).toMatchObject({ is: "changeRequired" });
    expect(await attempt(password, "short")).toMatchObject({
      is: "changeRequired",
      prompt: expect.stringMatching(/not accept/) as string,
    });
    expect(await attempt(password, "Oth3r-battery")).toMatchObject({ is: "proven", user: { name: "carol" } });
    expect(await attempt("Oth3r-battery")).toMatchObject({ is: "proven" });
    // Samba takes the one before for an hour, as Active Directory does.
    expect(await attempt("a third one")).toMatchObject({ is: "refused" });
    await close();
  });

  it.skipIf(cannotRun("openssh") !== undefined)("has a password changed by OpenSSH, over StartTLS", async () => {
    const address = await target.server.listen({ host: "127.0.0.1", port: 0 });
    const port = "port" in address ? address.port : 0;
    const newPasswords = ["short", "Oth3r-battery"];
    const changed = await login("openssh", { port, user: "erin", passwords: [password], newPasswords });
    expect(changed).toMatchObject({ loggedIn: true });
    expect(await login("openssh", { port, user: "erin", passwords: ["Oth3r-battery"] })).toMatchObject({
      loggedIn: true,
    });
  });

  it.each([
    [
      { search: { base: "DC=elsewhere,DC=org" } },
      "search.base is not in the directory, or the account of bind may not",
    ],
    [
      { bind: { ...searcher, password: "wrong" } },
      "the account of the option bind; check its dn and password (bind: c",
    ],
  ])("tells by the option's name what is wrong with %o", async (mistake, reason) => {
    const options = { urls: ["ldaps://localhost"], tls: { ca: samba.certificates.ca }, bind: searcher };
    const other = await startTarget({ ...options, search: { base: domain }, ...mistake });
    expect(await other.login("alice", password)).toEqual({
      is: "refused",
      reason: expect.stringContaining(reason) as string,
    });
    await other.close();
  });

  it("binds users directly by user@realm and reads their own entries", async () => {
    const direct = await startTarget({
      urls: ["ldaps://localhost"],
      tls: { ca: samba.certificates.ca },
      template: "{username}@ad.example.org",
      groups: { required: ["outer"] },
    });
    expect(await direct.login("alice", password)).toMatchObject({ is: "proven", user: { name: "alice" } });
    expect(await direct.login("alice", "wrong")).toEqual({ is: "refused", reason: "wrong password" });
    expect(await direct.login("bob", password)).toMatchObject({ is: "refused" });
    expect(await direct.login("alice@ad.example.org,x", password)).toEqual({ is: "unknown" });
    expect(await direct.login("sluice", searcher.password)).toMatchObject({
      is: "refused",
      reason: expect.stringMatching(/required/) as string,
    });
    await direct.close();
  });
});
