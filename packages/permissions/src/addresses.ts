import { BlockList, isIP } from "node:net";

/** Networks such as `10.0.0.0/8`, or single addresses. */
export class Addresses {
  readonly #list = new BlockList();

  /** @throws RangeError that names the one that is none */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", prefix, ...rest] = network.split("/");
      const version = isIP(address);
      const bits = version === 6 ? 128 : 32;
      const length = prefix === undefined ? bits : Number(prefix);
      const sound = version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix ?? "0") && length <= bits;
      if (!sound) throw new RangeError(`"${network}" is no address and no network such as 10.0.0.0/8`);
      this.#list.addSubnet(address, length, version === 6 ? "ipv6" : "ipv4");
    }
  }

  /** What is no IP address, as of a Unix socket, is in no network. */
  includes(address: string): boolean {
    const bare = address.split("%", 1)[0] ?? "";
    const version = isIP(bare);
    return version !== 0 && this.#list.check(bare, version === 6 ? "ipv6" : "ipv4");
  }
}
