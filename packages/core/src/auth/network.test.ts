import { describe, expect, it } from "vitest";
import { isInside, readNetworks } from "./network.ts";

const inside = (address: string, list: string): boolean => isInside(address, readNetworks(list) ?? []);

describe("a list of networks", () => {
  it.each([
    ["10.1.2.3", "10.0.0.0/8"],
    ["10.1.2.3", "10.1.2.3"],
    ["10.1.2.3", "192.168.0.0/16,10.1.2.3/32"],
    ["::ffff:10.1.2.3", "10.0.0.0/8"],
    ["10.1.2.3", "::ffff:10.0.0.0/104"],
    ["10.1.2.3", "::ffff:10.1.2.3"],
    ["203.0.113.9", "0.0.0.0/0"],
    ["2001:db8::1", "2001:db8::/32"],
    ["2001:db8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:DB8::ffff", "::/0"],
    ["fe80::1%eth0", "fe80::/10"],
    ["64:ff9b::10.1.2.3", "64:ff9b::a01:203"],
  ])("holds %s if it is %s", (address, list) => expect(inside(address, list)).toBe(true));

  it.each([
    ["11.1.2.3", "10.0.0.0/8"],
    ["10.1.2.4", "10.1.2.3"],
    ["2001:db9::1", "2001:db8::/32"],
    ["10.1.2.3", "::/0"],
    ["2001:db8::1", "0.0.0.0/0"],
    ["memory", "0.0.0.0/0,::/0"],
    ["", "0.0.0.0/0,::/0"],
  ])("does not hold %s if it is %s", (address, list) => {
    expect(readNetworks(list)).toBeDefined();
    expect(inside(address, list)).toBe(false);
  });

  it.each([
    "",
    ",",
    "10.0.0.0/8,",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0",
    "10.0.0.*",
    "!10.0.0.0/8",
    "example.org",
    "2001:db8::1/32",
    "2001:db8::/129",
    "fe80::1%eth0",
    " 10.0.0.0/8",
  ])("is malformed if it is %j", (list) => expect(readNetworks(list)).toBeUndefined());
});
