import { BlockList, isIP } from "node:net";
import { Crowd, further, type Stage, type Waiting } from "./crowd.ts";
import { SetupError } from "./errors.ts";

/**
 * Reads `start:percent:full` (sshd_config, MaxStartups).
 *
 * @throws SetupError `ERR_SLUICE_OPTIONS`
 */
export function readStartups(text: string): Startups {
  const [, start, percent, full] = /^(\d{1,6}):(\d{1,3}):(\d{1,6})$/.exec(text) ?? [];
  const startups = { start: Number(start), percent: Number(percent), full: Number(full) };
  const valid = startups.percent <= 100 && startups.start <= startups.full && startups.full > 0;
  if (valid) return startups;
  throw new SetupError(
    "ERR_SLUICE_OPTIONS",
    `maxStartups: "start:percent:full" such as "10:30:100" is needed, got "${text}"`,
  );
}

/** How many unauthenticated connections there may be: from `start`, `percent` of new ones have to find room, and all from `full`. */
export interface Startups {
  readonly start: number;
  readonly percent: number;
  readonly full: number;
}

/** Why a source is penalised, and for how long each time, in milliseconds: OpenSSH's names and meaning (sshd_config, PerSourcePenalties). */
export interface Penalties {
  /** It violated the protocol, as one does who tries to crash the server. @default 90000 */
  readonly crashMs: number;
  /** It tried to log in and failed. @default 5000 */
  readonly authFailMs: number;
  /** It left without having tried to log in. @default 1000 */
  readonly noAuthMs: number;
  /** It let the time for the login run out. @default 20000 */
  readonly graceExceededMs: number;
  /** Penalties add up to this at most. @default 600000 */
  readonly maxMs: number;
  /** Penalties below this only add up; from it on, the source is refused. @default 15000 */
  readonly minMs: number;
}
export type Offence = "crash" | "authFail" | "noAuth" | "graceExceeded";

/** The penalties that apply where none are given. */
export const defaultPenalties: Penalties = {
  crashMs: 90_000,
  authFailMs: 5000,
  noAuthMs: 1000,
  graceExceededMs: 20_000,
  maxMs: 600_000,
  minMs: 15_000,
};

/** What decides which connections are taken. */
export interface SourceLimits {
  readonly startups: Startups;
  /** Connections in total. */
  readonly connections: number;
  /** Connections of one source. */
  readonly perSource: number;
  /** Connections of one source that have not logged in. */
  readonly perSourceUnauthenticated: number;
  /** `undefined` for none. */
  readonly penalties: Penalties | undefined;
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[] | undefined;
}

/** One connection's place; given back when it ends. */
export interface Place {
  /** The login has come so far, or further. */
  reached(stage: Stage): void;
  /** The login is complete: the connection no longer counts among the unauthenticated. */
  authenticated(): void;
  /** The connection has ended. */
  leave(offence?: Offence): void;
}

/** What a source has collected. */
export interface Penalty {
  /** When it is over, in milliseconds since 1970. */
  readonly until: number;
  /** It was enough to be refused; else it only counts towards that. */
  readonly active: boolean;
}

interface Count {
  total: number;
  unauthenticated: number;
}

/** Sources remembered for their penalties, and for their logins; the oldest are forgotten. OpenSSH's default, too. */
const remembered = 65_536;
/** For how long a login makes a source known. */
const knownMs = 3_600_000;

/** Counts connections by source, an IPv4 address or an IPv6 /64, and refuses those of sources that take too much or misbehave. */
export class Sources {
  readonly #limits: SourceLimits;
  readonly #allow: BlockList | undefined;
  readonly #deny: BlockList | undefined;
  readonly #counts = new Map<string, Count>();
  readonly #penalties = new Map<string, Penalty>();
  readonly #random: () => number;
  readonly #now: () => number;
  /** When somebody has last logged in, by source. */
  readonly #logins = new Map<string, number>();
  readonly #crowd = new Crowd();
  #total = 0;
  /** Told of every penalty. */
  onPenalty: ((source: string, penalty: Penalty) => void) | undefined;

  constructor(limits: SourceLimits, random: () => number = Math.random, now: () => number = Date.now) {
    this.#limits = limits;
    this.#allow = limits.allow === undefined ? undefined : blockList("allow", limits.allow);
    this.#deny = limits.deny === undefined ? undefined : blockList("deny", limits.deny);
    this.#random = random;
    this.#now = now;
  }

