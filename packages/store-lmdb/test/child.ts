// A process that works on the store: node … child.ts <task> <file> [<number>]. It says "ready", and begins when it reads a line.
import { once } from "node:events";
import { openStore } from "../src/lmdb-store.ts";

const [task = "", file = "", count = "0"] = process.argv.slice(2);
const store = await openStore({ file, waitMs: 60_000 });
const rounds = Number(count);

const tasks: Record<string, () => Promise<unknown>> = {
  async add() {
    const sums: number[] = [];
    for (let done = 0; done < rounds; done += 50) {
      sums.push(...(await Promise.all(Array.from({ length: 50 }, () => store.add("n", 1)))));
    }
    return sums;
  },
  async first() {
    const won: number[] = [];
    for (let round = 0; round < rounds; round++) {
      if (await store.compareAndSet(`first/${round}`, undefined, String(process.pid))) won.push(round);
    }
    return won;
  },
  async count() {
    for (let done = 0; done < rounds;) {
      const before = await store.get("counted");
      if (await store.compareAndSet("counted", before, String(Number(before ?? 0) + 1))) done += 1;
    }
    return rounds;
  },
  /** Never ends: tells each number that was acknowledged. */
  async write() {
    for (let n = 1; ; n++) {
      await Promise.all([store.set(`written/${n}`, "x".repeat(n % 5_000)), store.add("written", 1)]);
      process.stdout.write(`${n}\n`);
    }
  },
  async fill() {
    for (let n = 0; n < rounds; n++) {
      try {
        await store.set(`fill/${n}`, "x".repeat(60_000));
      } catch (error) {
        return [n, String(error), await store.get("fill/0").then((value) => value?.length)];
      }
    }
    return rounds;
  },
};

process.stdout.write("ready\n");
await once(process.stdin, "data");
const result = await tasks[task]?.();
await store.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.stdin.destroy();
