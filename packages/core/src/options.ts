import type { AuthPolicies, AuthPolicy } from "./auth/method.ts";
import type { RemoteEnd } from "./connection.ts";
import type { Logger, LogOptions } from "./log.ts";
import type { Services } from "./services.ts";
import { defaultPenalties, readStartups, type Penalties } from "./sources.ts";
import { nearest } from "./nearest.ts";
import { halfOfDescriptors } from "./open-files.ts";
import { resolveAlgorithms, type AlgorithmOptions } from "./ssh/algorithms.ts";
import { defaultRekeyLimits, type RekeyLimits } from "./ssh/rekey-limits.ts";
import { SetupError } from "./errors.ts";

/** A host key: the path of its file, or its text; an encrypted one needs its passphrase. */
export type HostKeyInput =
  | string
  | { readonly path: string; readonly passphrase?: string }
  | { readonly key: string | Uint8Array; readonly passphrase?: string };

/** What one peer may use. Times are milliseconds, sizes are bytes. */
export interface Limits {
  /** From the TCP connection to the end of the client's identification line. @default 10000 */
  readonly identMs: number;
  /** From the TCP connection to the end of the login. @default 60000 */
  readonly loginGraceMs: number;
  /** Failed attempts to prove a factor; probes (`none`, key queries) do not count. @default 6 */
  readonly authAttempts: number;
  /** Authentication requests of any kind. @default 20 */
  readonly authRequests: number;
  /**
   * A refused attempt is answered after a whole number of these steps, at least one, so that the time does not tell a user's name from one that
   * nobody has. More than a password's check takes; refused queries for keys, and questions until a factor is proven, wait for steps of a
   * tenth. @default 500
   */
  readonly authRefusalMs: number;
  /** Failed passwords and codes for one user from one source; more are refused unseen. @default 10 */
  readonly authFailuresPerUserAndSource: number;
  /** Failed passwords and codes from one source, for whatever users. @default 50 */
  readonly authFailuresPerSource: number;
  /** Failed passwords and codes for one user, from whatever sources. @default 100 */
  readonly authFailuresPerUser: number;
  /** For how long failures are counted, from the first. @default 900000 */
  readonly authFailuresMs: number;
  /** SFTP sessions at once on a connection. @default 10 */
  readonly sessions: number;
  /** Requests being served at once in a session; more wait in the channel. @default 64 */
  readonly requestsInFlight: number;
  /** Data of requests being served at once in a session. @default 2097152 */
  readonly sessionBytes: number;
  /** Connections in total. @default 1000 */
  readonly connections: number;
  /** Connections of one source: an IPv4 address, or an IPv6 /64. @default 20 */
  readonly perSource: number;
  /** Connections of one source that have not logged in. @default 5 */
  readonly perSourceUnauthenticated: number;
  /** Open files and directories of a session. @default 256 */
  readonly handles: number;
  /** Open files and directories of all sessions together. @default half of the files that the process may have open (`ulimit -n`) */
  readonly openFiles: number;
  /** Names in one reply to READDIR. @default 256 */
  readonly readdirEntries: number;
  /** How long a client may take nothing of what is sent to it. @default 120000 */
  readonly stallMs: number;
  /** How long a connection may do nothing after its login: no request arrives or is served, no data leaves. @default 900000 */
  readonly idleMs: number;
}

/** What a server is made from. */
export interface ServerOptions {
  /** At least one. Of several, the client chooses the type. */
  readonly hostKeys: readonly HostKeyInput[];
  /** Which factors suffice, for all or by who logs in. Required when more than one method is registered. @default the one method that is registered */
  readonly auth?: AuthPolicy | AuthPolicies;
  /** Shown to the client before the login. */
  readonly banner?: string | ((remote: RemoteEnd) => string);
  /** The software part of the identification string (RFC 4253, section 4.2). @default "Sluice" */
  readonly ident?: string;
  readonly limits?: Partial<Limits>;
  /** Networks that may connect, such as `10.0.0.0/8` or `2001:db8::/32`. @default every address */
  readonly allow?: readonly string[];
  /** Networks that may not connect, even if allowed. @default none */
  readonly deny?: readonly string[];
  /**
   * `start:percent:full`: from `start` connections that have not logged in, `percent` of new ones are dropped, rising to all at `full` (sshd_config,
   * MaxStartups), unless one that is silent, from a more crowded source or network, or slow can go in their place.
   * @default "10:30:100"
   */
  readonly maxStartups?: string;
  /** For how long sources are refused that misbehave (sshd_config, PerSourcePenalties). `false` for not at all. */
  readonly penalties?: false | Partial<Penalties>;
  /** What is offered to clients; `compatible` adds key exchanges over finite fields. @default "modern" */
  readonly algorithms?: AlgorithmOptions;
  /** Refuse clients without strict key exchange, whose first packets could be cut off unseen (CVE-2023-48795). @default false */
  readonly requireStrictKex?: boolean;
  /** When keys are exchanged anew. */
  readonly rekey?: Partial<RekeyLimits>;
  /** Where the log goes: options, or a logger of yours. */
  readonly log?: LogOptions | Logger;
  /** Provides services before any plugin does: the place for overrides. */
  readonly services?: (services: Services) => void;
  /**
   * Which of SYMLINK's two paths is the link: OpenSSH sends the target first, the draft says the link. `auto` goes by the client.
   * @default "auto"
   */
  readonly symlinkOrder?: "auto" | "openssh" | "spec";
}

