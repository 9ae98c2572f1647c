import { definePlugin, isMemoryStore, Store, type Logger, type PluginFactory } from "@sluice/core";
import { Appended } from "./append.ts";
import { TotpEnrolment } from "./enrolment.ts";
import { Keyring } from "./keyring.ts";
import { totpMethod } from "./method.ts";
import { totpOptions, type TotpOptions } from "./options.ts";
import { RecoveryCodes } from "./recovery.ts";
import { Registrar } from "./registrar.ts";
import { ClaimedSecrets, StoredSecrets } from "./secrets.ts";

/** How many enrolments are looked at when the server starts, to tell of a key that is missing. */
const lookedAt = 1000;

/**
 * One-time codes: the factor `totp`, to be named in a policy behind the first factor.
 *
 * @throws SetupError `ERR_SLUICE_PLUGIN_SETUP` at the start, where a key cannot be read
 *
 * @example
 * createServer({ hostKeys, auth: [["password", "totp"], ["authorized-keys"]] });
 * server.register(lmdbStore({ path: "./store" }), users({ file: "./users.yaml" }), totp({ key: { file: "./totp.key" } }));
 */
export const totp: PluginFactory<TotpOptions> = definePlugin({
  name: "auth-totp",
  options: totpOptions,
  async setup(host, settings) {
    const { log } = host;
    const store = host.services.get(Store);
    const keyring = await Keyring.load(settings.keys, log);
    const inStore = new StoredSecrets(store, keyring);
    const { claim } = settings;
    const stored = claim === undefined ? inStore : undefined;
    const secrets = claim === undefined ? inStore : new ClaimedSecrets(claim, settings);
    const recovery = new RecoveryCodes(store, keyring);
    const parts = { settings, store, recovery, log, now: Date.now };
    if (isMemoryStore(store)) {
      const lost = stored === undefined ? "Which codes were used" : "Enrolments, and which codes were used,";
      log.warn(`${lost} are kept in memory and lost with the process; list a store such as @sluice/store-lmdb first`);
    }
    if (stored !== undefined) await tellOfMissingKeys(stored, keyring, log);
    const appended = new Appended({ ...parts, secrets });
    host.authenticate(totpMethod({ ...parts, secrets }, appended));
    host.afterLogin((login, verdict) => {
      appended.judged(login, verdict).catch((error: unknown) => {
        log.warn({ err: error }, "The store failed: looks for codes behind passwords are counted wrongly");
      });
    });
    host.services.provide(TotpEnrolment, () => new Registrar({ ...parts, stored, keys: keyring.ids }));
  },
});

async function tellOfMissingKeys(stored: StoredSecrets, keyring: Keyring, log: Logger): Promise<void> {
  const missing = new Set<string>();
  let seen = 0;
  for await (const { key } of stored.list()) {
    if (!keyring.ids.includes(key)) missing.add(key);
    if (++seen === lookedAt) break;
  }
  if (missing.size === 0) return;
  log.error(
    { missing: [...missing], given: keyring.ids },
    "Secrets in the store are encrypted with keys that are not given: these users cannot log in",
  );
}
