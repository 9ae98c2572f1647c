import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OperationName, Outcome, Request } from "./context.ts";
import { SftpError } from "./errors.ts";
import type { OpenFile, Session } from "./session.ts";
import { sftpPath } from "./path.ts";
import { appliesTo, compile, phases, type Phase, type Run, type Step } from "./pipeline.ts";
import { BadPacket, OutOfRange } from "./protocol/reader.ts";
import { refusalOf } from "./refusal.ts";
import { RequestContext } from "./request-context.ts";

/** Lines that the session's log has written. */
let logged: { readonly fields: Record<string, unknown>; readonly message: string }[];
beforeEach(() => void (logged = []));

const log = {
  child: () => log,
  error: (fields: Record<string, unknown>, message: string) => void logged.push({ fields, message }),
  debug: () => undefined,
};
const session = { log, user: { name: "alice" } } as unknown as Session;

function contextOf<K extends OperationName>(op: K, request: Request<K>): RequestContext<K> {
  return new RequestContext(op, request, session);
}
const removal = (): RequestContext<"remove"> => contextOf("remove", { path: sftpPath("/a") });

function step<P extends Phase>(
  phase: P,
  run: Extract<Step, { phase: P }>["run"],
  operations?: readonly OperationName[],
  plugin = "test",
): Step {
  return { plugin, operations, phase, run } as unknown as Step;
}

