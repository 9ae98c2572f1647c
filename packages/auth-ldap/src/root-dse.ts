import { Cache } from "./cache.ts";
import type { Client } from "./client.ts";
import { valueOf, valuesOf } from "./entry.ts";

/** What kind of directory a server is. */
export interface RootDse {
  /** Active Directory, or Samba as its domain controller. */
  readonly activeDirectory: boolean;
  readonly defaultBase: string | undefined;
}

const capability = "1.2.840.113556.1.4.800";
const keepMs = 600_000;

/** What servers say of themselves (RFC 4512, section 5.1), asked once in a while. */
export class RootDses {
  readonly #known: Cache<RootDse> = new Cache(64);

  async of(client: Client, signal: AbortSignal): Promise<RootDse> {
    const known = this.#known.get(client.url);
    if (known !== undefined) return known;
    const entry = await client.read("", ["supportedCapabilities", "defaultNamingContext"], signal);
    const found: RootDse = {
      activeDirectory: entry !== undefined && valuesOf(entry, "supportedCapabilities").includes(capability),
      defaultBase: entry === undefined ? undefined : valueOf(entry, "defaultNamingContext"),
    };
    this.#known.set(client.url, found, keepMs);
    return found;
  }
}
