import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sftpPath } from "./path.ts";
import { Scheduler, type Footprint } from "./scheduler.ts";
import { fileOf, type OpenFile } from "./session.ts";

const flags = { read: true, write: true, append: false, create: false, truncate: false, exclusive: false };
const newFile = (name: string): OpenFile => fileOf(sftpPath(name), flags, {} as OpenFile["handle"]);
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const read = (file: OpenFile, start: number, length: number): Footprint => ({
  kind: "range",
  file,
  start,
  end: start + length,
  writes: false,
});
const write = (file: OpenFile, start: number, length: number): Footprint => ({
  kind: "range",
  file,
  start,
  end: start + length,
  writes: true,
});
const ordered = (...files: OpenFile[]): Footprint => ({ kind: "ordered", files });
const byPath = (...paths: string[]): Footprint => ({
  kind: "ordered",
  files: [],
  paths: paths.map((path) => sftpPath(path)),
});

/** A scheduler whose tasks run until they are told to finish. */
class Bench {
  readonly scheduler: Scheduler;
  readonly started: string[] = [];
  readonly dropped: string[] = [];
  readonly #finish = new Map<string, () => void>();
  finishes = 0;

  constructor(limits: { requestsInFlight?: number; sessionBytes?: number } = {}) {
    this.scheduler = new Scheduler(
      { requestsInFlight: limits.requestsInFlight ?? 1000, sessionBytes: limits.sessionBytes ?? 1e9 },
      () => void (this.finishes += 1),
    );
  }

