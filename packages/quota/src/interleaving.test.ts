import { setImmediate as turn } from "node:timers/promises";
import {
  createLogger,
  fileOf,
  memoryStore,
  SftpError,
  sftpPath,
  type FileHandle,
  type FileSystem,
  type OpenFile,
  type OpenFlags,
  type PluginHost,
  type SftpPath,
  type Store,
  type User,
} from "@sluice/core";
import { createMemoryFileSystem } from "@sluice/fs-memory";
import { describe, expect, it } from "vitest";
import { Files } from "./files.ts";
import { Journal } from "./journal.ts";
import { Lease } from "./lease.ts";
import { Ledger } from "./ledger.ts";
import { countNames } from "./names.ts";
import { quotaSchema } from "./options.ts";
import { none } from "./record.ts";
import { recountSubject, type Recounted } from "./recount.ts";
import { Subjects } from "./subjects.ts";
import { walk } from "./tally.ts";
import { countWriting, type Books } from "./writing.ts";

/** Schedules that are drawn by lot for each kind of recount. */
const drawn = Number(process.env["SLUICE_QUOTA_SCHEDULES"] ?? 250);
const log = createLogger({ level: "silent" });
const user: User = { name: "alice", home: sftpPath("/"), groups: [], claims: {} };
const folder = sftpPath("/t");
const keys = { user: "user/alice", folder: "tree/%2Ft" } as const;

type Side = "changer" | "counter";

/** Holds every call to the store and to the files until it is its turn. */
class Stage {
  readonly #waiting: { readonly side: Side; readonly go: () => void }[] = [];

  gate(side: Side): Promise<void> {
    return new Promise((go) => void this.#waiting.push({ side, go }));
  }

  /** Runs until all is done. `choose` says who is next, of those who wait. */
  async run(tasks: readonly Promise<unknown>[], choose: (waiting: readonly Side[]) => number): Promise<void> {
    const ended = new AbortController();
    const all = Promise.all(tasks).finally(() => ended.abort());
    all.catch(() => undefined);
    for (let steps = 0; ; steps++) {
      await turn();
      if (ended.signal.aborted) break;
      if (this.#waiting.length === 0 || steps > 20_000) throw new Error("Nobody comes to an end");
      const [next] = this.#waiting.splice(choose(this.#waiting.map(({ side }) => side)), 1);
      next!.go();
    }
    await all;
  }

  /** Calls are held before they take effect, and before their caller knows of it. */
  gated<T extends object>(target: T, side: Side): T {
    return new Proxy(target, {
      get: (of, name) => {
        const member: unknown = Reflect.get(of, name);
        if (typeof member !== "function") return member;
        if (name === "list")
          return (path: string) => this.#listed(member.call(of, path) as AsyncIterable<unknown>, side);
        return async (...given: unknown[]): Promise<unknown> => {
          await this.gate(side);
          const result: unknown = await (member as (...given: unknown[]) => unknown).apply(of, given);
          await this.gate(side);
          return name === "open" ? this.gated(result as FileHandle, side) : result;
        };
      },
    });
  }

  async *#listed(entries: AsyncIterable<unknown>, side: Side): AsyncGenerator {
    await this.gate(side);
    for await (const entry of entries) {
      // A batch of names one by one: what it says may have changed by the time that it is read.
      for (const one of Array.isArray(entry) && typeof entry[0] === "object" ? entry.map((each) => [each]) : [entry]) {
        yield one;
        await this.gate(side);
      }
    }
  }
}

type Handler = (ctx: object, next: () => Promise<void>) => Promise<void>;
const write = { read: false, write: true, append: false, create: true, truncate: false, exclusive: false };

/** A process that changes files, as a server with the plugin does, without a client. */
class Changer {
  readonly books: Books;
  readonly #fs: FileSystem;
  readonly #handlers = new Map<string, Handler[]>();

