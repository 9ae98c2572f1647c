import { isIP, isIPv4 } from "node:net";
import { Mistake } from "./mistake.ts";

/** An IP address as a number; an IPv4 address mapped into IPv6 is the IPv4 address. */
interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

interface Pattern {
  readonly negated: boolean;
  matches(address: Address, text: string): boolean;
}

/** Addresses allowed and excluded, as in `from=` of sshd(8): allowed where one pattern matches and no negated one does. */
export class AddressList {
  readonly #patterns: readonly Pattern[];

  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  allows(remoteAddress: string): boolean {
    const address = parseAddress(remoteAddress);
    if (address === undefined) return false;
    const text = textOf(address, remoteAddress);
    const matching = this.#patterns.filter((pattern) => pattern.matches(address, text));
    return matching.length > 0 && !matching.some((pattern) => pattern.negated);
  }
}

/**
 * Reads a comma-separated list of addresses, CIDR ranges and patterns with `*` and `?`, each perhaps negated with `!`.
 *
 * @throws Mistake for a range with bits beyond its prefix, a host name (none are looked up), or a list that allows nobody.
 */
export function parseAddressList(list: string): AddressList {
  const patterns = list.split(",").map((item) => {
    const negated = item.startsWith("!");
    return { negated, ...parsePattern(negated ? item.slice(1) : item) };
  });
  if (patterns.every((pattern) => pattern.negated)) {
    throw new Mistake("from= excludes addresses but allows none; add one such as 0.0.0.0/0");
  }
  return new AddressList(patterns);
}

function parsePattern(text: string): Omit<Pattern, "negated"> {
  if (text === "") throw new Mistake("from= has an empty pattern");
  const slash = text.indexOf("/");
  if (slash >= 0) return parseRange(text, slash);
  const address = parseAddress(text);
  if (address !== undefined) return { matches: (other) => same(address, other) };
  if (!/^[0-9a-f.:*?]+$/i.test(text) || !/[*?]/.test(text)) {
    throw new Mistake(
      `"${text}" in from= is not an address, a range such as 10.0.0.0/8, or a pattern such as 10.0.*; host names are not looked up`,
    );
  }
  const pattern = text.toLowerCase();
  return { matches: (_, other) => matchesWildcards(pattern, other) };
}

function parseRange(text: string, slash: number): Omit<Pattern, "negated"> {
  const base = isIP(text.slice(0, slash)) === 0 ? undefined : rawAddress(text.slice(0, slash));
  const prefix = /^(0|[1-9]\d{0,2})$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) : NaN;
  if (base === undefined || !(prefix <= base.bits)) {
    throw new Mistake(`"${text}" in from= is not an address range such as 10.0.0.0/8 or 2001:db8::/32`);
  }
  const host = BigInt(base.bits - prefix);
  if ((base.value >> host) << host !== base.value) {
    throw new Mistake(`"${text}" in from= has bits set beyond its prefix`);
  }
  const mapped = base.bits === 128 && prefix >= 96 ? unmapped(base) : base;
  return {
    matches: (other) => other.bits === mapped.bits && other.value >> host === mapped.value >> host,
  };
}

function parseAddress(text: string): Address | undefined {
  // A link-local address arrives with its interface: fe80::1%eth0.
  const [plain = ""] = text.split("%", 1);
  return isIP(plain) === 0 ? undefined : unmapped(rawAddress(plain));
}

function rawAddress(text: string): Address {
  if (isIPv4(text)) return { bits: 32, value: ipv4(text) };
  const dotted = text.lastIndexOf(":") + 1;
  const tail = text.slice(dotted);
  if (!isIPv4(tail)) return { bits: 128, value: ipv6(text) };
  const low = ipv4(tail);
  return {
    bits: 128,
    value: ipv6(`${text.slice(0, dotted)}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`),
  };
}

function ipv4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}

/** ::ffff:0:0/96 (RFC 4291, section 2.5.5.2): how IPv4 clients appear on a socket that listens on both. */
function unmapped(address: Address): Address {
  return address.bits === 128 && address.value >> 32n === 0xffffn
    ? { bits: 32, value: address.value & 0xffffffffn }
    : address;
}

function same(a: Address, b: Address): boolean {
  return a.bits === b.bits && a.value === b.value;
}

function textOf(address: Address, original: string): string {
  if (address.bits === 128) return (original.split("%", 1)[0] ?? "").toLowerCase();
  return [24n, 16n, 8n, 0n].map((shift) => (address.value >> shift) & 0xffn).join(".");
}

/** `*` is any text, `?` any one character. Goes back to the last star only, so the time is bounded by the two lengths' product. */
function matchesWildcards(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < text.length;) {
    if (pattern[at] === "*") {
      star = at++;
      resume = i;
    } else if (pattern[at] === "?" || pattern[at] === text[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