/** The limits that apply where none are given. */
export const defaultLimits: Limits = {
  identMs: 10_000,
  loginGraceMs: 60_000,
  authAttempts: 6,
  authRequests: 20,
  authRefusalMs: 500,
  authFailuresPerUserAndSource: 10,
  authFailuresPerSource: 50,
  authFailuresPerUser: 100,
  authFailuresMs: 900_000,
  sessions: 10,
  requestsInFlight: 64,
  sessionBytes: 2 * 1024 * 1024,
  connections: 1000,
  perSource: 20,
  perSourceUnauthenticated: 5,
  handles: 256,
  openFiles: halfOfDescriptors(),
  readdirEntries: 256,
  stallMs: 120_000,
  idleMs: 900_000,
};

const optionNames = [
  "hostKeys",
  "auth",
  "banner",
  "ident",
  "limits",
  "allow",
  "deny",
  "maxStartups",
  "penalties",
  "algorithms",
  "requireStrictKex",
  "rekey",
  "log",
  "services",
  "symlinkOrder",
];
/** Packets in one direction with one key (RFC 4344, section 3.1). */
const mostPackets = 2 ** 31;
/** A session's budget must hold one request of the largest size. */
const leastSessionBytes = 256 * 1024;

/** Checks what a server is made from. @throws SetupError `ERR_SLUICE_OPTIONS` that names the option. */
export function checkOptions(options: ServerOptions): Limits {
  refuseUnknown("", Object.keys(options), optionNames);
  if (!Array.isArray(options.hostKeys) || options.hostKeys.length === 0) {
    fail('hostKeys: at least one host key is needed; make one with "sluice hostkey" or ssh-keygen');
  }
  const ident = options.ident ?? "Sluice";
  if (!/^[\x21-\x7e]{1,200}$/.test(ident)) fail("ident: 1 to 200 printable ASCII characters without spaces are needed");
  if (!["auto", "openssh", "spec"].includes(options.symlinkOrder ?? "auto")) {
    fail('symlinkOrder: "auto", "openssh" or "spec" is needed');
  }
  resolveAlgorithms(options.algorithms);
  readStartups(options.maxStartups ?? defaultStartups);
  checkNumbers("penalties.", options.penalties === false ? {} : (options.penalties ?? {}), defaultPenalties);
  checkNumbers("rekey.", options.rekey ?? {}, defaultRekeyLimits);
  // Sequence numbers come again at 2^32: this leaves as many for an exchange that takes its time.
  const { packets = mostPackets } = options.rekey ?? {};
  if (packets > mostPackets) fail(`rekey.packets: at most ${mostPackets} is possible, got ${packets}`);
  const given = options.limits ?? {};
  checkNumbers("limits.", given, defaultLimits);
  if ((given.sessionBytes ?? leastSessionBytes) < leastSessionBytes) {
    fail(`limits.sessionBytes: at least ${leastSessionBytes} is needed, the size of one request`);
  }
  return { ...defaultLimits, ...given };
}

export const defaultStartups = "10:30:100";

/** The longest time that a timer of Node can wait for: 24.8 days. */
const longestMs = 2 ** 31 - 1;

function checkNumbers(prefix: string, given: object, known: object): void {
  refuseUnknown(prefix, Object.keys(given), Object.keys(known));
  for (const [name, value] of Object.entries(given)) {
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      fail(`${prefix}${name}: a whole number from 1 is needed, got ${String(value)}`);
    }
    if (name.endsWith("Ms") && (value as number) > longestMs) {
      fail(`${prefix}${name}: at most ${longestMs} is possible, 24.8 days, got ${String(value)}`);
    }
  }
}

function fail(message: string): never {
  throw new SetupError("ERR_SLUICE_OPTIONS", message);
}

function refuseUnknown(prefix: string, given: readonly string[], known: readonly string[]): void {
  for (const name of given) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    fail(`${prefix}${name}: unknown option${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }
}
