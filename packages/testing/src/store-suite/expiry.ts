import assert from "node:assert/strict";
import { entriesOf, keysOf, long, short, untilExpired, type Case } from "./case.ts";

/** Does what has to be done before something expires, and again where the machine was too busy for that. */
async function inTime(steps: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 50; round++) if (await steps()) return;
  assert.fail("What was set a moment ago is never there");
}

/** What has expired is not there. */
export const expiring: readonly Case[] = [
  {
    name: "expiry: what lives long is there",
    async check(subject) {
      const { store } = subject;
      await store.set("suite/set", "1", { ttlMs: long });
      await store.add("suite/add", 1, { ttlMs: long });
      await store.compareAndSet("suite/cas", undefined, "1", { ttlMs: Number.MAX_SAFE_INTEGER });
      await untilExpired(subject);
      assert.deepEqual(await keysOf(store), ["suite/add", "suite/cas", "suite/set"]);
    },
  },
  {
    name: "expiry: what has expired is not there, whichever method asks first",
    async check(subject) {
      const { store } = subject;
      for (const name of ["get", "add", "cas", "cas-old", "delete", "list"])
        await store.set(`suite/${name}`, "7", { ttlMs: short });
      await untilExpired(subject);
      assert.deepEqual(await entriesOf(store, "suite/list"), []);
      assert.equal(await store.get("suite/get"), undefined);
      assert.equal(await store.add("suite/add", 1), 1);
      assert.equal(await store.compareAndSet("suite/cas-old", "7", "8"), false);
      assert.equal(await store.compareAndSet("suite/cas", undefined, "8"), true);
      assert.equal(await store.delete("suite/delete"), false);
    },
  },
  {
    name: "expiry: later additions do not prolong a counter",
    async check(subject) {
      const { store } = subject;
      await inTime(async () => {
        await store.delete("suite/n");
        await store.add("suite/n", 1, { ttlMs: short });
        return (await store.add("suite/n", 1, { ttlMs: long })) === 2 && (await store.add("suite/n", 1)) === 3;
      });
      await store.add("suite/ever", 1);
      await store.add("suite/ever", 1, { ttlMs: short });
      await untilExpired(subject);
      assert.equal(await store.get("suite/n"), undefined);
      assert.equal(await store.add("suite/n", 1, { ttlMs: long }), 1);
      assert.equal(await store.get("suite/ever"), "2");
    },
  },
  {
    name: "expiry: set and compareAndSet put theirs in place of the old one",
    async check(subject) {
      const { store } = subject;
      await store.set("suite/set", "1", { ttlMs: short });
      for (const key of ["suite/shorter", "suite/ever"]) await store.set(key, "1", { ttlMs: long });
      await store.set("suite/set", "2", { ttlMs: long });
      await inTime(async () => {
        await store.set("suite/cas", "1", { ttlMs: short });
        return store.compareAndSet("suite/cas", "1", "2");
      });
      await store.set("suite/shorter", "2", { ttlMs: short });
      await store.compareAndSet("suite/ever", "no", "3", { ttlMs: short });
      await untilExpired(subject);
      assert.deepEqual(await entriesOf(store), [
        ["suite/cas", "2"],
        ["suite/ever", "1"],
        ["suite/set", "2"],
      ]);
    },
  },
  {
    name: "expiry: a key that has expired can be used again",
    async check(subject) {
      const { store } = subject;
      for (let round = 0; round < 2; round++) {
        await store.set("suite/a", String(round), { ttlMs: short });
        await untilExpired(subject);
        assert.equal(await store.get("suite/a"), undefined);
      }
      await store.set("suite/a", "last");
      await untilExpired(subject);
      assert.equal(await store.get("suite/a"), "last");
    },
  },
];
