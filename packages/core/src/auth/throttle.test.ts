import { describe, expect, it } from "vitest";
import { memoryStore } from "../memory-store.ts";
import type { Store } from "../store.ts";
import { Throttle, type Counted, type ThrottleLimits } from "./throttle.ts";

const limits: ThrottleLimits = {
  authFailuresPerUserAndSource: 3,
  authFailuresPerSource: 5,
  authFailuresPerUser: 7,
  authFailuresMs: 60_000,
};
const address = (n: number): string => `192.0.2.${n}`;
const over = (where: string): string => `Too many failed logins ${where}`;

async function fail(throttle: Throttle, username: string, from: string, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) expect(await throttle.count(username, from)).toBeTypeOf("object");
}

describe("Failed logins", () => {
  it("of one user from one source are refused beyond their bound, other users and sources not", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    await fail(throttle, "alice", address(1), 3);
    expect(await throttle.count("alice", address(1))).toBe(over("of this user from this source"));
    await fail(throttle, "bob", address(1));
    await fail(throttle, "alice", address(2));
  });

  it("of one source are refused beyond their bound, whoever the users are", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    for (const user of ["a", "b", "c", "d", "e"]) await fail(throttle, user, address(1));
    expect(await throttle.count("f", address(1))).toBe(over("from this source"));
    await fail(throttle, "f", address(2));
  });

  it("of one user are refused beyond their bound, wherever they come from", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    for (let source = 1; source <= 7; source++) await fail(throttle, "alice", address(source));
    expect(await throttle.count("alice", address(8))).toBe(over("of this user"));
    await fail(throttle, "bob", address(8));
  });

  it("do not lock a user out where the user has logged in before, and are still bounded there", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    await throttle.loggedIn("alice", address(99));
    for (let source = 1; source <= 7; source++) await fail(throttle, "alice", address(source));
    for (const user of ["a", "b", "c", "d", "e"]) await fail(throttle, user, address(99));
    await fail(throttle, "alice", address(99), 3);
    expect(await throttle.count("alice", address(99))).toBe(over("of this user from this source"));
  });

  it("are forgotten for the user and source that log in, and for no others", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    await fail(throttle, "alice", address(1), 3);
    await fail(throttle, "bob", address(1), 2);
    await throttle.loggedIn("alice", address(1));
    await fail(throttle, "alice", address(1), 3);
    expect(await throttle.count("bob", address(1))).toBe(over("from this source"));
  });

  it("share a count where names differ in case or in compatible forms, and where sources are one IPv6 network", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    await fail(throttle, "José", "2001:db8::1");
    await fail(throttle, "JOSÉ", "2001:db8::2");
    await fail(throttle, "Ｊosé", "2001:db8::3");
    expect(await throttle.count("jose\u0301", "2001:db8::4")).toBe(over("of this user from this source"));
    await fail(throttle, "josé", "2001:db8:0:1::4");
  });

  it("share a count where names differ in what directories do not compare: accents, blanks, letters that fold into two", async () => {
    const throttle = new Throttle(memoryStore(), { ...limits, authFailuresPerUser: 5 });
    const spellings = ["anna groß", "ANNA GROSS", " anna  gross", "ánna gross ", "anna\u3000gröss"];
    for (const [i, name] of spellings.entries()) await fail(throttle, name, address(i + 1));
    expect(await throttle.count("anna gross", address(9))).toBe(over("of this user"));
  });

  it("of a source beyond its bound leave nothing in the store of the names that it invents", async () => {
    const store = memoryStore();
    const throttle = new Throttle(store, limits);
    for (let i = 0; i < 200; i++) await throttle.count(`user${i}`, address(1));
    let entries = 0;
    for await (const _ of store.list("")) entries += 1;
    expect(entries).toBeLessThanOrEqual(1 + 2 * limits.authFailuresPerSource);
  });

  it("of sources that are not told apart are counted by user, with the tighter bound", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    for (const user of ["a", "b", "c", "d", "e", "f", "g"]) await fail(throttle, user, "");
    await fail(throttle, "a", "", 2);
    expect(await throttle.count("a", "")).toBe(over("of this user from this source"));
  });

  it("are let off when an attempt is taken back, also in a window that has begun since", async () => {
    const store = memoryStore();
    const throttle = new Throttle(store, limits);
    for (let i = 0; i < 20; i++) await ((await throttle.count("alice", address(1))) as Counted).takeBack();
    const counted = (await throttle.count("alice", address(1))) as Counted;
    for await (const [key] of store.list("core/")) await store.delete(key);
    await counted.takeBack();
    await fail(throttle, "alice", address(1), 3);
    expect(await throttle.count("alice", address(1))).toBeTypeOf("string");
  });

  it("of many at once get no further than one after the other", async () => {
    const throttle = new Throttle(memoryStore(), limits);
    const all = await Promise.all(Array.from({ length: 50 }, () => throttle.count("alice", address(1))));
    expect(all.filter((one) => typeof one === "object")).toHaveLength(3);
  });

  it("are counted for one window, which later ones do not prolong", async () => {
    const throttle = new Throttle(memoryStore(), { ...limits, authFailuresMs: 30 });
    await fail(throttle, "alice", address(1), 3);
    await expect.poll(() => throttle.count("alice", address(1))).toBeTypeOf("object");
  });

  it("have keys that every store can hold, whatever the name, and that do not show it", async () => {
    const keys: string[] = [];
    const store: Store = Object.assign(memoryStore(), { add: async (key: string) => keys.push(key) });
    await new Throttle(store, limits).count("ü".repeat(127), "fe80::1%eth0");
    expect(keys.every((key) => Buffer.byteLength(key) <= 512 && !key.includes("ü"))).toBe(true);
  });

  it("are not known when the store fails", async () => {
    const broken: Store = Object.assign(memoryStore(), {
      add: () => Promise.reject(new Error("The disk is full")),
    });
    await expect(new Throttle(broken, limits).count("alice", address(1))).rejects.toThrow("The disk is full");
  });
});