  constructor(store: Store, fs: FileSystem) {
    const lease = new Lease(store);
    const files = new Files();
    const ledger = new Ledger(store, log, lease);
    const journal = new Journal(store, log, lease, {
      openFiles: () => files.all(),
      owes: (key) => ledger.owes(key),
    });
    const subjects = new Subjects(quotaSchema.parse({ users: { "*": {} }, trees: { "/t": {} } }));
    this.books = { store, ledger, files, journal, subjects, chunk: 1024, log };
    this.#fs = fs;
    const use = (ops: string | readonly string[], handler: Handler): void => {
      for (const op of [ops].flat()) this.#handlers.set(op, [...(this.#handlers.get(op) ?? []), handler]);
    };
    const host = { use, after: () => undefined } as unknown as PluginHost;
    countWriting(host, this.books);
    countNames(host, this.books);
  }

  async #ask<T>(op: string, request: object, serve: (ctx: { result?: T }) => Promise<void>): Promise<T | undefined> {
    const ctx: { result?: T; readonly request: object; readonly [name: string]: unknown } = {
      request,
      user,
      session: { fs: this.#fs },
      log,
    };
    const handlers = this.#handlers.get(op) ?? [];
    const from = (index: number): Promise<void> =>
      index < handlers.length ? handlers[index]!(ctx, () => from(index + 1)) : serve(ctx);
    await from(0);
    return ctx.result;
  }

  async open(path: SftpPath, flags: Partial<OpenFlags> = {}): Promise<OpenFile> {
    const request = { path, flags: { ...write, ...flags }, attributes: {} };
    const file = await this.#ask<OpenFile>("open", request, async (ctx) => {
      ctx.result = fileOf(path, request.flags, await this.#fs.open(path, request.flags, {}));
    });
    return file!;
  }

  async write(file: OpenFile, position: number, bytes: number): Promise<void> {
    const data = Buffer.alloc(bytes);
    await this.#ask("write", { file, position, data }, () => file.handle.write(data, position));
  }

  async close(file: OpenFile, outcome: "completed" | "aborted" = "completed"): Promise<void> {
    await this.#ask("close", { file, outcome }, () => file.handle.close(outcome));
  }

  async upload(path: SftpPath, bytes: number, flags: Partial<OpenFlags> = { truncate: true }): Promise<void> {
    const file = await this.open(path, flags);
    await this.write(file, 0, bytes);
    await this.close(file);
  }

  remove(path: SftpPath): Promise<unknown> {
    return this.#ask("remove", { path }, () => this.#fs.remove!(path));
  }

  rename(from: SftpPath, to: SftpPath): Promise<unknown> {
    return this.#ask("rename", { from, to, overwrite: true }, () => this.#fs.rename!(from, to, { overwrite: true }));
  }

  mkdir(path: SftpPath): Promise<unknown> {
    return this.#ask("mkdir", { path, attributes: {} }, () => this.#fs.mkdir!(path, {}));
  }

  link(path: SftpPath, existing: SftpPath): Promise<unknown> {
    return this.#ask("link", { path, existing }, () => this.#fs.link!(path, existing));
  }

  symlink(path: SftpPath, target: string): Promise<unknown> {
    return this.#ask("symlink", { path, target }, () => this.#fs.symlink!(path, target));
  }

  cut(path: SftpPath, size: number): Promise<unknown> {
    const request = { path, attributes: { size }, follow: true };
    return this.#ask("setstat", request, () => this.#fs.setAttributes!(path, { size }, { follow: true }));
  }
}

const [f, g, sub, inSub, outside] = ["/t/f", "/t/g", "/t/d", "/t/d/x", "/o"].map((path) => sftpPath(path)) as [
  SftpPath,
  SftpPath,
  SftpPath,
  SftpPath,
  SftpPath,
];