  /**
   * A place for a connection, or why there is none.
   *
   * @param evict called at most once, before the login, when the place is needed for somebody else; the connection has to end
   */
  admit(address: string, evict: (reason: string) => void = () => undefined): Place | string {
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (isIP(address) !== 0) {
      if (this.#deny?.check(address, family) === true) return "The address is denied";
      if (this.#allow?.check(address, family) === false) return "The address is not allowed";
    }
    // A Unix socket, or a tunnel that does not say: one source cannot be told from another.
    const key = isIP(address) === 0 ? undefined : sourceOf(address);
    const count = (key === undefined ? undefined : this.#counts.get(key)) ?? { total: 0, unauthenticated: 0 };
    const penalty = key === undefined ? undefined : this.#penalties.get(key);
    if (penalty?.active === true && penalty.until > this.#now()) return "The source is penalised";
    if (this.#total >= this.#limits.connections) return "Too many connections";
    if (count.total >= this.#limits.perSource) return "Too many connections of this source";
    if (count.unauthenticated >= this.#limits.perSourceUnauthenticated) return "Too many logins of this source at once";
    const waiting: Waiting = {
      source: key,
      network: key === undefined ? undefined : networkOf(key),
      since: this.#now(),
      known: key !== undefined && this.#isKnown(key),
      stage: "silent",
      evict,
    };
    if (this.#dropsEarly()) {
      const other = this.#crowd.dispensable(waiting, this.#now(), this.#fullness);
      if (other === undefined) return "Too many logins at once";
      this.#crowd.delete(other);
      other.evict("Too many logins at once");
    }
    if (key !== undefined) this.#counts.set(key, count);
    count.total += 1;
    count.unauthenticated += 1;
    this.#total += 1;
    this.#crowd.add(waiting);
    return this.#place(key, count, waiting);
  }

  /** Takes up a penalty from before the start. */
  restore(source: string, penalty: Penalty): void {
    const { penalties } = this.#limits;
    if (penalties === undefined || penalty.until <= this.#now() || this.#penalties.size >= remembered) return;
    // The clock may have been set back meanwhile.
    this.#penalties.set(source, { ...penalty, until: Math.min(penalty.until, this.#now() + penalties.maxMs) });
  }

  /** Sources that are counted or penalised now. */
  get size(): number {
    return this.#counts.size + this.#penalties.size;
  }

  #isKnown(key: string): boolean {
    const at = this.#logins.get(key);
    return at !== undefined && this.#now() - at < knownMs;
  }

  #place(key: string | undefined, count: Count, waiting: Waiting): Place {
    let unauthenticated = true;
    let open = true;
    const settled = (): void => {
      if (!unauthenticated) return;
      unauthenticated = false;
      count.unauthenticated -= 1;
      this.#crowd.delete(waiting);
    };
    return {
      reached: (stage) => {
        waiting.stage = further(stage, waiting.stage);
      },
      authenticated: () => {
        settled();
        if (key === undefined) return;
        this.#logins.delete(key);
        this.#logins.set(key, this.#now());
        const [oldest] = this.#logins.keys();
        if (this.#logins.size > remembered && oldest !== undefined) this.#logins.delete(oldest);
      },
      leave: (offence) => {
        if (!open) return;
        open = false;
        settled();
        count.total -= 1;
        this.#total -= 1;
        if (key === undefined) return;
        if (count.total === 0) this.#counts.delete(key);
        if (offence !== undefined) this.#penalise(key, offence);
      },
    };
  }

  /** Random early drop, rising from `percent` at `start` to certainty at `full` (sshd_config, MaxStartups). */
  #dropsEarly(): boolean {
    const { start, percent } = this.#limits.startups;
    if (this.#crowd.size < start) return false;
    return this.#random() * 100 < percent + (100 - percent) * this.#fullness;
  }

  /** From 0 at `start` to 1 at `full`. */
  get #fullness(): number {
    const { start, full } = this.#limits.startups;
    return start === full ? 1 : Math.min(Math.max((this.#crowd.size - start) / (full - start), 0), 1);
  }

  #penalise(key: string, offence: Offence): void {
    const { penalties } = this.#limits;
    if (penalties === undefined) return;
    const now = this.#now();
    const before = this.#penalties.get(key);
    const base = before === undefined || before.until < now ? now : before.until;
    const until = Math.min(base + penalties[`${offence}Ms`], now + penalties.maxMs);
    const active = (before?.active === true && before.until > now) || until - now >= penalties.minMs;
    // Set anew, so that the map's order is by the last offence.
    this.#penalties.delete(key);
    this.#penalties.set(key, { until, active });
    this.onPenalty?.(key, { until, active });
    for (const [oldest, { until: end }] of this.#penalties) {
      if (this.#penalties.size <= remembered && end > now) break;
      this.#penalties.delete(oldest);
    }
  }
}

/** What counts as one source: an IPv4 address, or the /64 of an IPv6 address, which is what one customer is given. */
export function sourceOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (isIP(address) !== 6) return address;
  const plain = address.split("%", 1)[0] ?? address;
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array<string>(Math.max(8 - left.length - right.length, 0)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/** The network around a source: an IPv4 /24 or an IPv6 /48. */
function networkOf(source: string): string {
  const parts = source.includes(":") ? source.split(":") : source.split(".");
  return parts.slice(0, 3).join(":");
}

/** @throws SetupError `ERR_SLUICE_OPTIONS` for what is no address or network */
function blockList(option: string, networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const version = isIP(address);
    const prefix = bits === undefined ? (version === 6 ? 128 : 32) : Number(bits);
    if (version === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (version === 6 ? 128 : 32)) {
      throw new SetupError("ERR_SLUICE_OPTIONS", `${option}: "${network}" is no address or network such as 10.0.0.0/8`);
    }
    list.addSubnet(address, prefix, version === 6 ? "ipv6" : "ipv4");
  }
  return list;
}
