import { isIP, isIPv4 } from "node:net";

/** An IP address as a number; an IPv4 address mapped into IPv6 is the IPv4 address. */
interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

interface Network extends Address {
  readonly prefix: number;
}

/**
 * Reads addresses and CIDR ranges with commas between, as certificates have them in `source-address`.
 *
 * @returns the networks, or `undefined` where one is malformed or has bits beyond its prefix
 */
export function readNetworks(list: string): readonly Network[] | undefined {
  const networks = list.split(",").map(readNetwork);
  return networks.every((network) => network !== undefined) ? networks : undefined;
}

/** Whether an address is in one of the networks. What is no IP address is in none. */
export function isInside(address: string, networks: readonly Network[]): boolean {
  // A link-local address comes with its interface: fe80::1%eth0.
  const read = readAddress(address.split("%", 1)[0] ?? "");
  if (read === undefined) return false;
  const { bits, value } = unmapped(read);
  return networks.some((network) => {
    const host = BigInt(bits - network.prefix);
    return network.bits === bits && value >> host === network.value >> host;
  });
}

function readNetwork(text: string): Network | undefined {
  const [base = "", prefix, ...rest] = text.split("/");
  const address = readAddress(base);
  if (address === undefined || rest.length > 0) return undefined;
  if (prefix === undefined) return whole(unmapped(address));
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > address.bits) return undefined;
  const host = BigInt(address.bits - Number(prefix));
  if ((address.value >> host) << host !== address.value) return undefined;
  const mapped = Number(prefix) >= 96 ? unmapped(address) : address;
  return { ...mapped, prefix: Number(prefix) - (address.bits - mapped.bits) };
}

function whole(address: Address): Network {
  return { ...address, prefix: address.bits };
}

function readAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes("%")) return undefined;
  if (isIPv4(text)) return { bits: 32, value: ipv4(text) };
  const dotted = text.lastIndexOf(":") + 1;
  const tail = text.slice(dotted);
  if (!isIPv4(tail)) return { bits: 128, value: ipv6(text) };
  const low = ipv4(tail);
  const groups = `${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  return { bits: 128, value: ipv6(text.slice(0, dotted) + groups) };
}

function ipv4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6(text: string): bigint {
  const [before = [], after = []] = text.split("::").map((half) => (half === "" ? [] : half.split(":")));
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** ::ffff:0:0/96 (RFC 4291, section 2.5.5.2): how IPv4 clients appear on a socket that listens on both. */
function unmapped(address: Address): Address {
  return address.bits === 128 && address.value >> 32n === 0xffffn
    ? { bits: 32, value: address.value & 0xffff_ffffn }
    : address;
}
