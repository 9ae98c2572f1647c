import assert from "node:assert/strict";
import type { Store } from "@sluice/core";
import { entriesOf, type Case } from "./case.ts";

const longestKey = `suite/${"k".repeat(506)}`;
const wideKey = `suite/${"😀".repeat(126)}`;
const largest = "é".repeat(32_768);

/** Keys that a store may take for another, or for something else. */
const oddKeys: readonly string[] = [
  "suite/ünï😀/ключ/鍵",
  "suite/e\u0301",
  "suite/\u00e9",
  "suite/A",
  "suite/a",
  "suite/a ",
  "suite/\ufeffa",
  "suite/../a",
  "suite/%2F",
  "suite/\n\r\t",
  "suite/*?[a]",
  "suite/'\"`;--",
  "suite/\u0001\u007f\u0085",
  "__proto__",
  "constructor",
  " ",
  "\uffff",
  longestKey,
  wideKey,
];

const oddValues: readonly string[] = [
  "",
  "0",
  "null",
  "undefined",
  "\0",
  "a\0b",
  "\ufeff",
  '{"a":1}',
  "é😀\u2028",
  largest,
];

/** What no method takes for a key. */
const badKeys: readonly string[] = ["", "a\0b", `${longestKey}k`, `${wideKey}é😀`, "half \ud83d", "half \ude00!"];

/** Reading and writing one entry after the other. */
export const basics: readonly Case[] = [
  {
    name: "get: nothing is there at first",
    async check({ store }) {
      assert.equal(await store.get("suite/a"), undefined);
      assert.deepEqual(await entriesOf(store), []);
    },
  },
  {
    name: "set: what was set is there, and the last one wins",
    async check({ store }) {
      await store.set("suite/a", "1");
      await store.set("suite/b", "2");
      await store.set("suite/a", "3");
      assert.equal(await store.get("suite/a"), "3");
      assert.equal(await store.get("suite/b"), "2");
    },
  },
  {
    name: "set: values are kept to the last character, up to 64 KiB",
    async check({ store }) {
      for (const [index, value] of oddValues.entries()) await store.set(`suite/${index}`, value);
      for (const [index, value] of oddValues.entries()) {
        assert.ok((await store.get(`suite/${index}`)) === value, `value ${index} came back changed`);
      }
    },
  },
  {
    name: "set: keys are told apart by every byte, up to 512 of them",
    async check({ store }) {
      for (const [index, key] of oddKeys.entries()) await store.set(key, String(index));
      for (const [index, key] of oddKeys.entries())
        assert.equal(await store.get(key), String(index), JSON.stringify(key));
      const listed = new Map(await entriesOf(store));
      assert.deepEqual([...listed.keys()].sort(), [...oddKeys].sort());
      for (const key of oddKeys) assert.equal(await store.delete(key), true, JSON.stringify(key));
      assert.deepEqual(await entriesOf(store), []);
    },
  },
  {
    name: "set: keys, values and expiries that no store keeps are refused, and nothing is done",
    async check({ store }) {
      for (const key of badKeys)
        for (const call of calls(store, key)) await refused(call, JSON.stringify(key.slice(-20)));
      for (const value of [`${largest}.`, "half \ud83d"]) {
        await refused(() => store.set("suite/a", value), "the value");
        await refused(() => store.compareAndSet("suite/a", undefined, value), "the value");
      }
      for (const ttlMs of [0, -1, 1.5, NaN, Infinity]) {
        await refused(() => store.set("suite/a", "1", { ttlMs }), `ttlMs ${ttlMs}`);
        await refused(() => store.add("suite/a", 1, { ttlMs }), `ttlMs ${ttlMs}`);
        await refused(() => store.compareAndSet("suite/a", undefined, "1", { ttlMs }), `ttlMs ${ttlMs}`);
      }
      assert.deepEqual(await entriesOf(store), []);
    },
  },
  {
    name: "add: counts up and down from 0, and tells the sum",
    async check({ store }) {
      assert.equal(await store.add("suite/n", 5), 5);
      assert.equal(await store.add("suite/n", -7), -2);
      assert.equal(await store.add("suite/n", 0), -2);
      assert.equal(await store.get("suite/n"), "-2");
      await store.set("suite/n", "40");
      assert.equal(await store.add("suite/n", 2), 42);
    },
  },
  {
    name: "add: goes to the last safe integer, and no further",
    async check({ store }) {
      assert.equal(await store.add("suite/n", Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
      for (const amount of [1, 0.5, NaN, Infinity, 2 ** 53])
        await refused(() => store.add("suite/n", amount), `${amount}`);
      assert.equal(await store.get("suite/n"), String(Number.MAX_SAFE_INTEGER));
      assert.equal(await store.add("suite/n", -Number.MAX_SAFE_INTEGER), 0);
      assert.equal(await store.add("suite/n", Number.MIN_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
      await refused(() => store.add("suite/n", -1), "-1");
    },
  },
  {
    name: "add: a value that is no whole number is refused and stays",
    async check({ store }) {
      for (const value of ["", "x", "1.5", "1e3", "0x10", " 1", "9007199254740993", "1".repeat(17)]) {
        await store.set("suite/n", value);
        await refused(() => store.add("suite/n", -10), JSON.stringify(value));
        assert.equal(await store.get("suite/n"), value);
      }
    },
  },
  {
    name: "compareAndSet: sets where the value is the expected one",
    async check({ store }) {
      assert.equal(await store.compareAndSet("suite/a", undefined, "1"), true);
      assert.equal(await store.compareAndSet("suite/a", undefined, "2"), false);
      assert.equal(await store.compareAndSet("suite/a", "2", "3"), false);
      assert.equal(await store.compareAndSet("suite/a", "", "3"), false);
      assert.equal(await store.get("suite/a"), "1");
      assert.equal(await store.compareAndSet("suite/a", "1", "2"), true);
      assert.equal(await store.compareAndSet("suite/b", "1", "2"), false);
      assert.equal(await store.get("suite/a"), "2");
      assert.equal(await store.get("suite/b"), undefined);
    },
  },
  {
    name: "compareAndSet: an empty value is not nothing",
    async check({ store }) {
      await store.set("suite/a", "");
      assert.equal(await store.compareAndSet("suite/a", undefined, "1"), false);
      assert.equal(await store.compareAndSet("suite/a", "", "1"), true);
    },
  },
  {
    name: "delete: tells whether there was something",
    async check({ store }) {
      await store.set("suite/a", "");
      assert.equal(await store.delete("suite/a"), true);
      assert.equal(await store.delete("suite/a"), false);
      assert.equal(await store.get("suite/a"), undefined);
      assert.equal(await store.compareAndSet("suite/a", undefined, "1"), true);
    },
  },
];

function calls(store: Store, key: string): readonly (() => Promise<unknown>)[] {
  return [
    () => store.get(key),
    () => store.set(key, "1"),
    () => store.add(key, 1),
    () => store.compareAndSet(key, undefined, "1"),
    () => store.delete(key),
  ];
}

/** A rejection, not an exception that is thrown at whoever forgot to expect one. */
async function refused(call: () => Promise<unknown>, what: string): Promise<void> {
  const answer = call();
  await assert.rejects(answer, RangeError, `${what} was taken`);
}
