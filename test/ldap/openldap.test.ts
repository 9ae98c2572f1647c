import { once } from "node:events";
import { createSocket } from "node:dgram";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateHostKey, type Verdict } from "@sluice/core";
import type { LdapOptions } from "@sluice/auth-ldap";
import { authAttempt, testHostKey } from "@sluice/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { notInstalled, run } from "../interop/process.ts";
import { login, unavailable as cannotRun } from "../auth/clients.ts";
import { methodsOf, verdictOf, type Methods } from "./methods.ts";
import {
  blind,
  group,
  helpdesk,
  groupsBase,
  people,
  person,
  service,
  Slapd,
  slapdUnavailable,
  suffix,
} from "./slapd.ts";
import { silentPort, startTarget, type Target } from "./target.ts";

/** What is waited for comes at once, but on a machine that is busy with other tests. */
const patience = { timeout: 20_000 };

const unavailable = slapdUnavailable ?? notInstalled("sftp");
const note = unavailable === undefined ? "" : ` (cannot run: ${unavailable})`;

const key = generateHostKey();
const password = "correct horse";
const dnOf = (uid: string): string => `uid=${uid},${people}`;

const entries = [
  person(
    "alice",
    password,
    `sshPublicKey: ${key.publicKey} laptop`,
    "mail: alice@example.org",
    "employeeNumber: 42",
    "description: 10G",
  ),
  person("bob", password, `sshPublicKey: from="10.0.0.1" ${key.publicKey}`),
  person("gone", password, "shadowExpire: 1", `sshPublicKey: ${key.publicKey}`),
  person("locked", password),
  person("barred", password, "pwdAccountLockedTime: 000001010000Z", `sshPublicKey: ${key.publicKey}`),
  person("fresh", password, "pwdReset: TRUE"),
  person("aged", password, `pwdPolicySubentry: cn=aging,ou=policies,${suffix}`),
  person("live", password),
  person("Zo\u00eb", password),
  group("staff", dnOf("alice"), dnOf("bob")),
  group("everybody", `cn=staff,${groupsBase}`),
  group("all", `cn=everybody,${groupsBase}`, dnOf("live")),
  group("banned", dnOf("bob")),
  // Names that mean something in filters and distinguished names.
  group("odd\\, (one)*", dnOf("locked")),
  group("odder", `cn=odd\\, (one)*,${groupsBase}`),
  // A circle of groups.
  "dn: cn=staff," + groupsBase + "\nchangetype: modify\nadd: member\nmember: cn=all," + groupsBase + "\n\n",
];