  submit(name: string, footprint: Footprint, bytes = 0): void {
    this.scheduler.submit({
      footprint,
      bytes,
      run: () => {
        this.started.push(name);
        return new Promise((resolve) => void this.#finish.set(name, resolve));
      },
      drop: () => void this.dropped.push(name),
    });
  }

  async finish(...names: string[]): Promise<void> {
    for (const name of names) {
      const resolve = this.#finish.get(name);
      if (resolve === undefined) throw new Error(`${name} does not run`);
      this.#finish.delete(name);
      resolve();
      await turn();
    }
  }

  get running(): string[] {
    return [...this.#finish.keys()];
  }
}

describe("Scheduler", () => {
  const [f, g] = [newFile("/f"), newFile("/g")];

  it("runs reads beside each other, overlapping ones too", () => {
    const bench = new Bench();
    bench.submit("a", read(f, 0, 100));
    bench.submit("b", read(f, 50, 100));
    bench.submit("c", read(g, 0, 100));
    expect(bench.running).toEqual(["a", "b", "c"]);
  });

  it("runs writes that do not overlap beside each other, up to the byte", () => {
    const bench = new Bench();
    bench.submit("a", write(f, 0, 100));
    bench.submit("b", write(f, 100, 100));
    bench.submit("c", write(g, 0, 100));
    expect(bench.running).toEqual(["a", "b", "c"]);
  });

  it.each([
    ["a write behind a write", write, write],
    ["a read behind a write", write, read],
    ["a write behind a read", read, write],
  ])("keeps %s waiting where they overlap by one byte", async (_, first, second) => {
    const bench = new Bench();
    bench.submit("first", first(f, 0, 100));
    bench.submit("second", second(f, 99, 10));
    expect(bench.running).toEqual(["first"]);
    await bench.finish("first");
    expect(bench.running).toEqual(["second"]);
  });

  it("keeps overlapping writes in their order even where a gap would let a later one through", async () => {
    const bench = new Bench();
    bench.submit("a", write(f, 0, 10));
    bench.submit("b", write(f, 5, 10));
    bench.submit("c", write(f, 12, 10));
    bench.submit("d", write(f, 30, 10));
    expect(bench.running).toEqual(["a", "d"]);
    await bench.finish("a");
    expect(bench.running).toEqual(["d", "b"]);
    await bench.finish("b");
    expect(bench.running).toEqual(["d", "c"]);
  });

  it("takes an append for a write to all of the file", async () => {
    const bench = new Bench();
    const append: Footprint = { kind: "range", file: f, start: 0, end: Infinity, writes: true };
    bench.submit("a", append);
    bench.submit("b", append);
    bench.submit("r", read(f, 2 ** 52, 1));
    expect(bench.running).toEqual(["a"]);
    await bench.finish("a");
    expect(bench.running).toEqual(["b"]);
    await bench.finish("b");
    expect(bench.running).toEqual(["r"]);
  });

  it("runs ordered requests one at a time, in order of arrival, whatever they name", async () => {
    const bench = new Bench();
    bench.submit("open", ordered());
    bench.submit("stat", ordered(g));
    bench.submit("rename", ordered());
    expect(bench.running).toEqual(["open"]);
    await bench.finish("open");
    expect(bench.running).toEqual(["stat"]);
    await bench.finish("stat");
    expect(bench.running).toEqual(["rename"]);
  });

  it("does not keep reads and writes waiting for ordered requests that do not name their file", () => {
    const bench = new Bench();
    bench.submit("mkdir", ordered());
    bench.submit("stat", ordered(g));
    bench.submit("write", write(f, 0, 10));
    expect(bench.running).toEqual(["mkdir", "write"]);
  });

  it("lets a close wait for everything under way on its file, and keeps everything later behind it", async () => {
    const bench = new Bench();
    bench.submit("r1", read(f, 0, 10));
    bench.submit("w1", write(f, 50, 10));
    bench.submit("other", write(g, 0, 10));
    bench.submit("close", ordered(f));
    bench.submit("r2", read(f, 200, 10));
    expect(bench.running).toEqual(["r1", "w1", "other"]);
    await bench.finish("w1");
    expect(bench.running).toEqual(["r1", "other"]);
    await bench.finish("r1");
    expect(bench.running).toEqual(["other", "close"]);
    await bench.finish("close");
    expect(bench.running).toEqual(["other", "r2"]);
  });

  it("lets a request that names a path wait for what is under way on that file, and on none below it", async () => {
    const bench = new Bench();
    const [file, deep] = [newFile("/d"), newFile("/d/f")];
    bench.submit("write", write(file, 0, 10));
    bench.submit("below", write(deep, 0, 10));
    bench.submit("rename", byPath("/x", "/d"));
    expect(bench.running).toEqual(["write", "below"]);
    await bench.finish("write");
    expect(bench.running).toEqual(["below", "rename"]);
  });

  it("keeps a write behind an earlier request that names its file by path, whatever else is under way", async () => {
    // SETSTAT with a size of 0, then a WRITE: in the other order the data would be gone.
    const idle = new Bench();
    idle.submit("setstat", byPath("/f"));
    idle.submit("write", write(f, 0, 10));
    expect(idle.running).toEqual(["setstat"]);
    await idle.finish("setstat");
    expect(idle.running).toEqual(["write"]);
    const busy = new Bench();
    busy.submit("read", read(f, 100, 10));
    busy.submit("setstat", byPath("/f"));
    busy.submit("write", write(f, 0, 10));
    await busy.finish("read");
    expect(busy.running).toEqual(["setstat"]);
    await busy.finish("setstat");
    expect(busy.running).toEqual(["write"]);
  });

  it("lets a copy wait for both of its files, and takes one file twice for once", async () => {
    const bench = new Bench();
    bench.submit("rf", read(f, 0, 10));
    bench.submit("wg", write(g, 0, 10));
    bench.submit("copy", ordered(f, g));
    bench.submit("self", ordered(f, f));
    await bench.finish("wg");
    expect(bench.running).toEqual(["rf"]);
    await bench.finish("rf");
    expect(bench.running).toEqual(["copy"]);
    await bench.finish("copy");
    expect(bench.running).toEqual(["self"]);
    await bench.finish("self");
    expect(bench.scheduler.inFlight).toBe(0);
  });

  it("is full by the number of requests, waiting ones too, until one has finished", async () => {
    const bench = new Bench({ requestsInFlight: 2 });
    bench.submit("a", ordered());
    expect(bench.scheduler.full).toBe(false);
    bench.submit("b", ordered());
    expect(bench.scheduler.full).toBe(true);
    expect(bench.scheduler.inFlight).toBe(2);
    await bench.finish("a");
    expect(bench.scheduler.full).toBe(false);
    expect(bench.finishes).toBe(1);
  });

  it("is full by the bytes that requests hold, and never refuses one that is submitted", async () => {
    const bench = new Bench({ sessionBytes: 100 });
    bench.submit("a", read(f, 0, 60), 60);
    expect(bench.scheduler.full).toBe(false);
    bench.submit("b", read(f, 60, 60), 60);
    expect(bench.scheduler.full).toBe(true);
    bench.submit("c", read(f, 120, 60), 60);
    expect(bench.running).toEqual(["a", "b", "c"]);
    await bench.finish("a");
    expect(bench.scheduler.full).toBe(true);
    await bench.finish("b");
    expect(bench.scheduler.full).toBe(false);
  });

  it("has room again when it says so", () => {
    const room: boolean[] = [];
    const scheduler: Scheduler = new Scheduler({ requestsInFlight: 1, sessionBytes: 1 }, () => {
      room.push(!scheduler.full);
    });
    scheduler.submit({ footprint: ordered(), bytes: 1, run: () => Promise.resolve(), drop: () => undefined });
    return turn().then(() => expect(room).toEqual([true]));
  });

  it("can be given another request while it tells that one has finished", async () => {
    const order: number[] = [];
    let next = 0;
    const scheduler: Scheduler = new Scheduler({ requestsInFlight: 1, sessionBytes: 1 }, () => submit());
    const submit = (): void => {
      if (next === 5) return;
      const number = next++;
      const run = (): Promise<void> => Promise.resolve(void order.push(number));
      scheduler.submit({ footprint: ordered(), bytes: 1, run, drop: () => undefined });
    };
    submit();
    await scheduler.settled();
    while (scheduler.inFlight > 0) await turn();
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it("drops after stop() what had not started and what comes later, and leaves the rest to finish", async () => {
    const bench = new Bench();
    bench.submit("w", write(f, 0, 10));
    bench.submit("close", ordered(f));
    bench.submit("stat", ordered());
    bench.submit("r", read(f, 0, 10));
    bench.scheduler.stop();
    bench.submit("late", ordered());
    bench.submit("late read", read(g, 0, 1));
    let settled = false;
    const done = bench.scheduler.settled().then(() => (settled = true));
    await turn();
    expect(settled).toBe(false);
    await bench.finish("w");
    await done;
    expect(bench.started).toEqual(["w"]);
    expect(bench.dropped.toSorted()).toEqual(["close", "late", "late read", "r", "stat"]);
    expect(bench.scheduler.inFlight).toBe(0);
    expect(bench.finishes).toBe(6);
  });

  it("settles at once when nothing is under way, and tells everybody who waits", async () => {
    const bench = new Bench();
    await bench.scheduler.settled();
    bench.submit("a", ordered());
    const waiting = Promise.all([bench.scheduler.settled(), bench.scheduler.settled()]);
    await bench.finish("a");
    await waiting;
  });
});

/** What the property submits: a name is its place in the list. */
type Asked = { readonly footprint: Footprint; readonly bytes: number };
type Action =
  | { readonly is: "submit"; readonly asked: Asked }
  | { readonly is: "finish"; readonly which: number }
  | { readonly is: "stop" };

/** The rule, said simply: a request waits for each earlier one that it must not overtake. */
function mustWait(later: Footprint, earlier: Footprint): boolean {
  if (later.kind === "ordered" && earlier.kind === "ordered") return true;
  if (later.kind === "ordered") return earlier.kind === "range" && names(later, earlier.file);
  if (earlier.kind === "ordered") return names(earlier, later.file);
  if (later.file !== earlier.file || !(later.writes || earlier.writes)) return false;
  return later.start < earlier.end && earlier.start < later.end;
}

function names({ files, paths = [] }: Footprint & { kind: "ordered" }, file: OpenFile): boolean {
  return files.includes(file) || paths.includes(file.path);
}

/** The reference: a list that is searched from the front. */
class Model {
  readonly limits = { requestsInFlight: 8, sessionBytes: 64 };
  readonly #asked: Asked[] = [];
  readonly state: ("waiting" | "running" | "finished" | "dropped")[] = [];
  #stopped = false;

  submit(asked: Asked): void {
    this.#asked.push(asked);
    this.state.push("waiting");
    this.#settle();
  }

  finish(index: number): void {
    this.state[index] = "finished";
    this.#settle();
  }

  stop(): void {
    this.#stopped = true;
  }

  #settle(): void {
    const over = (i: number): boolean => this.state[i] === "finished" || this.state[i] === "dropped";
    for (const [i, later] of this.#asked.entries()) {
      if (this.state[i] !== "waiting") continue;
      const free = this.#asked.every(
        (earlier, j) => j >= i || over(j) || !mustWait(later.footprint, earlier.footprint),
      );
      if (free) this.state[i] = this.#stopped ? "dropped" : "running";
    }
  }

  get open(): Asked[] {
    return this.#asked.filter((_, i) => this.state[i] === "waiting" || this.state[i] === "running");
  }

  get full(): boolean {
    const bytes = this.open.reduce((sum, asked) => sum + asked.bytes, 0);
    return this.open.length >= this.limits.requestsInFlight || bytes >= this.limits.sessionBytes;
  }
}

describe("Scheduler, compared with a list that is searched from the front", () => {
  const files = [newFile("/d/0"), newFile("/d/1"), newFile("/2")];
  const file = fc.constantFrom(...files);
  const range = fc
    .record({ file, start: fc.nat(20), length: fc.nat(8), writes: fc.boolean(), append: fc.nat(9) })
    .map(({ file, start, length, writes, append }): Footprint => {
      if (append === 0) return { kind: "range", file, start: 0, end: Infinity, writes: true };
      return { kind: "range", file, start, end: start + length, writes };
    });
  const path = fc.constantFrom("/", "/d", "/d/0", "/2", "/20", "/x").map((text) => sftpPath(text));
  const barrier = fc.oneof(
    fc.array(file, { maxLength: 2 }).map((named): Footprint => ({ kind: "ordered", files: named })),
    fc.array(path, { maxLength: 2 }).map((paths): Footprint => ({ kind: "ordered", files: [], paths })),
  );
  const asked = fc.record({
    footprint: fc.oneof({ weight: 3, arbitrary: range }, { weight: 1, arbitrary: barrier }),
    bytes: fc.nat(20),
  });
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 30, arbitrary: asked.map((one): Action => ({ is: "submit", asked: one })) },
    { weight: 25, arbitrary: fc.nat().map((which): Action => ({ is: "finish", which })) },
    { weight: 1, arbitrary: fc.constant<Action>({ is: "stop" }) },
  );

  it("starts, keeps waiting and drops the same requests at every step, each exactly once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const model = new Model();
        const seen: string[] = [];
        const running = new Map<number, () => void>();
        let told = 0;
        const scheduler = new Scheduler(model.limits, () => void (told += 1));
        let count = 0;
        const compare = (): void => {
          expect(seen).toEqual(model.state.map((state) => (state === "finished" ? "running" : state)));
          expect(scheduler.inFlight).toBe(model.open.length);
          expect(scheduler.full).toBe(model.full);
          expect(told).toBe(count - model.open.length);
        };
        const finish = async (index: number): Promise<void> => {
          const resolve = running.get(index);
          running.delete(index);
          resolve?.();
          // One turn of the microtask queue more than a chain of promises needs.
          for (let i = 0; i < 4; i++) await Promise.resolve();
          model.finish(index);
        };
        for (const step of actions) {
          if (step.is === "submit") {
            const index = count++;
            seen[index] = "waiting";
            const become = (state: string): void => {
              expect(seen[index]).toBe("waiting");
              seen[index] = state;
            };
            scheduler.submit({
              ...step.asked,
              run: () => {
                become("running");
                return new Promise((resolve) => void running.set(index, resolve));
              },
              drop: () => become("dropped"),
            });
            model.submit(step.asked);
          } else if (step.is === "stop") {
            scheduler.stop();
            model.stop();
          } else if (running.size > 0) {
            await finish([...running.keys()][step.which % running.size]!);
          }
          compare();
        }
        let settled = false;
        const done = scheduler.settled().then(() => (settled = true));
        while (running.size > 0) {
          await finish([...running.keys()].at(-1)!);
          compare();
        }
        await done;
        expect(settled).toBe(true);
        expect(seen.filter((state) => state === "waiting")).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
