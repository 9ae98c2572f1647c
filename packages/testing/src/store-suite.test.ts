import { memoryStore, type Store } from "@sluice/core";
import { describe, expect, it, vi } from "vitest";
import { runSuite } from "./file-system-suite.ts";
import { storeSuite } from "./store-suite.ts";

const forgetful = "it has nothing to end, and keeps nothing";
runSuite(
  "the store in memory",
  storeSuite({
    create: async () => ({ store: memoryStore() }),
    except: {
      "close: what is under way ends first, and every method rejects afterwards": forgetful,
      "close: what was kept is there when the storage is opened again, and what has expired is not": forgetful,
    },
  }),
  { describe, it },
);

/** A store in memory, with a mistake. */
function mistaken(change: (good: Store) => Partial<Store>): Store {
  const good = memoryStore();
  const bound: Store = {
    get: (key) => good.get(key),
    set: (...given) => good.set(...given),
    add: (...given) => good.add(...given),
    compareAndSet: (...given) => good.compareAndSet(...given),
    delete: (key) => good.delete(key),
    list: (prefix) => good.list(prefix),
  };
  return { ...bound, ...change(good) };
}

/** The names of the cases that a store fails. */
async function failures(change: (good: Store) => Partial<Store>): Promise<string[]> {
  const failed: string[] = [];
  for (const each of storeSuite({ create: async () => ({ store: mistaken(change) }) })) {
    await each.run().catch(() => failed.push(each.name));
  }
  return failed;
}

describe("the suite for stores", () => {
  it("passes a good one", async () => {
    expect(await failures(() => ({}))).toEqual([]);
  });

  it.each<[string, string, (good: Store) => Partial<Store>]>([
    [
      "adds in two steps",
      "add: of thousands that meet, none is lost and no sum is told twice",
      (good) => ({
        async add(key, amount, expiry) {
          const sum = Number((await good.get(key)) ?? 0) + amount;
          await good.set(key, String(sum), expiry);
          return sum;
        },
      }),
    ],
    [
      "compares in two steps",
      "compareAndSet: of thousands that find nothing, one is first",
      (good) => ({
        async compareAndSet(key, expected, value, expiry) {
          if ((await good.get(key)) !== expected) return false;
          await good.set(key, value, expiry);
          return true;
        },
      }),
    ],
    [
      "takes an empty value for nothing",
      "compareAndSet: an empty value is not nothing",
      (good) => ({
        compareAndSet: async (key, expected, value, expiry) =>
          ((await good.get(key)) || undefined) === expected && (await good.set(key, value, expiry), true),
      }),
    ],
    [
      "lists in JavaScript's order",
      "list: is in the order of the keys' bytes",
      (good) => ({
        async *list(prefix) {
          const entries: (readonly [string, string])[] = [];
          for await (const entry of good.list(prefix)) entries.push(entry);
          yield* entries.sort(([a], [b]) => (a < b ? -1 : 1));
        },
      }),
    ],
    [
      "prolongs counters",
      "expiry: later additions do not prolong a counter",
      (good) => ({
        async add(key, amount, expiry) {
          const sum = await good.add(key, amount, expiry);
          await good.set(key, String(sum), expiry);
          return sum;
        },
      }),
    ],
    [
      "never forgets",
      "expiry: what has expired is not there, whichever method asks first",
      (good) => ({
        set: (key, value, expiry) => good.set(key, value, key.endsWith("sentinel") ? expiry : {}),
      }),
    ],
    [
      "cuts keys",
      "set: keys are told apart by every byte, up to 512 of them",
      (good) => ({
        get: (key) => good.get(key.slice(0, 200)),
        set: (key, value, expiry) => good.set(key.slice(0, 200), value, expiry),
      }),
    ],
    [
      "throws instead of rejecting",
      "set: keys, values and expiries that no store keeps are refused, and nothing is done",
      (good) => ({
        get(key) {
          if (key === "") throw new RangeError("No key");
          return good.get(key);
        },
      }),
    ],
    [
      "goes on after it was closed",
      "close: what is under way ends first, and every method rejects afterwards",
      () => ({ close: async () => {} }),
    ],
  ])("catches a store that %s", async (_, name, change) => {
    expect(await failures(change)).toContain(name);
  });

  it("makes a store for each case and clears up behind it, also behind a failure", async () => {
    const close = vi.fn(async () => {});
    const create = vi.fn(async () => ({
      store: mistaken(() => ({ get: () => Promise.reject(new Error("No")) })),
      close,
    }));
    const cases = storeSuite({ create });
    for (const each of cases) await each.run().catch(() => undefined);
    expect(create).toHaveBeenCalledTimes(cases.length);
    expect(close).toHaveBeenCalledTimes(cases.length);
  });

  it("leaves out what it is told to, skips what cannot be tried, and refuses a case that does not exist", async () => {
    const create = async (): Promise<{ store: Store }> => ({ store: memoryStore() });
    const name = "get: nothing is there at first";
    const whole = storeSuite({ create });
    expect(storeSuite({ create, except: { [name]: "because" } })).toHaveLength(whole.length - 1);
    const skip = vi.fn(() => undefined);
    await whole.find((each) => each.name.startsWith("close: what was kept"))!.run({ skip });
    expect(skip).toHaveBeenCalledOnce();
    expect(() => storeSuite({ create, except: { nothing: "because" } })).toThrow('no case is called "nothing"');
  });
});
