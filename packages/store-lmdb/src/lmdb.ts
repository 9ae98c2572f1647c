import { resolve } from "node:path";
import { definePlugin, Store, type PluginFactory } from "@sluice/core";
import { z } from "zod";
import { checkReadable, checkStamp } from "./check.ts";
import { openStore } from "./lmdb-store.ts";
import { findLocation, prepareLocation } from "./location.ts";
import { Sweeper } from "./sweeper.ts";

/** Where the store is, and how it is used. */
export interface LmdbStoreOptions {
  /** The folder of the store, on a local disk; relative to the working directory. Made where there is none. */
  readonly path: string;
  /**
   * Whether another process reads the whole file before the server opens it. LMDB trusts its file: without this, a damaged one may end the
   * server's process. @default true
   */
  readonly check?: boolean;
  /** How long a write may wait for other processes and the disk, in milliseconds. It rejects then, and may be done or not. @default 10000 */
  readonly waitMs?: number;
  /** How often expired entries are looked for, in milliseconds. They are gone for readers at once. @default 30000 */
  readonly sweepMs?: number;
}

/**
 * Keeps the server's store in a file, so that it survives restarts and the processes of one machine share it. List it before the plugins
 * that use the store.
 *
 * @throws SetupError `ERR_SLUICE_STORE` at the start, where the folder or the file cannot be used.
 *
 * @example
 * server.register(lmdbStore({ path: "/var/lib/sluice/store" }), totp({ … }));
 */
export const lmdbStore: PluginFactory<LmdbStoreOptions> = definePlugin({
  name: "store-lmdb",
  options: z.strictObject({
    path: z.string().min(1),
    check: z.boolean().default(true),
    waitMs: z.number().int().min(100).max(600_000).default(10_000),
    sweepMs: z.number().int().min(10).max(86_400_000).default(30_000),
  }),
  async setup(host, { path, check, waitMs, sweepMs }) {
    const { rehearsal } = host;
    const location = rehearsal ? findLocation(resolve(path)) : prepareLocation(resolve(path), host.log);
    // Where there is none yet, the store in memory does for a rehearsal.
    if (location === undefined) return;
    const { file, bytes } = location;
    if (bytes > 0) {
      checkStamp(file);
      if (check) await checkReadable({ file, waitMs, write: !rehearsal }, host.log);
    }
    const store = await openStore({ file, waitMs });
    try {
      host.services.provide(Store, () => store);
      // What was made is what the services close.
      host.services.get(Store);
    } catch (error) {
      await store.close();
      throw error;
    }
    if (rehearsal) return;
    const sweeper = new Sweeper(store, sweepMs, host.log);
    host.onClose(() => sweeper.stop());
  },
});