/** What may go on beside a recount. */
const changes: Readonly<Record<string, (changer: Changer) => Promise<unknown>>> = {
  "a file is overwritten": (changer) => changer.upload(f, 140),
  "a file is uploaded": (changer) => changer.upload(sftpPath("/t/new"), 140),
  "a file grows in its place": (changer) => changer.upload(f, 140, {}),
  "an upload is aborted": async (changer) => {
    const file = await changer.open(f, { truncate: true });
    await changer.write(file, 0, 70);
    await changer.close(file, "aborted");
  },
  "a file that is open is deleted": async (changer) => {
    const file = await changer.open(f);
    try {
      await changer.remove(f);
    } finally {
      await changer.close(file);
    }
  },
  "a file is open twice": async (changer) => {
    const files = [await changer.open(f), await changer.open(f)];
    await changer.write(files[0]!, 0, 150);
    await changer.close(files[0]!);
    await changer.write(files[1]!, 0, 190);
    await changer.close(files[1]!);
  },
  "a file is cut": (changer) => changer.cut(f, 60),
  "a file is deleted": (changer) => changer.remove(g),
  "a file takes the name of another": (changer) => changer.rename(f, g),
  "a file leaves the folder and comes back": async (changer) => {
    await changer.rename(g, outside);
    await changer.rename(outside, g);
  },
  "an open file is moved": async (changer) => {
    const file = await changer.open(f);
    await changer.write(file, 0, 170);
    try {
      await changer.rename(f, inSub);
    } finally {
      await changer.close(file);
    }
  },
  "a folder is moved": (changer) => changer.rename(sub, sftpPath("/t/e")),
  "a file in that folder is overwritten": (changer) => changer.upload(inSub, 300),
  "a file in that folder grows in its place": (changer) => changer.upload(inSub, 1300, {}),
  "a folder is moved while a file in it is closed": async (changer) => {
    const file = await changer.open(inSub, { truncate: true });
    await changer.write(file, 0, 300);
    await Promise.allSettled([changer.close(file), changer.rename(sub, sftpPath("/t/e"))]);
  },
  "a file is moved and deleted there while it is closed": async (changer) => {
    const file = await changer.open(f);
    await changer.write(file, 0, 130);
    await Promise.allSettled([changer.rename(f, g), changer.close(file), changer.remove(g)]);
  },
  "a folder is made and filled": async (changer) => {
    await changer.mkdir(sftpPath("/t/n"));
    await changer.upload(sftpPath("/t/n/y"), 33);
  },
  "a file gets a second name": (changer) => changer.link(sftpPath("/t/l"), g),
  "a file has two names, and one is to take the place of the other": async (changer) => {
    await changer.link(sftpPath("/t/l"), g);
    await changer.rename(sftpPath("/t/l"), g);
  },
  "a link to a folder is moved, and files are deleted and moved by it": async (changer) => {
    await changer.symlink(sftpPath("/s"), "/t/d");
    await changer.rename(sftpPath("/s"), sftpPath("/t/s"));
    await changer.remove(sftpPath("/t/s/x"));
    await changer.rename(g, sftpPath("/t/s/g"));
  },
};

interface Played {
  readonly root: SftpPath;
  readonly key: string;
  /** Whether the changer is known to be alive, and waited for; else it looks before its first change. */
  readonly known?: boolean;
  /** Whether there is no recount, and the books are right before. */
  readonly alone?: boolean;
}