describe.skipIf(unavailable !== undefined)(`OpenLDAP${note}`, () => {
  let slapd: Slapd;
  const cleanUp: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    slapd = await Slapd.start({ ldif: entries.join("\n") });
    // When a password was set is the server's to say, unless it is told to relax.
    await slapd.modify(
      `dn: ${dnOf("aged")}\nchangetype: modify\nreplace: pwdChangedTime\npwdChangedTime: 20200101000000Z\n`,
      ["-e", "!relax"],
    );
  });
  afterEach(async () => {
    for (const close of cleanUp.splice(0).reverse()) await close();
  });
  afterAll(() => slapd?.stop());

  function options(more: Partial<LdapOptions> = {}): LdapOptions {
    return { urls: [slapd.url], bind: service, search: { base: people }, cacheMs: 0, unknownCacheMs: 0, ...more };
  }

  async function serve(
    more: Partial<LdapOptions> = {},
    extra: Parameters<typeof startTarget>[1] = {},
  ): Promise<Target> {
    const target = await startTarget(options(more), extra);
    cleanUp.push(() => target.close());
    return target;
  }

  async function methods(more: Partial<LdapOptions> = {}): Promise<Methods> {
    const own = await methodsOf(options(more));
    cleanUp.push(() => own.close());
    return own;
  }

  async function ask(own: Methods, username: string, old: string, newPassword?: string): Promise<Verdict> {
    const credentials = { password: old, ...(newPassword === undefined ? {} : { newPassword }) };
    return verdictOf(own.methods.ldap.verify(authAttempt("password", { username, credentials })));
  }

  async function askByKey(own: Methods, username: string): Promise<Verdict> {
    const [type = "", base64 = ""] = key.publicKey.split(" ");
    const publicKey = { type, blob: Buffer.from(base64, "base64"), fingerprint: "" };
    return own.methods.keys.verify(authAttempt("publickey", { username, credentials: { key: publicKey } }));
  }

  describe("a user", () => {
    it("logs in with home, quota, claims and the groups of groups", async () => {
      const target = await serve({
        attributes: {
          home: "/people/{uid}",
          quota: "description",
          claims: {
            mail: "mail",
            number: { attribute: "employeeNumber", as: "number" },
            all: { attribute: "cn", as: "list" },
          },
        },
        groups: { map: { ALL: { groups: ["members"], claims: { tier: "gold", mail: "nobody" } } } },
      });
      expect(await target.login("alice", password)).toEqual({
        is: "proven",
        user: {
          name: "alice",
          home: "/people/alice",
          groups: ["members", "staff", "everybody"],
          claims: { quota: 10 * 2 ** 30, mail: "alice@example.org", number: 42, all: ["alice"], tier: "gold" },
        },
      });
    });

    it("is one, however the name is typed", async () => {
      const target = await serve();
      for (const name of ["ALICE", " alice", "alice"]) {
        expect(await target.login(name, password)).toMatchObject({ is: "proven", user: { name: "alice" } });
      }
      expect(await target.login("Zoe\u0308", password)).toMatchObject({ is: "proven", user: { name: "Zo\u00eb" } });
    });

    it("is refused with a wrong password, and a stranger is unknown", async () => {
      const target = await serve();
      expect(await target.login("alice", "wrong")).toEqual({ is: "refused", reason: "wrong password" });
      expect(await target.login("nobody", password)).toEqual({ is: "unknown" });
      expect(await target.login("*", password)).toEqual({ is: "unknown" });
    });

    it("is let in by required groups, also nested ones, and kept out by forbidden ones", async () => {
      const required = await serve({ groups: { required: [`cn=all,${groupsBase}`], forbidden: ["banned"] } });
      expect(await required.login("alice", password)).toMatchObject({ is: "proven" });
      expect(await required.login("live", password)).toMatchObject({ is: "proven" });
      expect(await required.login("bob", password)).toEqual({
        is: "refused",
        reason: "the user is in the forbidden group banned",
      });
      expect(await required.login("Zo\u00eb", password)).toEqual({
        is: "refused",
        reason: "the user is in none of the required groups",
      });
      const flat = await serve({ groups: { required: ["all"], nested: false } });
      expect(await flat.login("alice", password)).toMatchObject({ is: "refused" });
      expect(await flat.login("live", password)).toMatchObject({ is: "proven" });
    });

    it("seems to be in no group, and not to have expired, where the searching account may not read of it", async () => {
      const groups = async (its: LdapOptions["groups"], name: string): Promise<string> =>
        (await ask(await methods({ bind: blind, ...(its === undefined ? {} : { groups: its }) }), name, password)).is;
      expect(await groups({ forbidden: ["banned"] }, "bob")).toBe("proven");
      expect(await groups({ required: ["staff"] }, "bob")).toBe("refused");
      expect(await groups({ forbidden: ["banned"], search: { base: groupsBase } }, "bob")).toBe("refused");
      expect(await groups(undefined, "gone")).toBe("proven");
    });

    it("has the same groups where they are searched for", async () => {
      const target = await serve({ groups: { search: { base: groupsBase }, unmapped: "keep" } });
      const verdict = await target.login("alice", password);
      expect(verdict.is === "proven" && [...verdict.user.groups!].sort()).toEqual(["all", "everybody", "staff"]);
    });

    it("is in groups whose names mean something in filters, by the attribute and by searches", async () => {
      for (const groups of [{}, { search: { base: groupsBase } }]) {
        const verdict = await ask(await methods({ groups }), "locked", password);
        expect(verdict.is === "proven" && [...verdict.user.groups!].sort()).toEqual(["odd, (one)*", "odder"]);
      }
    });

    it("that binds directly reads the own entry and groups", async () => {
      const target = await startTarget({
        urls: [slapd.url],
        template: `uid={username},${people}`,
        groups: { required: ["all"] },
      });
      cleanUp.push(() => target.close());
      expect(await target.login("alice", password)).toMatchObject({ is: "proven", user: { name: "alice" } });
      expect(await target.login("alice", "wrong")).toEqual({ is: "refused", reason: "wrong password" });
      expect(await target.login(`alice,${people}`, password)).toMatchObject({ is: "refused" });
      expect(await target.login("nobody", password)).toMatchObject({ is: "refused" });
    });
  });

  describe("an account", () => {
    it("that has expired or is locked for good is refused, with a password and with a key", async () => {
      const own = await methods();
      expect(await ask(own, "gone", password)).toEqual({ is: "refused", reason: "the account has expired" });
      expect(await askByKey(own, "gone")).toEqual({ is: "refused", reason: "the account has expired" });
      expect(await ask(own, "barred", password)).toEqual({ is: "refused", reason: "the account is locked" });
      expect(await askByKey(own, "barred")).toEqual({
        is: "refused",
        reason: "the account is locked by an administrator",
      });
    });

    it("that is locked after wrong passwords is refused with the right one", async () => {
      const own = await methods();
      for (let i = 0; i < 3; i++) expect(await ask(own, "locked", "wrong")).toMatchObject({ is: "refused" });
      expect(await ask(own, "locked", password)).toEqual({ is: "refused", reason: "the account is locked" });
    });

    it("whose password has to be changed has it changed, and is let in then", async () => {
      // With a single connection for passwords, the old and the new one take turns.
      const own = await methods({ bindConnections: 1 });
      expect(await ask(own, "fresh", "wrong", "a new password")).toEqual({ is: "refused", reason: "wrong password" });
      expect(await ask(own, "fresh", password)).toMatchObject({ is: "changeRequired" });
      expect(await ask(own, "fresh", password, "short")).toMatchObject({
        is: "changeRequired",
        prompt: expect.stringMatching(/not accept/) as string,
      });
      expect(await ask(own, "fresh", password, "a new password")).toMatchObject({
        is: "proven",
        user: { name: "fresh" },
      });
      expect(await ask(own, "fresh", password)).toEqual({ is: "refused", reason: "wrong password" });
      expect(await ask(own, "fresh", "a new password")).toMatchObject({ is: "proven" });
    });

    it("that binds directly has its password changed by itself", async () => {
      await slapd.modify(person("direct", password, "pwdReset: TRUE"), ["-a"]);
      const own = await methodsOf({ urls: [slapd.url], template: `uid={username},${people}` });
      cleanUp.push(() => own.close());
      expect(await ask(own, "direct", password)).toMatchObject({ is: "changeRequired" });
      expect(await ask(own, "direct", password, "a new password")).toMatchObject({
        is: "proven",
        user: { name: "direct" },
      });
      expect(await ask(own, "direct", "a new password")).toMatchObject({ is: "proven" });
    });

    it.skipIf(cannotRun("openssh") !== undefined)("has its password changed by OpenSSH, over StartTLS", async () => {
      await slapd.modify(person("erin", password, "pwdReset: TRUE"), ["-a"]);
      const target = await serve({ startTls: true, tls: { ca: slapd.certificates.ca }, keys: false });
      const address = await target.server.listen({ host: "127.0.0.1", port: 0 });
      const port = "port" in address ? address.port : 0;
      const newPasswords = ["short", "long enough"];
      const changed = await login("openssh", { port, user: "erin", passwords: [password], newPasswords });
      expect(changed).toMatchObject({ loggedIn: true });
      expect(await login("openssh", { port, user: "erin", passwords: ["long enough"] })).toMatchObject({
        loggedIn: true,
      });
      expect(target.log.text()).not.toMatch(/correct horse|long enough/);
    });

    it("whose password has to be changed is refused where that is switched off, or its groups are wrong", async () => {
      await slapd.modify(
        `dn: ${dnOf("fresh")}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${password}\n-\nreplace: pwdReset\npwdReset: TRUE\n`,
      );
      expect(await ask(await methods({ passwordChange: false }), "fresh", password)).toMatchObject({ is: "refused" });
      const shut = await methods({ groups: { required: ["staff"] } });
      expect(await ask(shut, "fresh", password)).toEqual({
        is: "refused",
        reason: "the user is in none of the required groups",
      });
    });

    it.skipIf(cannotRun("openssh") !== undefined).each(["aging", "strict"])(
      "whose password has expired by the policy %s has it changed by OpenSSH, where the searching account may set it",
      async (policy) => {
        const user = `${policy}-user`;
        await slapd.modify(person(user, password, `pwdPolicySubentry: cn=${policy},ou=policies,${suffix}`), ["-a"]);
        await slapd.modify(
          `dn: ${dnOf(user)}\nchangetype: modify\nreplace: pwdChangedTime\npwdChangedTime: 20200101000000Z\n`,
          ["-e", "!relax"],
        );
        const target = await serve({ bind: helpdesk, keys: false });
        const address = await target.server.listen({ host: "127.0.0.1", port: 0 });
        const port = "port" in address ? address.port : 0;
        const newPasswords = policy === "strict" ? ["short", "long enough"] : ["long enough"];
        const changed = await login("openssh", { port, user, passwords: [password], newPasswords });
        expect(changed).toMatchObject({ loggedIn: true });
        expect(changed.prompts.join("\n")).toContain("new password");
        const again = await login("openssh", { port, user, passwords: ["long enough"] });
        expect(again).toMatchObject({ loggedIn: true });
        expect(again.prompts.join("\n")).not.toContain("new password");
        expect(await target.login(user, password)).toMatchObject({ is: "refused", reason: "wrong password" });
      },
    );

    it("whose password has expired is asked for another, which the searching account may not set here", async () => {
      const own = await methods();
      expect(await ask(own, "aged", "wrong")).toEqual({ is: "refused", reason: "wrong password" });
      expect(await ask(own, "aged", password)).toMatchObject({ is: "changeRequired" });
      expect(await ask(own, "aged", password, "a new password")).toMatchObject({
        is: "refused",
        reason: expect.stringMatching(/code 5[03]/) as string,
      });
    });
  });

  describe("a key", () => {
    it("of sshPublicKey logs in with OpenSSH", async () => {
      const target = await serve();
      const address = await target.server.listen({ host: "127.0.0.1", port: 0 });
      const port = "port" in address ? address.port : 0;
      const file = join(slapd.directory, "id");
      const hosts = join(slapd.directory, "hosts");
      await writeFile(file, key.privateKey, { mode: 0o600 });
      await writeFile(hosts, `[127.0.0.1]:${port} ${testHostKey().publicKey}\n`);
      const sftp = (user: string): Promise<unknown> =>
        run(
          "sftp",
          [
            "-F",
            "none",
            "-b",
            "-",
            "-P",
            String(port),
            "-i",
            file,
            "-o",
            `UserKnownHostsFile=${hosts}`,
            "-o",
            "IdentitiesOnly=yes",
            `${user}@127.0.0.1`,
          ],
          { input: "pwd\n", deadlineMs: 20_000 },
        );
      await sftp("alice");
      expect(target.verdicts.at(-1)).toMatchObject({ is: "proven", user: { name: "alice" } });
      await expect(sftp("Zo\u00eb")).rejects.toThrow(/Permission denied/);
    });

    it("with options in front, which could not be kept, does not count", async () => {
      expect(await askByKey(await methods(), "bob")).toEqual({ is: "unknown" });
    });
  });

  describe("TLS", () => {
    it.each<[string, () => Partial<LdapOptions>]>([
      ["ldaps", () => ({ urls: [slapd.secureUrl] })],
      ["ldaps to an address", () => ({ urls: [`ldaps://127.0.0.1:${slapd.securePort}`] })],
      ["StartTLS", () => ({ urls: [slapd.url], startTls: true })],
      [
        "a client certificate",
        () => ({
          urls: [slapd.secureUrl],
          tls: { ca: slapd.certificates.ca, cert: slapd.certificates.client.cert, key: slapd.certificates.client.key },
        }),
      ],
    ])("works by %s", async (_, more) => {
      const own = await methods({ tls: { ca: slapd.certificates.ca }, ...more() });
      expect(await ask(own, "alice", password)).toMatchObject({ is: "proven" });
    });

    it.each<[string, () => Partial<LdapOptions>, RegExp]>([
      [
        "by a strange authority",
        () => ({ tls: { ca: slapd.certificates.strangeCa } }),
        /unable to (get|verify)|self.signed/i,
      ],
      ["by an authority that Node does not know", () => ({ tls: {} }), /unable to (get|verify)|self.signed/i],
      [
        "for another name",
        () => ({ tls: { ca: slapd.certificates.ca, serverName: "ldap.example.com" } }),
        /altnames|Hostname/,
      ],
    ])("refuses a certificate %s", async (_, more, reason) => {
      for (const how of [{ urls: [slapd.secureUrl] }, { urls: [slapd.url], startTls: true }]) {
        const verdict = await ask(await methods({ ...how, ...more() }), "alice", password);
        expect(verdict).toMatchObject({ is: "refused", reason: expect.stringMatching(reason) as string });
      }
    });

    it.each<[string, "expired" | "other", RegExp]>([
      ["that has expired", "expired", /expired/],
      ["that is another server's", "other", /altnames|Hostname/],
    ])("refuses a certificate %s", async (_, which, reason) => {
      const other = await Slapd.start({ certificate: (all) => all[which], ldif: person("alice", password) });
      cleanUp.push(() => other.stop());
      for (const how of [{ urls: [other.secureUrl] }, { urls: [other.url], startTls: true }]) {
        const verdict = await ask(await methods({ ...how, tls: { ca: other.certificates.ca } }), "alice", password);
        expect(verdict).toMatchObject({ is: "refused", reason: expect.stringMatching(reason) as string });
      }
    });

    it("shows a server that demands it the client's certificate", async () => {
      const other = await Slapd.start({ extra: "TLSVerifyClient demand", ldif: person("alice", password) });
      cleanUp.push(() => other.stop());
      const { ca, client } = other.certificates;
      const without = await methods({ urls: [other.secureUrl], tls: { ca } });
      expect(await ask(without, "alice", password)).toMatchObject({
        is: "refused",
        reason: expect.stringMatching(/no directory server/) as string,
      });
      const having = await methods({ urls: [other.secureUrl], tls: { ca, ...client } });
      expect(await ask(having, "alice", password)).toMatchObject({ is: "proven" });
    });
  });

  it("is found by SRV records, and hosts outside of the domain are not asked", async () => {
    const names = createSocket("udp4");
    names.on("message", (query, from) => {
      const count = 2;
      const header = Buffer.concat([query.subarray(0, 2), Buffer.of(0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0)]);
      const record = (priority: number, host: string): Buffer => {
        const labels = Buffer.concat([
          ...host.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
          Buffer.of(0),
        ]);
        const data = Buffer.concat([
          Buffer.of(0, priority, 0, 1, slapd.securePort >> 8, slapd.securePort & 0xff),
          labels,
        ]);
        return Buffer.concat([Buffer.of(0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.length), data]);
      };
      const question = query.subarray(12, query.indexOf(0, 12) + 5);
      names.send(
        Buffer.concat([header, question, record(1, "evil.example.net"), record(2, "127.0.0.1")]),
        from.port,
        from.address,
      );
    });
    names.bind(0, "127.0.0.1");
    await once(names, "listening");
    cleanUp.push(async () => void names.close());
    const own = await methodsOf({
      // Of an address the last numbers pass for a domain: nothing else is sure to be found on every machine.
      discover: { domain: "0.0.1", nameservers: [`127.0.0.1:${names.address().port}`] },
      tls: { ca: slapd.certificates.ca },
      bind: service,
      search: { base: people },
    });
    cleanUp.push(() => own.close());
    expect(await ask(own, "alice", password)).toMatchObject({ is: "proven" });
    expect(own.log.text()).toMatch(/outside of 0\.0\.1/);
    expect(own.log.text()).not.toMatch(/evil/);
  });

  it("ends the sessions of an account that was disabled, and of no other", async () => {
    const target = await serve({ recheckMs: 100 });
    const [live, alice] = [
      await target.connect({ username: "live", password }),
      await target.connect({ username: "alice", password }),
    ];
    const client = await alice.sftp();
    await slapd.modify(`dn: ${dnOf("live")}\nchangetype: modify\nreplace: shadowExpire\nshadowExpire: 1\n`);
    await live.closed;
    await client.realpath(".");
    expect(target.server.connections.size).toBe(1);
    await alice.end();
  });
});

