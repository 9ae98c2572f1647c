import { describe, expect, it } from "vitest";
import { Gate, GateFull } from "./gate.ts";

/** Work that ends when it is told to. */
function work(): { readonly run: () => Promise<string>; readonly finish: (fail?: Error) => void; started: boolean } {
  let finish: (fail?: Error) => void = () => {};
  const settled = new Promise<string>((resolve, reject) => {
    finish = (fail) => (fail === undefined ? resolve("done") : reject(fail));
  });
  const item = {
    started: false,
    run: () => {
      item.started = true;
      return settled;
    },
    finish,
  };
  return item;
}

describe("a gate", () => {
  it("runs as many at once as it is wide, and the others in the order they came", async () => {
    const gate = new Gate(2, 10);
    const works = [work(), work(), work(), work()];
    const runs = works.map((item) => gate.run(item.run));
    expect(works.map((item) => item.started)).toEqual([true, true, false, false]);
    works[1]!.finish();
    await runs[1];
    await Promise.resolve();
    expect(works.map((item) => item.started)).toEqual([true, true, true, false]);
    for (const item of works) item.finish();
    expect(await Promise.all(runs)).toEqual(["done", "done", "done", "done"]);
  });

  it("turns away at once whom it has no room for", async () => {
    const gate = new Gate(1, 1);
    const first = work();
    const runs = [gate.run(first.run), gate.run(async () => "waited")];
    await expect(gate.run(async () => "never")).rejects.toBeInstanceOf(GateFull);
    first.finish();
    expect(await Promise.all(runs)).toEqual(["done", "waited"]);
    expect(await gate.run(async () => "later")).toBe("later");
  });

  it("goes on after work that failed", async () => {
    const gate = new Gate(1, 1);
    const first = work();
    const failing = gate.run(first.run);
    const second = gate.run(async () => "second");
    first.finish(new Error("no"));
    await expect(failing).rejects.toThrow("no");
    expect(await second).toBe("second");
  });

  it("forgets a waiter whose signal is aborted, and gives the room to another", async () => {
    const gate = new Gate(1, 1);
    const first = work();
    const running = gate.run(first.run);
    const client = new AbortController();
    const leaving = work();
    const left = gate.run(leaving.run, client.signal);
    client.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    const next = gate.run(async () => "next");
    first.finish();
    expect(await running).toBe("done");
    expect(await next).toBe("next");
    expect(leaving.started).toBe(false);
  });

  it("does not begin for a signal that is aborted already", async () => {
    const gate = new Gate(1, 1);
    const item = work();
    await expect(gate.run(item.run, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    expect(item.started).toBe(false);
    expect(await gate.run(async () => "free")).toBe("free");
  });
});
