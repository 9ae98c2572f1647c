import assert from "node:assert/strict";
import { entriesOf, long, short, untilExpired, type Case } from "./case.ts";

/** Ending, and beginning again. */
export const closing: readonly Case[] = [
  {
    name: "close: what is under way ends first, and every method rejects afterwards",
    async check({ store }) {
      if (store.close === undefined) return "The store holds nothing that is closed";
      await store.set("suite/a", "1");
      const listed = store.list("suite/");
      const pending = Array.from({ length: 100 }, () => store.add("suite/n", 1));
      await store.close();
      assert.equal((await Promise.all(pending)).length, 100);
      await assert.rejects(async () => store.get("suite/a"));
      await assert.rejects(async () => store.set("suite/a", "2"));
      await assert.rejects(async () => store.add("suite/n", 1));
      await assert.rejects(async () => store.compareAndSet("suite/a", "1", "2"));
      await assert.rejects(async () => store.delete("suite/a"));
      await assert.rejects(async () => {
        for await (const entry of listed) assert.ok(entry);
      });
      await assert.rejects(entriesOf(store));
    },
  },
  {
    name: "close: what was kept is there when the storage is opened again, and what has expired is not",
    async check(subject) {
      if (subject.reopen === undefined) return "Nothing survives";
      const { store } = subject;
      await store.set("suite/a", "é😀");
      await store.set("suite/long", "1", { ttlMs: long });
      await store.add("suite/n", 41);
      await store.set("suite/short", "1", { ttlMs: short });
      await untilExpired(subject);
      await store.close?.();
      const again = await subject.reopen();
      try {
        assert.equal(await again.add("suite/n", 1), 42);
        assert.deepEqual(await entriesOf(again, "suite/"), [
          ["suite/a", "é😀"],
          ["suite/long", "1"],
          ["suite/n", "42"],
        ]);
      } finally {
        await again.close?.();
      }
    },
  },
];