describe.skipIf(unavailable !== undefined)(`OpenLDAP that goes away${note}`, () => {
  let slapd: Slapd;
  let target: Target;

  beforeAll(async () => {
    slapd = await Slapd.start({ ldif: person("alice", password) });
    target = await startTarget(
      { urls: [slapd.url], bind: service, search: { base: people }, cacheMs: 0, recheckMs: 100 },
      {
        auth: [["local"], ["ldap"], ["ldap-keys"]],
        prepare: (server) =>
          server.authenticate({
            name: "local",
            mechanism: "password",
            verify: ({ username }) => (username === "local" ? { is: "proven", user: {} } : { is: "unknown" }),
          }),
      },
    );
  });
  afterAll(async () => {
    slapd?.thaw();
    await target?.close();
    await slapd?.stop();
  });

  it.each(["down", "silent"] as const)(
    "%s: refuses within 10 seconds by the default limits, leaves sessions alone, and works again within 5 seconds of its return",
    { timeout: 60_000 },
    async (how) => {
      const session = await target.connect({ username: "alice", password });
      const client = await session.sftp();
      const handle = await client.open(`/${how}.bin`, { write: true, create: true });
      const block = Buffer.alloc(32_768, how);
      await client.write(handle, 0, block);
      if (how === "down") await slapd.down();
      else slapd.freeze();
      const wentAt = performance.now();
      const verdicts = await Promise.all(Array.from({ length: 20 }, () => target.login("alice", password)));
      // The promise that is kept, not a measurement.
      expect(performance.now() - wentAt).toBeLessThan(10_000);
      expect(new Set(verdicts.map(({ is }) => is))).toEqual(new Set(["refused"]));
      expect(await target.login("local", "any")).toEqual({ is: "proven", user: {} });
      await client.write(handle, 32_768, block);
      if (how === "down") await slapd.up();
      else slapd.thaw();
      await vi.waitUntil(async () => (await target.login("alice", password)).is === "proven", {
        timeout: 5000,
        interval: 100,
      });
      await client.write(handle, 65_536, block);
      await client.close(handle);
      expect((await client.readFile(`/${how}.bin`)).equals(Buffer.concat([block, block, block]))).toBe(true);
      await session.end();
    },
  );
});

