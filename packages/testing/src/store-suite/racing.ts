import assert from "node:assert/strict";
import type { Store } from "@sluice/core";
import { entriesOf, long, type Case, type StoreUnderTest } from "./case.ts";

const racers = 2_000;

/** Of two that meet, one is first. */
export const racing: readonly Case[] = [
  {
    name: "add: of thousands that meet, none is lost and no sum is told twice",
    async check(subject) {
      const sums = await race(subject, (store) => store.add("suite/n", 1, { ttlMs: long }));
      assert.deepEqual(
        sums.sort((a, b) => a - b),
        Array.from({ length: racers }, (_, index) => index + 1),
      );
      assert.equal(await subject.store.get("suite/n"), String(racers));
    },
  },
  {
    name: "compareAndSet: of thousands that find nothing, one is first",
    async check(subject) {
      const won = await race(subject, async (store, racer) =>
        (await store.compareAndSet("suite/a", undefined, `${racer}`)) ? racer : -1,
      );
      const winners = won.filter((racer) => racer >= 0);
      assert.equal(winners.length, 1);
      assert.equal(await subject.store.get("suite/a"), String(winners[0]));
    },
  },
  {
    name: "compareAndSet: of many that count by it, none is lost",
    async check(subject) {
      const [counters, rounds] = [8, 40];
      let missed = 0;
      await Promise.all(
        Array.from({ length: counters }, async (_, counter) => {
          const store = storeOf(subject, counter);
          for (let done = 0; done < rounds;) {
            const before = await store.get("suite/n");
            if (await store.compareAndSet("suite/n", before, String(Number(before ?? 0) + 1))) done += 1;
            else missed += 1;
            assert.ok(missed <= counters * counters * rounds, "of those that meet, one is to be first");
          }
        }),
      );
      assert.equal(await subject.store.get("suite/n"), String(counters * rounds), `after ${missed} that came second`);
    },
  },
  {
    name: "delete: of many that delete one entry, one did",
    async check(subject) {
      await subject.store.set("suite/a", "1");
      const did = await race(subject, (store) => store.delete("suite/a"));
      assert.equal(did.filter(Boolean).length, 1);
    },
  },
  {
    name: "set: what was awaited is seen by whoever asks next",
    async check({ store, other = store }) {
      for (let round = 0; round < 100; round++) {
        const [writer, reader] = round % 2 === 0 ? [store, other] : [other, store];
        await writer.set("suite/a", String(round));
        assert.equal(await reader.get("suite/a"), String(round));
        assert.deepEqual(await entriesOf(reader, "suite/"), [["suite/a", String(round)]]);
      }
    },
  },
];

function storeOf({ store, other }: StoreUnderTest, index: number): Store {
  return index % 2 === 1 && other !== undefined ? other : store;
}

async function race<T>(subject: StoreUnderTest, run: (store: Store, racer: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: racers }, (_, racer) => run(storeOf(subject, racer), racer)));
}
