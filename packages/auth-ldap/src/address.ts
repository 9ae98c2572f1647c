import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import type { Logger } from "@sluice/core";
import { Unavailable } from "./error.ts";
import type { DiscoverySettings } from "./settings.ts";

/** Where a server is. */
export interface Address {
  /** As it is called in the log: scheme, host and port. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
}

/** The servers to ask, the preferred one first. */
export type AddressSource = (signal: AbortSignal) => Promise<readonly Address[]>;

/** Reads `ldap://host:port` or `ldaps://host:port`. @returns what is wrong with it, as text */
export function parseUrl(text: string): Address | string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "a URL such as ldaps://ldap.example.org is needed";
  }
  const secure = url.protocol === "ldaps:";
  if (!secure && url.protocol !== "ldap:") return "the scheme has to be ldap or ldaps";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "") return "a host is needed";
  if (url.username !== "" || url.password !== "") return "no user or password belongs here; see the option bind";
  if (!["", "/"].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    return "a scheme, a host and a port are all that belongs here; see the option search";
  }
  return addressOf(decodeURIComponent(host), url.port === "" ? undefined : Number(url.port), secure);
}

function addressOf(host: string, given: number | undefined, secure: boolean): Address {
  const port = given ?? (secure ? 636 : 389);
  const shown = isIP(host) === 6 ? `[${host}]` : host;
  return { url: `${secure ? "ldaps" : "ldap"}://${shown}:${port}`, host, port, secure };
}

/** Whether what is said to a host stays on this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

const refreshMs = 60_000;
const maxServers = 16;

/** Finds servers by SRV records (RFC 2782), again every minute. What was found last stays while the name server is away. */
export function discover(discovery: DiscoverySettings, log: Logger): AddressSource {
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  if (discovery.nameservers !== undefined) resolver.setServers([...discovery.nameservers]);
  let known: readonly Address[] = [];
  let fresh = 0;
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    try {
      const found = await lookUp(resolver, discovery, log);
      if (found.length > 0) known = found;
      fresh = performance.now() + refreshMs;
    } catch (error) {
      log.warn({ domain: discovery.domain, err: error }, "The directory's servers cannot be looked up");
      fresh = performance.now() + 1000;
    }
  };
  return async (signal) => {
    if (performance.now() >= fresh) asking ??= ask().finally(() => (asking = undefined));
    // Nobody waits for what is only to be refreshed.
    if (known.length === 0 && asking !== undefined) await unlessAborted(asking, signal);
    if (known.length === 0) throw new Unavailable(`no server of ${discovery.domain} could be found`);
    return known;
  };
}

/** Waits for what cannot be stopped, until the signal says not to. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let leave: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => (leave = () => reject(signal.reason as Error)));
  signal.addEventListener("abort", leave, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function lookUp(resolver: Resolver, discovery: DiscoverySettings, log: Logger): Promise<Address[]> {
  const { domain, scheme } = discovery;
  const records = await resolver.resolveSrv(`${discovery.service ?? `_${scheme}._tcp`}.${domain}`);
  // Whoever can lie about the records must not name a host that has a good certificate of its own.
  const within = records.filter(({ name }) => `.${name.toLowerCase()}`.endsWith(`.${domain.toLowerCase()}`));
  if (within.length < records.length) {
    log.warn({ domain }, `Servers outside of ${domain} were found and are not used`);
  }
  return ordered(within)
    .slice(0, maxServers)
    .map(({ name, port }) => addressOf(name, discovery.port ?? port, scheme === "ldaps"));
}

/** By priority; among equals by chance, in proportion to their weights. */
function ordered<T extends { readonly priority: number; readonly weight: number }>(records: readonly T[]): T[] {
  const drawn = records.map((record) => ({
    record,
    key: -Math.log(1 - Math.random()) / Math.max(record.weight, 0.01),
  }));
  return drawn.sort((a, b) => a.record.priority - b.record.priority || a.key - b.key).map(({ record }) => record);
}