describe("a directory that accepts and says nothing", () => {
  it("refuses 200 logins within 10 seconds by the default limits, leaves no connection, and other methods alone", async () => {
    const silent = await silentPort();
    const target = await startTarget(
      { urls: [`ldap://127.0.0.1:${silent.port}`], search: { base: people } },
      {
        auth: [["local"], ["ldap"], ["ldap-keys"]],
        prepare: (server) =>
          server.authenticate({
            name: "local",
            mechanism: "password",
            verify: ({ username }) => (username === "local" ? { is: "proven", user: {} } : { is: "unknown" }),
          }),
      },
    );
    const started = performance.now();
    const own = await methodsOf({ urls: [`ldap://127.0.0.1:${silent.port}`], search: { base: people } });
    const attempts = Array.from({ length: 200 }, () =>
      verdictOf(own.methods.ldap.verify(authAttempt("password", { username: "alice", credentials: { password } }))),
    );
    const waiting = target.login("alice", password);
    expect(await target.login("local", "any")).toEqual({ is: "proven", user: {} });
    expect(new Set((await Promise.all(attempts)).map(({ is }) => is))).toEqual(new Set(["refused"]));
    expect((await waiting).is).toBe("refused");
    // The promise that is kept, not a measurement.
    expect(performance.now() - started).toBeLessThan(10_000);
    await vi.waitUntil(() => silent.open() === 0, patience);
    await own.close();
    await target.close();
    await silent.close();
  });
});