/** A recount beside changes, in the order that `choose` says; the books have to be right afterwards. */
async function play(
  { root, key, known = false, alone = false }: Played,
  choose: (waiting: readonly Side[]) => number,
  names: readonly string[],
): Promise<void> {
  const fs = createMemoryFileSystem({
    files: { "/t/f": "f".repeat(100), "/t/g": "g".repeat(10), "/t/d/x": "x".repeat(1000), "/z": "z" },
  });
  const store = memoryStore();
  await store.set(`quota/ledger/${key}`, alone ? "1 1110 4" : "1 5 5");
  const stage = new Stage();
  const changer = new Changer(stage.gated(store, "changer"), stage.gated(fs, "changer"));
  const own = stage.gated(store, "counter");
  const ledger = new Ledger(own, log, new Lease(own));
  const views = [{ path: sftpPath("/"), fs: stage.gated(fs, "counter") }];
  let looking: Promise<void> | undefined;
  const pause = async (): Promise<void> => {
    // While one waits, the other asks whether there is anything new.
    looking ??= changer.books.journal.look().finally(() => (looking = undefined));
    await stage.gate("counter");
  };
  if (known) await stage.run([changer.books.ledger.reserve("other", { bytes: 1, files: 1 }, none)], () => 0);
  const recounted = (): Promise<Recounted> => recountSubject({ ledger, store: own }, key, root, views, pause);
  const recount = alone ? undefined : recounted();
  const traffic = names.map(async (name) => {
    try {
      await changes[name]!(changer);
    } catch (error) {
      if (!SftpError.is(error)) throw error;
    }
  });
  await stage.run(recount === undefined ? traffic : [recount, ...traffic], choose);
  if (looking !== undefined) await stage.run([looking], () => 0);
  // Where it was somebody's turn all the time who waits for the other, it gives up. It does not, where nobody changes anything.
  if ((await recount)?.settled === false) {
    const again = recounted();
    await stage.run([again], () => 0);
    expect((await again).settled).toBe(true);
  }
  const there = { bytes: 0, files: 0 };
  for await (const [, { bytes, files }] of walk(fs, root)) {
    there.bytes += bytes;
    there.files += files;
  }
  const record = await store.get(`quota/ledger/${key}`);
  expect(record?.split(" ").slice(0, 3).join(" ")).toBe(`1 ${there.bytes} ${there.files}`);
}

/** First so many steps of one, then so many of the other, and so on; in the end whoever can. */
function inTurns(...phases: readonly (readonly [side: Side, steps: number])[]): (waiting: readonly Side[]) => number {
  let phase = 0;
  let steps = 0;
  return (waiting) => {
    for (; phase < phases.length; phase += 1, steps = 0) {
      const [side, most] = phases[phase]!;
      const index = waiting.indexOf(side);
      if (index === -1 || steps >= most) continue;
      steps += 1;
      return index;
    }
    return 0;
  };
}

/** The same lots for the same number. */
function lots(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("the books are right wherever a recount meets a change:", () => {
  it.each(Object.keys(changes))("%s", async (name) => {
    for (let before = 0; before <= 36; before += 6) {
      for (let made = 0; made <= 50; made += 1) {
        const choose = inTurns(["counter", before], ["changer", made], ["counter", 150]);
        const known = (before / 6 + made) % 2 === 0;
        await play({ root: folder, key: keys.folder, known }, choose, [name]).catch((error: unknown) => {
          throw new Error(`${before} steps, ${made} steps, ${known ? "known" : "unknown"}`, { cause: error });
        });
      }
    }
  });

  it.each([
    ["user", sftpPath("/"), keys.user],
    ["folder", folder, keys.folder],
  ] as const)("several changes at once, in an order that is drawn by lot, of a %s", async (_, root, key) => {
    const kinds = Object.keys(changes);
    for (let seed = 1; seed <= drawn; seed++) {
      const lot = lots(seed);
      const names = Array.from({ length: 1 + Math.floor(lot() * 3) }, () => kinds[Math.floor(lot() * kinds.length)]!);
      await draw(seed, lot, { root, key }, names);
    }
  });

  it.each(Object.keys(changes))("several changes at once without a recount, one of which is: %s", async (name) => {
    const kinds = Object.keys(changes);
    for (let seed = 1; seed <= drawn / 4; seed++) {
      const lot = lots(seed);
      const other = kinds[Math.floor(lot() * kinds.length)]!;
      await draw(seed, lot, { root: folder, key: keys.folder, alone: true }, [name, other]);
    }
  });
});

/** Plays in an order that is drawn by lot. */
async function draw(seed: number, lot: () => number, what: Played, names: readonly string[]): Promise<void> {
  const stay = lot();
  let last: Side = "counter";
  const choose = (waiting: readonly Side[]): number => {
    const same = waiting.flatMap((side, index) => (side === last ? [index] : []));
    const from = same.length > 0 && lot() < stay ? same : [...waiting.keys()];
    const index = from[Math.floor(lot() * from.length)]!;
    last = waiting[index]!;
    return index;
  };
  await play({ ...what, known: lot() < 0.7 }, choose, names).catch((error: unknown) => {
    throw new Error(`Schedule ${seed}: ${names.join(", ")}`, { cause: error });
  });
}
