import { writeFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { startTestServer } from "@sluice/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { ldap } from "./ldap.ts";
import type { LdapOptions } from "./options.ts";

const good = {
  urls: ["ldaps://ldap.example.org"],
  bind: { dn: "cn=service,dc=example,dc=org", password: "hunter2" },
  search: { base: "dc=example,dc=org" },
} satisfies LdapOptions;

/** Options as a configuration file might hold them. */
type Loose = Readonly<Record<string, unknown>>;

async function start(options: LdapOptions): Promise<void> {
  const server = await startTestServer({
    fs: createMemoryFileSystem(),
    methods: [],
    auth: [["ldap"]],
    plugins: [ldap(options)],
  });
  await server.close();
}

describe("a server with options that are in order", () => {
  it.each<[string, Loose]>([
    ["a search", good],
    ["a search without an account", { ...good, bind: undefined }],
    ["StartTLS", { ...good, urls: ["ldap://ldap.example.org"], startTls: true }],
    [
      "clear text on this machine",
      { ...good, urls: ["ldap://127.0.0.1:1389", "ldap://localhost", "ldap://[::1]:389"] },
    ],
    ["clear text that is meant", { ...good, urls: ["ldap://ldap.example.org"], allowPlaintext: true }],
    ["a template", { urls: good.urls, template: "uid={username},ou=people,dc=example,dc=org" }],
    ["a template of Active Directory", { urls: good.urls, template: "{username}@example.org" }],
    ["discovery", { discover: { domain: "example.org" }, search: good.search }],
  ])("starts with %s, and asks nobody", async (_, options) => {
    await start(options);
  });
});

describe("a server with options that are not in order", () => {
  it.each<[string, Loose, RegExp]>([
    ["no server", { search: good.search }, /urls: give either/],
    ["servers and discovery", { ...good, discover: { domain: "example.org" } }, /urls: give either/],
    ["another scheme", { ...good, urls: ["ldapi:///run/slapd"] }, /urls\.0: the scheme/],
    ["a URL with more in it", { ...good, urls: ["ldaps://h/dc=x"] }, /urls\.0: a scheme, a host/],
    ["a URL with a password", { ...good, urls: ["ldaps://a:hunter2@h"] }, /urls\.0: no user/],
    ["no URL", { ...good, urls: ["somewhere"] }, /urls\.0: a URL/],
    ["clear text to another machine", { ...good, urls: ["ldaps://a", "ldap://b"] }, /urls\.1: passwords would cross/],
    [
      "clear text to what is found",
      { ...good, urls: undefined, discover: { domain: "example.org", scheme: "ldap" } },
      /discover\.scheme: passwords/,
    ],
    ["StartTLS inside of TLS", { ...good, startTls: true }, /startTls: ldaps needs no/],
    ["search and template", { ...good, bind: undefined, template: "{username}@example.org" }, /search: give either/],
    ["neither of both", { urls: good.urls }, /search: give either/],
    [
      "an account and a template",
      { ...good, search: undefined, template: "{username}@x.org" },
      /bind: an account is of use/,
    ],
    ["an account without a password", { ...good, bind: { dn: "cn=x", password: "" } }, /bind\.password/],
    ["a template that is no name", { urls: good.urls, template: "{username}" }, /template: a name such as/],
    ["a template without a user", { urls: good.urls, template: "uid=x,dc=y" }, /template: \{username\}/],
    [
      "a filter without a user",
      { ...good, search: { base: "dc=x", filter: "(uid=x)" } },
      /search\.filter: .*has to be in it/,
    ],
    [
      "a filter with an unknown placeholder",
      { ...good, search: { base: "dc=x", filter: "(uid={user})" } },
      /\{user\} is not known/,
    ],
    [
      "a broken filter",
      { ...good, search: { base: "dc=x", filter: "(uid={username}" } },
      /search\.filter: is no filter/,
    ],
    ["a base that is no name", { ...good, search: { base: "people" } }, /search\.base: a name such as/],
    ["an unknown mapping", { ...good, attributes: { homes: "x" } }, /attributes.*homes/],
    ["a home outside of the root", { ...good, attributes: { home: "home/{uid}" } }, /attributes\.home: a path/],
    [
      "a claim of an unknown kind",
      { ...good, attributes: { claims: { a: { attribute: "b", as: "date" } } } },
      /attributes\.claims\.a/,
    ],
    [
      "a filter whose end is missing",
      { ...good, search: { base: "dc=x", filter: "(&(uid={username})(objectClass=person)" } },
      /search\.filter: is no filter .*parenthesis/,
    ],
    [
      "an attribute that is a filter",
      { ...good, attributes: { name: "uid)(x=*" } },
      /attributes\.name: the name of an attribute/,
    ],
    [
      "two ways to groups",
      { ...good, groups: { attribute: "memberOf", search: { base: "dc=x" } } },
      /groups\.attribute: give either/,
    ],
    ["a certificate without its key", { ...good, tls: { cert: "x.pem" } }, /tls\.cert: cert and key/],
    [
      "a recheck without a search",
      { urls: good.urls, template: "{username}@x.org", recheckMs: 1000 },
      /recheckMs: sessions/,
    ],
    ["a login that may take longer than ten seconds", { ...good, loginMs: 60_000 }, /loginMs/],
  ])("refuses %s, by the option's path and without secrets", async (_, options, message) => {
    const error = await start(options as LdapOptions).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toMatch(message);
    expect(error?.message).toMatch(/auth-ldap/);
    expect(error?.message).not.toMatch(/hunter2/);
  });

  it("refuses files that cannot be read or used", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-ldap-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const file = join(directory, "x.pem");
    await expect(start({ ...good, tls: { ca: file } })).rejects.toThrow(/tls\.ca: .*x\.pem cannot be read \(ENOENT\)/);
    await writeFile(file, "no certificate");
    await expect(start({ ...good, tls: { ca: [file] } })).rejects.toThrow(/tls\.ca: .*holds no PEM/);
    await writeFile(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await expect(start({ ...good, tls: { cert: file, key: file } })).rejects.toThrow(/tls\.cert: cannot be used/);
  });
});
