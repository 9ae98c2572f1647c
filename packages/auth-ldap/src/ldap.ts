import { definePlugin, type PluginFactory } from "@sluice/core";
import { discover, parseUrl, type AddressSource } from "./address.ts";
import { Directory } from "./directory.ts";
import { readSecurity } from "./files.ts";
import { keysMethod } from "./keys-method.ts";
import type { LdapOptions } from "./options.ts";
import { schema } from "./schema.ts";
import type { Settings } from "./settings.ts";
import { PasswordMethod } from "./password-method.ts";
import { Tracker } from "./recheck.ts";
import { Servers } from "./servers.ts";

/**
 * Users in LDAP or Active Directory: the factors `ldap`, a password, and `ldap-keys`, public keys. No connection is opened before the first login.
 *
 * @throws SetupError at the start, where options do not go together or a file cannot be used; the message names the option
 *
 * @example
 * server.register(
 *   ldap({
 *     urls: ["ldaps://ldap1.example.org", "ldaps://ldap2.example.org"],
 *     bind: { dn: "cn=sftp,ou=services,dc=example,dc=org", password: process.env["LDAP_PASSWORD"] ?? "" },
 *     search: { base: "ou=people,dc=example,dc=org" },
 *   }),
 * );
 */
export const ldap: PluginFactory<LdapOptions> = definePlugin<LdapOptions, Settings>({
  name: "auth-ldap",
  options: schema,
  setup(host, settings) {
    const security = readSecurity(settings);
    const source = settings.discover === undefined ? fixed(settings.urls ?? []) : discover(settings.discover, host.log);
    const directory = new Directory(settings, security, new Servers(source, settings.retryAfterMs, host.log));
    const tracker = new Tracker(directory, host.log);
    host.onClose(async () => {
      directory.close();
      await tracker.close();
    });
    host.authenticate(new PasswordMethod(directory, tracker));
    if (settings.keys && settings.search !== undefined) host.authenticate(keysMethod(directory, tracker));
  },
});

function fixed(urls: readonly string[]): AddressSource {
  const addresses = urls.map(parseUrl).filter((address) => typeof address !== "string");
  return () => Promise.resolve(addresses);
}