/** What happened, in order. */
function recorder(): { readonly events: string[]; note(event: string): void; serve: Run<"remove"> } {
  const events: string[] = [];
  const note = (event: string): void => void events.push(event);
  return { events, note, serve: () => Promise.resolve(note("serve")) };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("compile", () => {
  it("is what serves the operation where no step applies: nothing is added", () => {
    const serve: Run<"remove"> = () => Promise.resolve();
    expect(compile("remove", [], serve)).toBe(serve);
    expect(compile("remove", [step("guard", () => undefined, ["write"])], serve)).toBe(serve);
  });

  it("runs phases from the outside in, whatever the order of registration", async () => {
    expect(phases).toEqual(["observe", "divert", "guard", "serve"]);
    const { events, note, serve } = recorder();
    const around = step("serve", async (_, next) => {
      note("use in");
      await next();
      note("use out");
    });
    const steps = [
      around,
      step("guard", () => note("before")),
      step("divert", () => note("divert")),
      step("observe", () => note("after")),
    ];
    for (const order of [steps, steps.toReversed()]) {
      events.length = 0;
      await compile("remove", order, serve)(removal());
      expect(events).toEqual(["divert", "before", "use in", "serve", "use out", "after"]);
    }
  });

  it("runs the steps of a phase in the order of registration: the first is outermost", async () => {
    const { events, note, serve } = recorder();
    const around = (name: string): Step =>
      step("serve", async (_, next) => {
        note(`${name} in`);
        await next();
        note(`${name} out`);
      });
    const steps = [
      step("observe", () => note("after 1")),
      step("observe", () => note("after 2")),
      step("divert", () => note("divert 1")),
      step("divert", () => Promise.resolve(note("divert 2"))),
      step("guard", () => note("before 1")),
      step("guard", async () => note("before 2")),
      step("guard", () => note("before 3")),
      around("use 1"),
      around("use 2"),
    ];
    await compile("remove", steps, serve)(removal());
    expect(events).toEqual([
      "divert 1",
      "divert 2",
      "before 1",
      "before 2",
      "before 3",
      "use 1 in",
      "use 2 in",
      "serve",
      "use 2 out",
      "use 1 out",
      "after 1",
      "after 2",
    ]);
  });

  it("takes only the steps that were registered for the operation, or for all", async () => {
    const { events, note, serve } = recorder();
    const steps = [
      step("guard", () => note("all")),
      step("guard", () => note("remove"), ["remove"]),
      step("guard", () => note("several"), ["write", "remove"]),
      step("guard", () => note("write"), ["write"]),
      step("guard", () => note("none"), []),
      step("serve", () => Promise.reject(new Error("not mine")), ["rename"]),
      step("divert", () => note("divert write"), ["write"]),
      step("observe", () => note("after open"), ["open"]),
    ];
    await compile("remove", steps, serve)(removal());
    expect(events).toEqual(["all", "remove", "several", "serve"]);
    expect(steps.map((one) => appliesTo(one, "write"))).toEqual([true, false, true, true, false, false, true, false]);
  });
});

describe("guards", () => {
  it("that are synchronous make no promise beyond that of what they guard", () => {
    const served = Promise.resolve();
    const guards = [step("guard", () => undefined), step("guard", () => undefined)];
    expect(compile("remove", guards, () => served)(removal())).toBe(served);
  });

  it.each([
    ["by throwing", () => void fail()],
    ["by rejecting", async () => void fail()],
  ])("refuse %s, and nothing behind them runs", async (_, refuse) => {
    const { events, note, serve } = recorder();
    const steps = [
      step("guard", () => note("first")),
      step("guard", refuse),
      step("guard", () => note("never")),
      step("serve", async (__, next) => (note("never"), next())),
    ];
    await expect(compile("remove", steps, serve)(removal())).rejects.toMatchObject({ status: "permissionDenied" });
    expect(events).toEqual(["first"]);
  });

  it("that are asynchronous are waited for, in turn", async () => {
    const { events, note, serve } = recorder();
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const steps = [step("guard", () => gate.then(() => note("first"))), step("guard", () => note("second"))];
    const done = compile("remove", steps, serve)(removal());
    await turn();
    expect(events).toEqual([]);
    open();
    await done;
    expect(events).toEqual(["first", "second", "serve"]);
  });

  function fail(): never {
    throw new SftpError("permissionDenied");
  }
});

describe("diversions", () => {
  const reading = (): RequestContext<"open"> =>
    contextOf("open", {
      path: sftpPath("/asked"),
      flags: { read: true, write: false, append: false, create: false, truncate: false, exclusive: false },
      attributes: {},
    });

  it("change what is served and leave what was asked, one after the other", async () => {
    const seen: string[] = [];
    const ctx = reading();
    const steps = [
      step("divert", (diverted) => {
        if (diverted.op === "open") seen.push(diverted.request.path);
        return { path: sftpPath("/first") };
      }),
      step("divert", async (diverted) => {
        if (diverted.op === "open") seen.push(diverted.request.path);
        return { attributes: { mode: 0o600 } };
      }),
      step("divert", () => undefined),
      step("guard", (guarded) => {
        if (guarded.op === "open") seen.push(guarded.request.path, guarded.original.path);
      }),
    ];
    await compile("open", steps, () => Promise.resolve())(ctx);
    expect(seen).toEqual(["/asked", "/first", "/first", "/asked"]);
    expect(ctx.request).toEqual({ ...ctx.original, path: "/first", attributes: { mode: 0o600 } });
    expect(ctx.original).toMatchObject({ path: "/asked", attributes: {} });
  });

  it("that throw refuse the request before any guard", async () => {
    const { events, note, serve } = recorder();
    const steps = [
      step("divert", () => {
        throw new SftpError("noSuchFile");
      }),
      step("guard", () => note("guard")),
    ];
    await expect(compile("remove", steps, serve)(removal())).rejects.toMatchObject({ status: "noSuchFile" });
    expect(events).toEqual([]);
  });
});

describe("observers", () => {
  async function outcomeOf<K extends OperationName>(
    op: K,
    ctx: RequestContext<K>,
    serve: Run<K>,
    inner: readonly Step[] = [],
  ): Promise<Outcome> {
    const outcomes: Outcome[] = [];
    const steps = [...inner, step("observe", (_, outcome) => void outcomes.push(outcome))];
    await compile(op, steps, serve)(ctx).catch(() => undefined);
    expect(outcomes).toHaveLength(1);
    return outcomes[0]!;
  }

  it("see that a request succeeded, and how long it took", async () => {
    const outcome = await outcomeOf("remove", removal(), () => Promise.resolve());
    expect(outcome).toEqual({ status: "ok", durationMs: expect.any(Number) as number });
    expect(outcome.durationMs).toBeGreaterThanOrEqual(0);
  });

  it("see what a guard, a diversion or a middleware refused, with the error", async () => {
    const error = new SftpError("quotaExceeded");
    const refuse = (): never => {
      throw error;
    };
    for (const phase of ["divert", "guard", "serve"] as const) {
      const outcome = await outcomeOf("remove", removal(), () => Promise.resolve(), [step(phase, refuse as never)]);
      expect(outcome).toMatchObject({ status: "quotaExceeded", error });
    }
  });

  it.each<[string, unknown, string]>([
    ["an error of node:fs", Object.assign(new Error("x"), { code: "ENOENT" }), "noSuchFile"],
    ["an error that nobody foresaw", new TypeError("x"), "failure"],
    ["something thrown that is no error", "text", "failure"],
    ["a malformed field of an extension", new BadPacket("Packet too short"), "badMessage"],
    ["a number too large in an extension", new OutOfRange(), "invalidParameter"],
  ])("see %s by the status that the client is told", async (_, error, status) => {
    const outcome = await outcomeOf("remove", removal(), () => Promise.reject(error));
    expect(refusalOf(error, session.log).status).toBe(status);
    expect(outcome).toMatchObject({ status, error });
  });

  it("see the end of a file and of a listing as such", async () => {
    const file = {} as OpenFile;
    const read = contextOf("read", { file, position: 0, length: 10 });
    const give =
      (bytes: number): Run<"read"> =>
      async (ctx) =>
        void (ctx.result = Buffer.alloc(bytes));
    expect(await outcomeOf("read", read, give(0))).toMatchObject({ status: "eof" });
    expect(await outcomeOf("read", read, give(1))).toMatchObject({ status: "ok" });
    const listing = contextOf("readdir", { directory: {} as never });
    const list: Run<"readdir"> = async (ctx) => void (ctx.result = []);
    expect(await outcomeOf("readdir", listing, list)).toMatchObject({ status: "eof" });
    const extended = contextOf("extended", { name: "x", data: Buffer.alloc(0) });
    const empty: Run<"extended"> = async (ctx) => void (ctx.result = Buffer.alloc(0));
    expect(await outcomeOf("extended", extended, empty)).toMatchObject({ status: "ok" });
  });

  it("cannot change the answer, and one that fails keeps nobody else from seeing it", async () => {
    const seen: string[] = [];
    const steps = [
      step("observe", () => void seen.push("first")),
      step(
        "observe",
        () => {
          throw new SftpError("failure", "observer broken");
        },
        undefined,
        "broken",
      ),
      step("observe", () => void seen.push("last")),
    ];
    await compile("remove", steps, () => Promise.resolve())(removal());
    const refused = compile("remove", steps, () => Promise.reject(new SftpError("noSuchFile")))(removal());
    await expect(refused).rejects.toMatchObject({ status: "noSuchFile" });
    expect(seen).toEqual(["first", "last", "first", "last"]);
    expect(logged).toMatchObject([{ fields: { plugin: "broken" } }, { fields: { plugin: "broken" } }]);
  });
});

describe("middleware", () => {
  it("may answer instead, without calling next()", async () => {
    const { events, serve } = recorder();
    const ctx = contextOf("readlink", { path: sftpPath("/a") });
    const steps = [
      step("serve", async (inner) => {
        if (inner.op === "readlink") inner.result = "/target";
      }),
    ];
    await compile("readlink", steps, serve as unknown as Run<"readlink">)(ctx);
    expect(events).toEqual([]);
    expect(ctx.result).toBe("/target");
  });

  it("may be a plain function that returns next()", async () => {
    const { events, serve } = recorder();
    await compile("remove", [step("serve", (_, next) => next())], serve)(removal());
    expect(events).toEqual(["serve"]);
  });

  it.each<[string, (next: () => Promise<void>) => Promise<unknown>]>([
    ["awaits it", async (next) => await next()],
    ["returns it", (next) => next()],
    ["chains on it", (next) => next().then(() => undefined)],
    ["catches from it", (next) => next().catch(() => undefined)],
    ["cleans up behind it", (next) => next().finally(() => undefined)],
    ["awaits it together with something else", (next) => Promise.all([next(), turn()])],
    [
      "awaits it later",
      async (next) => {
        const work = next();
        await turn();
        await work;
      },
    ],
  ])("listens to next() when it %s", async (_, listen) => {
    for (const below of [() => Promise.resolve(), turn]) {
      const { events, note } = recorder();
      const listening = step("serve", async (__, next) => void (await listen(next)));
      await compile("remove", [listening], () => below().then(() => note("serve")))(removal());
      expect(events).toEqual(["serve"]);
    }
  });

  it("that listens to next() without waiting for it is refused, when the request has finished below", async () => {
    const events: string[] = [];
    const hasty = step("serve", async (_, next) => {
      void next().then(() => events.push("heard"));
    });
    const run = compile("remove", [hasty], () => turn().then(() => void events.push("serve")));
    await expect(run(removal())).rejects.toThrow("did not await next()");
    expect(events).toEqual(["serve", "heard"]);
  });

  it("may change what comes back, and turn an error into an answer or another error", async () => {
    const broken: Run<"readlink"> = () => Promise.reject(new SftpError("noSuchFile"));
    const ctx = contextOf("readlink", { path: sftpPath("/a") });
    const recover = step("serve", async (inner, next) => {
      await next().catch(() => inner.op === "readlink" && (inner.result = "/default"));
    });
    await compile("readlink", [recover], broken)(ctx);
    expect(ctx.result).toBe("/default");
    const rethrow = step("serve", async (_, next) => {
      try {
        await next();
      } catch {
        throw new SftpError("permissionDenied");
      }
    });
    await expect(compile("readlink", [rethrow], broken)(ctx)).rejects.toMatchObject({ status: "permissionDenied" });
  });

  it("passes on an error from below where it catches nothing, and runs what it holds in finally", async () => {
    const { events, note } = recorder();
    const pair = step("serve", async (_, next) => {
      note("reserve");
      try {
        await next();
      } finally {
        note("release");
      }
    });
    const run = compile("remove", [pair], () => Promise.reject(new SftpError("noSpace")));
    await expect(run(removal())).rejects.toMatchObject({ status: "noSpace" });
    expect(events).toEqual(["reserve", "release"]);
  });

  it("that throws without being asynchronous is a refusal like any other", async () => {
    const { serve } = recorder();
    const thrower = step("serve", () => {
      throw new SftpError("permissionDenied");
    });
    await expect(compile("remove", [thrower], serve)(removal())).rejects.toMatchObject({ status: "permissionDenied" });
  });

  it("that calls next() twice is served once and is told so, with its name", async () => {
    const { events, serve } = recorder();
    const twice = step(
      "serve",
      async (_, next) => {
        await next();
        await next();
      },
      undefined,
      "doubler",
    );
    await expect(compile("remove", [twice], serve)(removal())).rejects.toThrow(
      'The "remove" middleware of plugin "doubler" called next() twice',
    );
    expect(events).toEqual(["serve"]);
  });

  it("that calls next() twice is refused even where it does not wait for the second", async () => {
    const { events, serve } = recorder();
    const twice = step("serve", async (_, next) => {
      const first = next();
      void next();
      await first;
    });
    await expect(compile("remove", [twice], serve)(removal())).rejects.toThrow("called next() twice");
    expect(events).toEqual(["serve"]);
  });

  it("that calls next() again after it failed is told so, and the request is not served again", async () => {
    let served = 0;
    const retry = step("serve", async (_, next) => next().catch(() => next()));
    const run = compile("remove", [retry], () => {
      served += 1;
      return Promise.reject(new SftpError("failure"));
    });
    await expect(run(removal())).rejects.toThrow("called next() twice");
    expect(served).toBe(1);
  });

  it("that does not await next() is refused, and nobody answers before the request has finished below", async () => {
    let finish: () => void = () => undefined;
    const below = new Promise<void>((resolve) => (finish = resolve));
    const careless = step(
      "serve",
      async (_, next) => {
        void next();
      },
      undefined,
      "careless",
    );
    let settled = false;
    const outcome = compile(
      "remove",
      [careless],
      () => below,
    )(removal()).catch((error: Error) => {
      settled = true;
      return error.message;
    });
    await turn();
    expect(settled).toBe(false);
    finish();
    expect(await outcome).toBe('The "remove" middleware of plugin "careless" did not await next()');
  });

  it("that throws without awaiting next() is refused with its own error, when the request has finished below", async () => {
    let finish: () => void = () => undefined;
    const below = new Promise<void>((resolve) => (finish = resolve));
    const careless = step("serve", async (_, next) => {
      void next();
      throw new SftpError("permissionDenied");
    });
    const outcome = compile("remove", [careless], () => below)(removal()).catch((error: SftpError) => error.status);
    await turn();
    finish();
    expect(await outcome).toBe("permissionDenied");
  });

  it("that does not await next() does not let an error from below escape", async () => {
    const careless = step("serve", async (_, next) => {
      void next();
    });
    const run = compile("remove", [careless], async () => {
      await turn();
      throw new SftpError("noSuchFile");
    });
    await expect(run(removal())).rejects.toThrow("did not await next()");
  });

  it("that does not await next() is refused even where the request failed below before it returns", async () => {
    const careless = step("serve", async (_, next) => {
      void next();
      await turn();
    });
    const run = compile("remove", [careless], () => Promise.reject(new SftpError("noSpace")));
    await expect(run(removal())).rejects.toBeInstanceOf(Error);
  });

  it("that calls next() after it has returned is told so, and nothing is served", async () => {
    const { events, serve } = recorder();
    let late: (() => Promise<void>) | undefined;
    const steps = [
      step(
        "serve",
        async (_, next) => {
          late = next;
        },
        undefined,
        "sleeper",
      ),
    ];
    await compile("remove", steps, serve)(removal());
    await expect(late?.()).rejects.toThrow(
      'The "remove" middleware of plugin "sleeper" called next() after it had returned',
    );
    expect(events).toEqual([]);
    expect(logged).toMatchObject([
      {
        fields: { err: { message: expect.stringContaining('"sleeper"') as string } },
        message: "A middleware misbehaved",
      },
    ]);
  });

  it("that awaits next() serves once however many middlewares there are around it", async () => {
    let served = 0;
    const steps = Array.from({ length: 50 }, () => step("serve", async (_, next) => next()));
    await compile("remove", steps, async () => void (served += 1))(removal());
    expect(served).toBe(1);
  });

  describe("whose misuse nobody awaits", () => {
    const escaped: unknown[] = [];
    const note = (reason: unknown): void => void escaped.push(reason);
    const others = process.listeners("unhandledRejection");
    beforeEach(() => {
      escaped.length = 0;
      process.removeAllListeners("unhandledRejection");
      process.on("unhandledRejection", note);
    });
    afterEach(() => {
      process.removeAllListeners("unhandledRejection");
      for (const listener of others) process.on("unhandledRejection", listener);
    });

    it.each<[string, Extract<Step, { phase: "serve" }>["run"]]>([
      [
        "a second next()",
        async (_, next) => {
          await next();
          void next();
        },
      ],
      [
        "a late next()",
        async (_, next) => {
          setImmediate(() => void next());
        },
      ],
    ])("cannot end the process with %s", async (_, run) => {
      await compile("remove", [step("serve", run)], () => Promise.resolve())(removal()).catch(() => undefined);
      await turn();
      await turn();
      expect(escaped).toEqual([]);
    });
  });
});
