import { describe, expect, it } from "vitest";
import { refusal } from "../test/fixture.ts";
import { burst, callByCall } from "./driver.ts";
import { step, type Steps } from "./steps.ts";

const half = Math.max(1, Math.floor((Number(process.env["UV_THREADPOOL_SIZE"]) || 4) / 2));
const errno = (code: string): Error => Object.assign(new Error(`${code}: /host/path`), { code });
const echo = step(
  (value: string) => `now ${value}`,
  async (value: string) => `later ${value}`,
);
const fail = step(
  (code: string): void => {
    throw errno(code);
  },
  async (code: string): Promise<void> => {
    throw errno(code);
  },
);

describe.each([
  { title: "in one burst", driver: burst, word: "now" },
  { title: "call by call", driver: callByCall, word: "later" },
])("steps run $title", ({ driver, word }) => {
  it("are resumed with what their calls return", async () => {
    const seen = await driver.run(function* () {
      return [yield* echo("a"), yield* echo("b")];
    });
    expect(seen).toEqual([`${word} a`, `${word} b`]);
  });

  it("may catch what a call throws, and clean up with calls", async () => {
    const log: string[] = [];
    const work = driver.run(function* () {
      try {
        yield* fail("ENOTDIR");
      } catch (error) {
        log.push((error as NodeJS.ErrnoException).code ?? "");
      }
      try {
        yield* fail("ENOENT");
      } finally {
        log.push(yield* echo("cleaned"));
      }
    });
    expect(await refusal(work)).toBe("noSuchFile");
    expect(log).toEqual(["ENOTDIR", `${word} cleaned`]);
  });

  it("reject with a status and without the host's path", async () => {
    await expect(driver.run(() => fail("EACCES"))).rejects.toMatchObject({
      status: "permissionDenied",
      message: "Permission denied",
    });
    await expect(driver.io(() => Promise.reject(errno("ENOSPC")))).rejects.toMatchObject({ status: "noSpace" });
  });
});

describe("calls that may hang", () => {
  it("are let through one by one even if they are made at once", async () => {
    let running = 0;
    let most = 0;
    const call = {
      now: () => undefined,
      later: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return most;
      },
    };
    const results = await callByCall.run(function* (): Steps<number[]> {
      return (yield Array.from({ length: 20 }, () => call)) as number[];
    });
    expect(results).toHaveLength(20);
    expect(most).toBe(half);
  });

  it("never take more than half of the thread pool, and all get their turn", async () => {
    let running = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    const work = Array.from({ length: 10 }, (_, i) =>
      callByCall.io(async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => void releases.push(resolve));
        running--;
        return i;
      }),
    );
    for (let done = 0; done < work.length;) {
      while (releases.length > 0) {
        releases.shift()?.();
        done++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await Promise.all(work)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(most).toBe(half);
  });
});
