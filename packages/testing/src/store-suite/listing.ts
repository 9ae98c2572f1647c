import assert from "node:assert/strict";
import { entriesOf, keysOf, type Case } from "./case.ts";

/** Listing by prefix. */
export const listing: readonly Case[] = [
  {
    name: "list: gives what begins with the prefix, and nothing else",
    async check({ store }) {
      const keys = ["suite/a", "suite/a/1", "suite/a/2", "suite/aé", "suite/b", "suite", "suit", "x"];
      for (const key of keys) await store.set(key, `of ${key}`);
      assert.deepEqual(await entriesOf(store, "suite/a/"), [
        ["suite/a/1", "of suite/a/1"],
        ["suite/a/2", "of suite/a/2"],
      ]);
      assert.deepEqual(await keysOf(store, "suite/a"), ["suite/a", "suite/a/1", "suite/a/2", "suite/aé"]);
      assert.deepEqual(await keysOf(store, "suite/b"), ["suite/b"]);
      assert.deepEqual(await keysOf(store, "suite/c"), []);
      assert.equal((await keysOf(store)).length, keys.length);
    },
  },
  {
    name: "list: is in the order of the keys' bytes",
    async check({ store }) {
      // UTF-16 has the third before the second, and languages have orders of their own.
      const keys = [
        "suite/Z",
        "suite/a",
        "suite/\ue000",
        "suite/😀",
        "suite/é",
        "suite/\u0001",
        "suite/a-",
        "suite/10",
        "suite/9",
      ];
      for (const key of keys) await store.set(key, "");
      const ordered = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await keysOf(store, "suite/"), ordered);
    },
  },
  {
    name: "list: gives thousands of entries, each once",
    async check({ store }) {
      const keys = Array.from({ length: 3_000 }, (_, index) => `suite/${String(index).padStart(5, "0")}`);
      await Promise.all(keys.map((key) => store.set(key, key.repeat(8))));
      assert.deepEqual(await keysOf(store, "suite/"), keys);
    },
  },
  {
    name: "list: goes on while entries come and go, and can be left",
    async check({ store }) {
      const keys = Array.from({ length: 500 }, (_, index) => `suite/${String(index).padStart(5, "0")}`);
      await Promise.all(keys.map((key) => store.set(key, "1")));
      let seen = 0;
      for await (const [key] of store.list("suite/")) {
        assert.equal(key, keys[seen]);
        seen += 1;
        await store.delete(key);
        if (seen === 300) break;
      }
      assert.deepEqual(await keysOf(store, "suite/"), keys.slice(300));
    },
  },
  {
    name: "list: a prefix that no key begins with is refused",
    async check({ store }) {
      for (const prefix of ["a\0", "half \ud83d", "p".repeat(513)])
        await assert.rejects(keysOf(store, prefix), RangeError);
    },
  },
];
